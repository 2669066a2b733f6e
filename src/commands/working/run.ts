// buildah run: a command in a working container.
// Source: buildah-run(1).

import type { ContainerSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { fill, list, text, texts, toggle } from "../../cli/flag.ts";
import { isTerminal } from "../../cli/prompt.ts";
import type { Host } from "../../engine/host.ts";
import { changeWorking, getWorking, type WorkingContainer } from "../../engine/working/records.ts";
import { runWorking } from "../../engine/working/run.ts";
import { field } from "../container/spec-flag.ts";
import { refuse } from "../container/written/refuse.ts";
import { lentTerminal } from "../../engine/terminals.ts";
import { verb, type VerbCall } from "../verb.ts";
import { compatibleBuildah } from "../version.ts";
import { emptyEntry, wantsHistory } from "./config-changes.ts";
import { inFront, workingNames } from "./operands.ts";
import { capabilityFlags, isolationOf, namespaceFlags, volume } from "./run-flags.ts";
import { readRunMounts } from "./run-mount.ts";

const flags = {
  ...namespaceFlags,
  ...capabilityFlags,
  volume,
  addHistory: toggle({ help: "add an entry for this operation to the image's history.  Use BUILDAH_HISTORY environment variable to override. (default false)" }),
  contextdir: text({ help: "context directory path" }),
  env: texts({ secret: "value", short: "e", help: "add environment variable to be set temporarily when running command (default [])" }),
  hostname: field(text({ help: "set the hostname inside of the container" }), (spec, name) => {
    spec.hostname = name;
  }),
  isolation: text({ value: "type", help: "type of process isolation to use. Use BUILDAH_ISOLATION environment variable to override." }),
  mount: texts({ help: "attach a filesystem mount to the container (default [])" }),
  noHostname: field(toggle({ help: "do not override the /etc/hostname file within the container" }), (spec, on) => {
    spec.noHostname = on;
  }),
  noHosts: field(toggle({ help: "do not override the /etc/hosts file within the container" }), (spec, on) => {
    spec.noHosts = on;
  }),
  noPivot: toggle({ help: "do not use pivot root to jail process inside rootfs" }),
  runtime: text({ value: "path", help: "path to an alternate OCI runtime", shown: '"crun"' }),
  runtimeFlag: list({ help: "add global flags for the container runtime" }),
  terminal: toggle({ short: "t", help: "allocate a pseudo-TTY in the container", aliases: ["tty"] }),
  user: field(text({ value: "user[:group]", help: "user[:group] to run the command as" }), (spec, user) => {
    spec.user = user;
  }),
  workingdir: field(text({ help: "temporarily set working directory for command (default to container's workingdir)" }), (spec, directory) => {
    spec.workdir = directory;
  }),
} as const;
type Line = VerbCall<typeof flags>;

export default verb({
  usage: "[flags] CONTAINER COMMAND [ARG...]",
  about: "\n  Runs a specified command using the container's root filesystem as a root\n  filesystem, using configuration settings inherited from the container's\n  image or as specified using previous calls to the config command.",
  operands: { complete: workingNames, check() {} },
  interspersed: false,
  flags,
  examples: ["buildah run containerID -- ps -auxw", "buildah run --terminal containerID /bin/bash", "buildah run --volume /path/on/host:/path/in/container:ro,z containerID /bin/sh"],
  async run(line) {
    const { context, flags: asked, operands, given } = line;
    if (operands.length === 0) throw refuse("container ID must be specified");
    const [name, ...rest] = operands;
    const argv = rest[0] === "--" ? rest.slice(1) : rest;
    if (argv.length === 0) throw refuse("command must be specified");
    const record = recordNamed(line, name!);
    const isolation = isolationFor(line, record);
    using mounts = await readRunMounts(context.host, asked.mount, asked.contextdir);
    using terminal = needsTerminal(line) ? lentTerminal() : undefined;
    const status = await runWorking(await hostFor(line), record, {
      argv,
      isolation,
      engine: `buildah-${compatibleBuildah}`,
      streams: { stdin: terminal?.stdin ?? "inherit" },
      spec: specOf(line, mounts.mounts),
      env: variablesOf(asked.env),
    }).catch((thrown: unknown) => {
      if (!(thrown instanceof Fault) || !/^(process|runtime)\./.test(thrown.code)) throw thrown;
      // What the runtime says ends with 1; a user is looked for before it is asked.
      throw new Fault(thrown.code, thrown.message, { cause: thrown, exit: thrown.code === "process.no-account" ? 125 : 1 });
    });
    if (status !== 0) throw new Fault("runtime.failed", `while running runtime: exit status ${status}`, { exit: status });
    if (!wantsHistory(asked, given)) return;
    const shell = record.config.config?.Shell?.join(" ") || "/bin/sh -c";
    changeWorking(context.host, record.id, (before) => ({ ...before, prepended: [...(before.prepended ?? []), emptyEntry(`${shell} ${argv.join(" ")}`)] }));
  },
});

function recordNamed({ context }: Line, name: string): WorkingContainer {
  try {
    return getWorking(context.host, name);
  } catch (thrown) {
    throw inFront(`reading build container ${JSON.stringify(name)}`, thrown);
  }
}

/** With the runtime and its options as this line wants them. */
async function hostFor({ context: { host }, flags: asked }: Line): Promise<Host> {
  const runtime = asked.runtime || process.env["BUILDAH_RUNTIME"];
  if (!runtime && asked.runtimeFlag.length === 0) return host;
  const { openHost } = await import("../../engine/host.ts");
  return openHost({ ...host.options, ...(runtime ? { runtime } : {}), ...(asked.runtimeFlag.length > 0 ? { runtimeFlags: asked.runtimeFlag } : {}) });
}

/** A terminal is wanted where our standard input is none: the runtime gets one of ours to begin with. */
const needsTerminal = ({ flags: asked, given }: Line): boolean => given.has("terminal") && asked.terminal && !isTerminal(0);

function isolationFor({ flags: asked, given }: Line, record: WorkingContainer): string {
  const isolation = given.has("isolation") || process.env["BUILDAH_ISOLATION"] ? isolationOf(asked.isolation) : record.isolation ?? "oci";
  if (given.has("network") && given.has("isolation") && isolation === "chroot" && asked.network !== "host") {
    throw refuse("cannot set --network other than host with --isolation chroot");
  }
  return isolation;
}

function specOf({ flags: asked, given }: Line, mounts: readonly NonNullable<ContainerSpec["mounts"]>[number][]): ContainerSpec {
  const spec: ContainerSpec = {};
  fill(flags, { flags: asked, given }, spec);
  if (mounts.length > 0) spec.mounts = [...(spec.mounts ?? []), ...mounts];
  if (given.has("terminal") ? asked.terminal : isTerminal(0) && isTerminal(1)) spec.terminal = true;
  return spec;
}

/** "NAME=VALUE", "NAME" and "PREFIX*" of ours, or "*" for all of them. */
export function variablesOf(written: readonly string[]): string[] {
  const own = Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return written.flatMap((text) => {
    if (text.includes("=")) return [text];
    if (text === "*") return own;
    const start = text.endsWith("*") ? text.slice(0, -1) : `${text}=`;
    return own.filter((variable) => variable.startsWith(start));
  });
}
