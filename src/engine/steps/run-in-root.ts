// Running one program in a root to its end, with no monitor: a RUN of a build, `buildah run`.
// Source: runtime-spec runtime.md; crun(1), runc(8), "run".

import { existsSync, mkdirSync } from "node:fs";
import type { ContainerSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import type { Stdio } from "../../base/spawn.ts";
import { closeQuietly, pipe2, writeAll } from "../../kernel/files.ts";
import { writeBundle } from "../../runtime/bundle.ts";
import { allSaid, lastError, runtimeFault } from "../../runtime/complaint.ts";
import type { ConfigFacts } from "../../runtime/facts.ts";
import type { OciConfig } from "../../runtime/oci.ts";
import { ociConfig } from "../../runtime/oci-config.ts";
import { deleteContainer } from "../../runtime/oci-runtime.ts";
import { spawnRuntime } from "../../runtime/program.ts";
import { withCdiDevices } from "../cdi/devices.ts";
import { cgroupManagerOf, gatherFacts } from "../containers/config-facts.ts";
import { copyDefaultMounts } from "../containers/default-mounts.ts";
import { writeEtcFiles } from "../containers/etc-files.ts";
import { hooksOf } from "../containers/hooks.ts";
import { resolve } from "../containers/resolve.ts";
import { labelFiles, rootInTheMaking, withStepLabels } from "../containers/labels.ts";
import { giveToRoot } from "../containers/prepare.ts";
import { mountRoot, unmountRoot } from "../containers/root.ts";
import { removeTree } from "../containers/run-files.ts";
import { runtimeOf } from "../containers/runtime-choice.ts";
import type { Host } from "../host.ts";
import { forgetLock, holdLock } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { missingMountpoints } from "./mountpoints.ts";
import { openStepNetwork, type StepNetwork } from "./step-network.ts";

/** Takes what the program prints. */
export type Sink = (chunk: Uint8Array) => void;

export interface StepStreams {
  /** Default: nothing to read. */
  readonly stdin?: "inherit" | "ignore" | number;
  /** Default: ours. */
  readonly stdout?: "inherit" | Sink;
  readonly stderr?: "inherit" | Sink;
}

export interface RootRun {
  /** ID of a root of the store. It is mounted for the run, one user more where it is mounted already. */
  readonly id: string;
  /** Shown in /run/.containerenv and as the host's name where the spec has none. */
  readonly name?: string;
  /** What runs: `command` is the whole argv. What is absent comes from containers.conf, as for a container. */
  readonly spec: ContainerSpec;
  /** The whole environment, "KEY=VALUE". HOME and HOSTNAME are added where they are absent. */
  readonly env: readonly string[];
  readonly streams?: StepStreams;
  /** Kept open by the caller over several runs; absent: one of the run's own, as the spec says. */
  readonly network?: StepNetwork;
  /** Ends the program by force. */
  readonly signal?: AbortSignal;
  /** Empty mountpoints that the runtime had to make go again, unless this is set. */
  readonly keepMountpoints?: boolean;
}

/**
 * Runs it and answers its exit status; 128 + n when a signal ended it.
 *
 * @throws Fault "process.not-found", "process.not-executable", "runtime.failed" where it could not be started
 */
export async function runInRoot(host: Host, run: RootRun): Promise<number> {
  const record = withCdiDevices(host, recordOf(host, run));
  return noted(host, record, () => runRecord(host, record, run));
}

async function runRecord(host: Host, record: ContainerRecord, run: RootRun): Promise<number> {
  const runDir = host.paths.runDir(record.id);
  mkdirSync(runDir, { recursive: true, mode: 0o700 });
  const network = run.network ?? await openStepNetwork(host, record.spec);
  const { users } = network;
  using alone = users.maps === undefined ? undefined : takeAlone(host, record.id);
  const root = mountRoot(host, record, users, { keepsOwners: true, volatile: alone?.isVolatile ?? false });
  try {
    const bindMounts = { ...copyDefaultMounts(host, record), ...writeEtcFiles(host, record, network.status) };
    const own = Object.values(bindMounts).filter(path => path.startsWith(`${runDir}/`));
    labelFiles(record.spec, own);
    giveToRoot(host, record, own, users.maps);
    const facts = await gatherFacts(host, record, {
      root: root.path, shownRoot: root.shown, mounts: root.mounts, bindMounts, users, ...(network.namespace === undefined ? {} : { namespace: network.namespace }),
    });
    const config = stepConfig(ociConfig(record.spec, { ...facts, cgroups: { ...facts.cgroups, ...cgroupOf(host, record, facts) } }));
    const bundle = `${runDir}/bundle`;
    const hooks = hooksOf(host, record);
    writeBundle(bundle, { ...config, ...(hooks ? { hooks } : {}) });
    const made = run.keepMountpoints ? undefined : missingMountpoints(root.path, config.mounts.map(({ destination }) => destination));
    try {
      return await runBundle(host, { record, bundle, run });
    } finally {
      made?.remove();
    }
  } finally {
    if (run.network === undefined) await network.close();
    unmountRoot(host, record);
    removeTree(runDir);
  }
}

/** A root has the users of one run at a time: whoever has it mounted gets it back afterwards. */
function takeAlone({ store: { roots } }: Host, id: string): Disposable & { isVolatile: boolean } {
  const count = roots.find(id)?.mountCount ?? 0;
  const isVolatile = count > 0 && roots.isVolatile(id);
  if (count > 0) roots.unmount(id, { force: true });
  return {
    isVolatile,
    [Symbol.dispose]: () => {
      for (let at = 0; at < count; at++) roots.mount(id, { ...rootInTheMaking(), volatile: isVolatile });
    },
  };
}

/** Should we die, the next command ends the program. The lock of the root itself is taken and given back by others meanwhile. */
async function noted<T>(host: Host, record: ContainerRecord, act: () => Promise<T>): Promise<T> {
  const name = `run-${record.id}`;
  using _held = await holdLock(host, name);
  const { id, state, spec: { runtime, rootfs } } = record;
  // Of a step's spec nothing more may be written down: its environment may hold secrets.
  host.state.noteUnfinished({ id, name: record.name, state, spec: { ...(runtime ? { runtime } : {}), ...(rootfs ? { rootfs } : {}) } }, name);
  try {
    return await act();
  } finally {
    host.state.forgetLeaving(name);
    forgetLock(host, name);
  }
}

/** Added capabilities are root's: no other user gets them without being asked for. */
function stepConfig(config: OciConfig): OciConfig {
  const { process } = config;
  if (process.user.uid === 0 || !process.capabilities) return config;
  return { ...config, process: { ...process, capabilities: { ...process.capabilities, ambient: [] } } };
}

/** No monitor needs a common parent. */
function cgroupOf(host: Host, { id, spec }: ContainerRecord, { cgroups }: ConfigFacts): { path?: string } {
  if (cgroups.path === undefined || cgroupManagerOf(host) === "systemd") return {};
  return { path: `${(spec.cgroupParent ?? "").replace(/\/+$/, "")}/buildah-${id}` };
}

/** Of a container that no list shows. */
function recordOf(host: Host, { id, name = id.slice(0, 12), spec: asked, env }: RootRun): ContainerRecord {
  if (asked.security?.learn) throw new Fault("usage.unsupported", "cannot learn from a step of a build", { hint: "learn from a container of the finished image: podman run --security-opt label=learn:NAME" });
  const isAlone = asked.network?.mode === "none" && !asked.dnsServers;
  const { spec } = resolve(host, { ...asked, ...(isAlone ? { noHosts: true, dnsServers: ["none"] } : {}), log: { driver: "none" } }, { id, name });
  const variables = Object.fromEntries(env.map(line => {
    const equals = line.indexOf("=");
    return equals < 0 ? [line, ""] : [line.slice(0, equals), line.slice(equals + 1)];
  }));
  const whole = { ...variables, ...(variables["HOSTNAME"] === undefined ? { HOSTNAME: spec.hostname ?? "" } : {}) };
  const { unsetEnv: _unset, unsetEnvAll: _all, ...rest } = spec;
  // No limit of processes but one that was asked for, as buildah has it; 0 leaves the controller alone.
  const resources = { ...rest.resources, pidsLimit: asked.resources?.pidsLimit ?? 0 };
  return { id, name, spec: { ...withStepLabels(host, rest), resources, env: whole, workdirOfImage: true }, state: { status: "created", createdAt: "" } };
}

interface BundleRun {
  readonly record: ContainerRecord;
  readonly bundle: string;
  readonly run: RootRun;
}

async function runBundle(host: Host, { record, bundle, run }: BundleRun): Promise<number> {
  const program = runtimeOf(host, record.spec);
  const logFile = `${bundle}/oci-log`;
  const pidFile = `${bundle}/pid`;
  const { stdin = "ignore", stdout = "inherit", stderr = "inherit" } = run.streams ?? {};
  run.signal?.throwIfAborted();
  const outputs = [new Output(stdout), new Output(stderr)];
  const args = ["--log-format=json", "--log", logFile, "run", "--pid-file", pidFile, "--bundle", bundle, record.id];
  const child = spawnRuntime(program, args, [stdin, ...outputs.map(({ theirs }) => theirs)]);
  const stop = (): void => void deleteContainer(program, record.id, { force: true }).catch(() => child.kill(9));
  run.signal?.addEventListener("abort", stop, { once: true });
  try {
    const [status] = await Promise.all([child.exited, ...outputs.map(output => output.pump())]);
    // Whoever gives the runtime options of its own, such as --debug, wants to see what it says.
    if (host.options.runtimeFlags?.length) tell(stderr, allSaid(logFile));
    if (status !== 0) throwComplaint(program.name, { logFile, pidFile });
    return status;
  } finally {
    run.signal?.removeEventListener("abort", stop);
    // Asked only where something may be left: after an orderly end the runtime has deleted it itself.
    if (run.signal?.aborted) await deleteContainer(program, record.id, { force: true }).catch((thrown: Error) => log.debug(thrown.message));
  }
}

function tell(stderr: "inherit" | Sink, lines: readonly string[]): void {
  const bytes = new TextEncoder().encode(lines.map(line => `${line}\n`).join(""));
  if (stderr === "inherit") writeAll(2, bytes);
  else if (bytes.length > 0) stderr(bytes);
}

/** A real pipe, which the program may open again as /dev/stdout. */
class Output {
  readonly theirs: Stdio;
  readonly #sink: "inherit" | Sink;
  readonly #ours: number = -1;

  constructor(sink: "inherit" | Sink) {
    this.#sink = sink;
    this.theirs = "inherit";
    if (sink === "inherit") return;
    [this.#ours, this.theirs] = pipe2();
  }

  /** To be called once the child runs: passes on what it prints until all who have its end are gone. */
  async pump(): Promise<void> {
    if (this.#sink === "inherit") return;
    closeQuietly(this.theirs as number);
    try {
      for await (const chunk of Bun.file(this.#ours).stream()) this.#sink(chunk);
    } finally {
      closeQuietly(this.#ours);
    }
  }
}

/** The runtime logs only its own failures; a program that failed by itself leaves the log without an error. */
function throwComplaint(name: string, { logFile, pidFile }: { logFile: string; pidFile: string }): void {
  const said = lastError(logFile);
  if (said !== "") throw runtimeFault(name, said);
  // What it printed has been passed on.
  if (!existsSync(pidFile)) throw new Fault("runtime.failed", `${name}: it ended before the program began`);
}
