// restore: a checkpointed container goes on where it was.
// Source: podman-container-restore(1), criu(8).

import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import type { ContainerSpec, NetworkAttachment } from "../../base/container-spec.ts";
import type { ContainerState } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { nowRfc3339Nano } from "../../base/time.ts";
import { setHostname } from "../../kernel/namespaces.ts";
import { checkpointRuntime, restoreOptions } from "../../runtime/checkpointing.ts";
import { cgroupPathOf, removeCgroupTree } from "../../runtime/cgroups.ts";
import { forgetUnified } from "../../runtime/criu-cgroups.ts";
import { complaintOf, criuEnvironment, criuFault, knowsSelinux, needCriu, type Criu } from "../../runtime/criu.ts";
import { readStatistics, type CriuStatistics } from "../../runtime/criu-images.ts";
import { isSelinuxEnabled, isSelinuxEnforcing } from "../../security/labels.ts";
import type { Choice, Outcome } from "../batch.ts";
import { choose, onEach } from "../containers/choose.ts";
import { cgroupManagerOf } from "../containers/config-facts.ts";
import { containerEvent } from "../containers/container-event.ts";
import { finish } from "../containers/finish.ts";
import { removeFromRuntime } from "../containers/launch.ts";
import { hasEnded, isLive } from "../containers/observe.ts";
import { prepare, type Restoring } from "../containers/prepare.ts";
import type { MountedRoot } from "../containers/root.ts";
import { runtimeOf } from "../containers/runtime-choice.ts";
import { startNeeded } from "../containers/start.ts";
import { freshHealth, hasHealthcheck } from "../health/settings.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { checkpointFiles, forgetCheckpoint, isWhole, readNetworkStatus, type CheckpointFiles } from "./files.ts";
import { restoreShm } from "./shm.ts";

export interface RestoreOptions {
  readonly keep?: boolean;
  readonly tcpEstablished?: boolean;
  readonly tcpClose?: boolean;
  readonly fileLocks?: boolean;
  /** Other addresses than it had. */
  readonly ignoreStaticIp?: boolean;
  readonly ignoreStaticMac?: boolean;
  /** Under SELinux: goes on without the container's label where criu cannot give it back. */
  readonly allowLabelLoss?: boolean;
  /** For a copy of another name: what the machine is called inside, where criu gives it the original's. */
  readonly hostname?: string;
  /** Fills the mounted root and volumes, for a container that was imported. */
  readonly fill?: (root: MountedRoot) => void;
}

export interface RestoreOutcome extends Outcome {
  /** Microseconds in the runtime, the network and mounts beside it. */
  readonly runtimeUs?: number;
  readonly statistics?: CriuStatistics;
}

function refuseState(host: Host, record: ContainerRecord, files: CheckpointFiles): void {
  const { id, state } = record;
  const isIdle = state.status === "created" || state.status === "exited";
  if (!isIdle) throw new Fault("container.wrong-state", `container ${id} is running or paused, cannot restore: container state improper`);
  if (isWhole(files)) return;
  throw new Fault("checkpoint.failed", `a complete checkpoint for this container cannot be found, cannot restore: stat ${files.images}/inventory.img: no such file or directory`, {
    hint: "checkpoint it first with: podman container checkpoint, or give an archive with --import",
  });
}

const withoutStatic = (attachment: NetworkAttachment, { ignoreStaticIp, ignoreStaticMac }: RestoreOptions): NetworkAttachment => {
  const { ips, mac, ...rest } = attachment;
  return { ...rest, ...(ips && !ignoreStaticIp ? { ips } : {}), ...(mac && !ignoreStaticMac ? { mac } : {}) };
};

/** What is to be forgotten is forgotten for good, as the original does. */
function forgetStatic(host: Host, record: ContainerRecord, options: RestoreOptions): ContainerRecord {
  const { network } = record.spec;
  if (!network?.networks || !(options.ignoreStaticIp || options.ignoreStaticMac)) return record;
  const spec: ContainerSpec = { ...record.spec, network: { ...network, networks: network.networks.map(one => withoutStatic(one, options)) } };
  host.state.saveSpec(record.id, spec);
  return { ...record, spec };
}

