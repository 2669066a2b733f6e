// From a line of create or run to its ContainerSpec, with the checks that need several flags at once.
// Source: podman-run(1).

import { readFileSync } from "node:fs";
import type { ContainerSpec } from "../../base/container-spec.ts";
import { reasonOf } from "../../base/fault.ts";
import { fill } from "../../cli/flag.ts";
import { parseMountMap } from "../../engine/users/mount-map.ts";
import type { CreateOptions } from "../../engine/containers/create.ts";
import { imageSystem, progressOf, readPullPolicy } from "../pulling.ts";
import { prompter } from "../short-name-prompt.ts";
import type { Invocation } from "../verb.ts";
import { warn } from "../warnings.ts";
import { addConfigured } from "./configured.ts";
import { createFlags, type CreateFlags } from "./create-flags.ts";
import { withStatic } from "./written/networks.ts";
import { refuse } from "./written/refuse.ts";
import { absolute, checkTargets } from "./written/volumes.ts";

export interface CreateLine {
  readonly context: Invocation;
  readonly flags: CreateFlags;
  readonly given: ReadonlySet<string>;
  readonly operands: readonly string[];
}

/** @throws Fault "usage.invalid" */
export function specOf(line: CreateLine): ContainerSpec {
  checkConflicts(line);
  if (line.given.has("kernelMemory")) warn("The --kernel-memory flag is no longer supported. This flag is a noop.");
  const { flags, given, operands, context } = line;
  const spec: ContainerSpec = { createCommand: [...context.argv] };
  fill(createFlags, { flags, given }, spec);
  const [image, ...command] = operands;
  if (flags.rootfs) spec.rootfs = readRootfs(image!);
  else spec.imageName = image!;
  if (command.length > 0) spec.command = command;
  setNetwork(spec, flags, given);
  if (spec.uidMap || spec.gidMap || spec.subuidName || spec.subgidName) {
    spec.namespaces = { ...spec.namespaces, user: { kind: "private" } };
  }
  checkTargets(spec.mounts ?? []);
  addConfigured(spec, context.host);
  return spec;
}

function setNetwork(spec: ContainerSpec, flags: CreateFlags, given: ReadonlySet<string>): void {
  const ips = [flags.ip, flags.ip6].filter((ip) => ip !== undefined);
  const network = withStatic(spec.network, { ips, ...(flags.macAddress ? { mac: flags.macAddress } : {}), aliases: flags.networkAlias });
  if (network) spec.network = network;
  const mode = spec.network?.mode;
  const hasDns = given.has("dns") || given.has("dnsOption") || given.has("dnsSearch");
  if (hasDns && (mode === "none" || mode === "container")) throw refuse(`conflicting options: dns and the network mode: ${mode}`);
  if (spec.hostAdd?.length && mode === "container") {
    throw refuse("cannot set extra host entries when the container is joined to another containers network namespace: invalid configuration");
  }
}

/** PATH[:O][:idmap[=MAP]] */
function readRootfs(written: string): NonNullable<ContainerSpec["rootfs"]> {
  const [path = "", ...options] = written.split(":");
  const idmap = options.find((option) => option === "idmap" || option.startsWith("idmap="));
  if (idmap?.includes("=")) parseMountMap(idmap.slice("idmap=".length));
  return {
    path: absolute(path),
    ...(options.includes("O") ? { overlay: true } : {}),
    ...(idmap === undefined ? {} : { idmap: idmap.slice("idmap=".length) }),
  };
}

const together: readonly (readonly [keyof typeof createFlags, keyof typeof createFlags, string])[] = [
  ["cpuPeriod", "cpus", "--cpu-period and --cpus cannot be set together"],
  ["cpuQuota", "cpus", "--cpu-quota and --cpus cannot be set together"],
  ["noHealthcheck", "healthCmd", "cannot specify both --no-healthcheck and --health-cmd"],
  ["noHealthcheck", "healthStartupCmd", "cannot specify both --no-healthcheck and --health-startup-cmd"],
  ["pod", "podIdFile", "cannot specify both --pod and --pod-id-file"],
];
const mapFlags = ["uidmap", "gidmap", "subuidname", "subgidname"];

function checkConflicts({ flags, given, operands }: CreateLine): void {
  for (const [one, other, message] of together) if (given.has(one) && given.has(other)) throw refuse(message);
  if (flags.noHosts && given.has("addHost")) throw refuse("--no-hosts and --add-host cannot be set together");
  if (flags.noHosts && given.has("hostsFile")) throw refuse("--no-hosts and --hosts-file cannot be set together");
  if (given.has("userns") && mapFlags.some((name) => given.has(name))) {
    throw refuse("--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually exclusive");
  }
  if (given.has("platform") && (given.has("arch") || given.has("os"))) {
    throw refuse("--platform option can not be specified with --arch or --os");
  }
  if (flags.groupAdd.includes("keep-groups") && flags.groupAdd.length > 1) {
    throw refuse("the '--group-add keep-groups' option is not allowed with any other --group-add options");
  }
  if (flags.replace && !flags.name) throw refuse("cannot replace container without --name being set");
  if (operands[0] === "" ) throw refuse("image name must not be empty");
  const restarts = flags.restart !== undefined && !["", "no", "never"].includes(flags.restart);
  if (flags.rm && restarts && !flags.restart!.startsWith("on-failure")) {
    throw refuse(`the --rm option conflicts with --restart, when the restartPolicy is not "" and "no"`);
  }
}

/** What `create` of the engine needs besides the spec. */
export function createOptionsOf(line: CreateLine): CreateOptions {
  const { context, flags, given } = line;
  const prompt = prompter();
  return {
    pull: readPullPolicy(flags.pull),
    replace: flags.replace,
    quiet: flags.quiet,
    pullOptions: { system: imageSystem(context, flags, given), onProgress: progressOf(context, flags.quiet), ...(prompt ? { prompt } : {}) },
  };
}