/** For this run alone: the addresses and interface names that it had. */
function withAddresses(record: ContainerRecord, files: CheckpointFiles, options: RestoreOptions): ContainerRecord {
  const status = readNetworkStatus(files);
  const { network } = record.spec;
  if (!status || !network?.networks) return record;
  const networks = network.networks.map((attachment): NetworkAttachment => {
    const [found] = Object.entries(status[attachment.network]?.interfaces ?? {});
    if (!found) return attachment;
    const [interfaceName, { mac_address: mac, subnets = [] }] = found;
    const { ips: _ips, mac: _mac, ...rest } = attachment;
    return {
      ...rest, interfaceName,
      ...(options.ignoreStaticMac ? {} : { mac }),
      ...(options.ignoreStaticIp ? {} : { ips: subnets.map(({ ipnet }) => ipnet.split("/")[0]!) }),
    };
  });
  return { ...record, spec: { ...record.spec, network: { ...network, networks } } };
}

/** What the runtime and criu made before they failed. */
async function clear(host: Host, record: ContainerRecord): Promise<void> {
  await removeFromRuntime(host, record, { quiet: true });
  clearCgroups(host, record);
}

/** Of systemd's it takes care itself. */
function clearCgroups(host: Host, record: ContainerRecord): void {
  const path = cgroupPathOf(record.spec, record.id, cgroupManagerOf(host), { rootless: host.rootless });
  if (path !== undefined && !path.includes(":")) removeCgroupTree(path);
}

function labelOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/attr/current`, "utf8").replace(/\0|\n/g, "");
  } catch {
    return "";
  }
}

const wantedLabel = ({ spec }: ContainerRecord): string => (isSelinuxEnabled() ? spec.security?.processLabel ?? "" : "");

const lossHint = "use a criu built with SELinux, or accept an unconfined container with --allow-label-loss";

/**
 * Debian's criu knows nothing of SELinux: what was confined would go on unconfined, and nobody would say so.
 *
 * @throws Fault "checkpoint.failed" before anything of it runs
 */
export function refuseLabelLoss(record: ContainerRecord, criu: Criu, options: RestoreOptions): void {
  const wanted = wantedLabel(record);
  if (wanted === "" || options.allowLabelLoss || !isSelinuxEnforcing() || knowsSelinux(criu)) return;
  throw new Fault("checkpoint.failed", `cannot restore safely: container ${record.id} has the SELinux label ${JSON.stringify(wanted)}, and ${criu.path} was built without SELinux and would let it go on unconfined`, { hint: lossHint });
}

/** Whatever criu is able to, the kernel has the last word. */
async function checkLabel(host: Host, record: ContainerRecord, options: RestoreOptions): Promise<void> {
  const wanted = wantedLabel(record);
  if (wanted === "" || record.state.pid === undefined) return;
  const has = labelOf(record.state.pid);
  if (has === wanted) return;
  const sentence = `container ${record.id} was restored with the SELinux label ${JSON.stringify(has)} instead of ${JSON.stringify(wanted)}`;
  if (options.allowLabelLoss || !isSelinuxEnforcing()) return log.warn(`${sentence}: it is not confined by its policy`);
  await removeFromRuntime(host, record, { quiet: true });
  await finish(host, record);
  throw new Fault("checkpoint.failed", `cannot restore safely: ${sentence}, so it was stopped; its checkpoint is kept`, { hint: lossHint });
}

/** In the runtime's bundle, where conmon has criu work. */
const bundleFile = (host: Host, id: string, name: string): string => `${host.paths.runDir(id)}/bundle/${name}`;

async function launchRestored(host: Host, record: ContainerRecord, restoring: Restoring): Promise<ContainerRecord> {
  try {
    return await prepare(host, record, restoring);
  } catch (thrown) {
    await clear(host, record);
    host.state.saveState(record.id, record.state);
    const isRuntime = thrown instanceof Fault && /^(runtime|process)\./.test(thrown.code);
    const restoreLog = bundleFile(host, record.id, "restore.log");
    if (!isRuntime) throw thrown;
    throw complaintOf(restoreLog) ? criuFault(`restore container ${record.id}`, restoreLog, thrown.message) :
      new Fault("checkpoint.failed", `cannot restore container ${record.id}: ${thrown.message}`, { hint: thrown.hint });
  }
}

function noteRestored(host: Host, record: ContainerRecord, options: RestoreOptions): ContainerRecord {
  const { checkpointed: _checkpointed, checkpointedAt: _at, checkpointPath, checkpointLog, health: _health, ...rest } = record.state;
  const now = nowRfc3339Nano();
  const files = checkpointFiles(host, record.id);
  const checked = hasHealthcheck(record.spec);
  const state: ContainerState = {
    ...rest, status: "running", startedAt: now, stoppedByUser: false, restored: true, restoredAt: now,
    ...(checked ? { health: freshHealth } : {}),
    ...(options.keep ? { ...(checkpointPath ? { checkpointPath } : {}), ...(checkpointLog ? { checkpointLog } : {}), restoreLog: files.restoreLog } : {}),
  };
  host.state.saveState(record.id, state);
  return { ...record, state };
}

/** The lock is held by the caller. */
export async function restoreLocked(host: Host, before: ContainerRecord, options: RestoreOptions): Promise<Partial<RestoreOutcome>> {
  const record = forgetStatic(host, hasEnded(host, before) || before.state.status === "stopped" ? await finish(host, before) : before, options);
  const files = checkpointFiles(host, record.id);
  refuseState(host, record, files);
  const criu = needCriu();
  refuseLabelLoss(record, criu, options);
  const program = checkpointRuntime(runtimeOf(host, record.spec));
  clearCgroups(host, record);
  forgetUnified(files.images);
  const started = performance.now();
  const launched = await launchRestored(host, withAddresses(record, files, options), {
    program, images: files.images, options: restoreOptions(program, options), env: criuEnvironment(criu),
    fill(root) {
      options.fill?.(root);
      restoreShm(host, record, files.shm);
    },
  });
  const runtimeUs = Math.round((performance.now() - started) * 1000);
  const running = noteRestored(host, { ...record, state: launched.state }, options);
  await checkLabel(host, running, options);
  if (options.hostname !== undefined && running.state.pid !== undefined && running.spec.namespaces?.uts?.kind !== "host") setHostname(running.state.pid, options.hostname);
  containerEvent(host, record, "restore");
  const made = bundleFile(host, record.id, "stats-restore");
  const statistics = readStatistics(made, "restore");
  if (options.keep) keepLogs(host, record.id, files);
  else forgetCheckpoint(files);
  for (const name of ["restore.log", "stats-restore"]) rmSync(bundleFile(host, record.id, name), { force: true });
  if (running.state.health) (await import("../health/timer.ts")).needTimer(host, running);
  return { runtimeUs, ...(statistics ? { statistics } : {}) };
}

function keepLogs(host: Host, id: string, files: CheckpointFiles): void {
  for (const [name, target] of [["restore.log", files.restoreLog], ["stats-restore", files.restoreStatistics]] as const) {
    if (!existsSync(bundleFile(host, id, name))) continue;
    try {
      renameSync(bundleFile(host, id, name), target);
    } catch {
      // Another file system: the run directory lies in memory.
      void Bun.write(target, readFileSync(bundleFile(host, id, name)));
    }
  }
}

/** One after the other; --all means those that a checkpoint has ended. */
export async function restore(host: Host, choice: Choice, options: RestoreOptions = {}): Promise<RestoreOutcome[]> {
  if (host.rootless) throw new Fault("system.denied", "restoring a container requires root");
  const chosen = choose(host, choice, { all: record => !isLive(record.state) && isWhole(checkpointFiles(host, record.id)) });
  return onEach<RestoreOutcome>(chosen, async ({ id }) => {
    await startNeeded(host, fresh(host, id));
    return locked(host, id, () => restoreLocked(host, fresh(host, id), options));
  });
}
