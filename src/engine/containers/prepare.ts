// Everything between a created container and one that the runtime has made: root, network, files, bundle, monitor.
// The steps that do not need each other run side by side.

import { chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { ContainerState, NetworkStatus } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import type { IdMaps } from "../../base/id-mapping.ts";
import { log } from "../../base/log.ts";
import { closeQuietly } from "../../kernel/files.ts";
import { processStart } from "../../kernel/processes.ts";
import type { Host } from "../host.ts";
import { connect, connectOutward, disconnect, hasOwnNamespace, isBridged, join, makeNamespace, plannedStatus, refuseUnreachable } from "../networks/connect.ts";
import type { Joined } from "../networks/netavark.ts";
import { pastaStatus } from "../networks/pasta.ts";
import { reservePorts } from "../networks/held-ports.ts";
import { placeSecrets, withSecretEnvironment } from "../secrets/uses.ts";
import { withCdiDevices } from "../cdi/devices.ts";
import { openUsers, rootOf } from "../users/start.ts";
import { settleAbandoned, settleHeld } from "../networks/leaving.ts";
import type { ContainerRecord } from "../state/state.ts";
import { containerEvent } from "./container-event.ts";
import { copyDefaultMounts } from "./default-mounts.ts";
import { writeEtcFiles } from "./etc-files.ts";
import { endHalfStart, hasHalfStart } from "./half-start.ts";
import { writeUserFiles } from "./user-files.ts";
import { labelFiles } from "./labels.ts";
import { beginLaunch, removeFromRuntime, type BegunLaunch, type RestoreLaunch } from "./launch.ts";
import { removeTree } from "./run-files.ts";
import { mountRoot, unmountRoot, type MountedRoot } from "./root.ts";
import { isLive } from "./observe.ts";

function clearLeavings(host: Host, id: string): void {
  rmSync(`${host.paths.exits}/${id}`, { force: true });
  removeTree(host.paths.runDir(id));
  for (const directory of [host.paths.exits, host.paths.runDir(id), host.paths.staticDir(id)]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  rmSync(`${host.paths.staticDir(id)}/exec`, { recursive: true, force: true });
}

/** Namespaces of other containers as paths, so that the runtime needs to know no other container. */
function withPaths(host: Host, record: ContainerRecord): ContainerRecord {
  const pathOf = (id: string | undefined, kind: string): string => {
    const other = id === undefined ? undefined : host.state.findById(id);
    if (!other?.state.pid || !isLive(other.state)) {
      throw new Fault("container.wrong-state", `cannot join the ${kind} namespace of container ${id}: it is not running: container state improper`, { hint: "start that container first" });
    }
    return `/proc/${other.state.pid}/ns/${kind}`;
  };
  const { spec } = record;
  const namespaces = Object.fromEntries(Object.entries(spec.namespaces ?? {}).map(([kind, mode]) =>
    [kind, mode.kind === "container" ? { kind: "path" as const, target: pathOf(mode.target, kind) } : mode]));
  const network = spec.network?.mode === "container" ? { mode: "path" as const, target: pathOf(spec.network.target, "net") } : spec.network;
  return { ...record, spec: { ...spec, namespaces, ...(network ? { network } : {}) } };
}

/** hosts and resolv.conf of the container whose network is shared. */
function sharedFiles(host: Host, { spec }: ContainerRecord): Record<string, string> {
  const other = spec.network?.mode === "container" && spec.network.target ? host.state.findById(spec.network.target) : undefined;
  const files = other?.state.bindMounts ?? {};
  return Object.fromEntries(Object.entries(files).filter(([target]) => target === "/etc/hosts" || target === "/etc/resolv.conf"));
}

async function undo(host: Host, record: ContainerRecord, networkStatus: Record<string, NetworkStatus> | undefined): Promise<void> {
  try {
    await removeFromRuntime(host, record, { quiet: true });
    await disconnect(host, record, { ...record.state, ...(networkStatus ? { networkStatus } : {}) });
    unmountRoot(host, record);
  } catch (thrown) {
    log.warn(`Cleaning up after the failed start of container ${record.id}: ${(thrown as Error).message}`);
  }
}

/** Files of ours belong to the container's root; secrets have owners of their own. */
export function giveToRoot(host: Host, { id }: ContainerRecord, files: readonly string[], maps: IdMaps | undefined): void {
  if (!maps) return;
  const { uid, gid } = rootOf(maps);
  for (const file of files) if (!file.startsWith(`${host.paths.runDir(id)}/secrets/`)) chownSync(file, uid, gid);
}

/** What the kernel is about to get for it is noted first: should we die, others know what to take down. */
function joinNoted(host: Host, record: ContainerRecord): Joined[] {
  return host.state.transaction(() => {
    const joined = join(host, record);
    host.state.noteUnfinished({ ...record, state: { ...record.state, status: "created", networkStatus: plannedStatus(joined) } });
    return joined;
  });
}

interface Launching {
  readonly state: ContainerState;
}

/** A start from a checkpoint: the program goes on where it was, at once, so all must be there before. */
export interface Restoring extends RestoreLaunch {
  /** Fills root, volumes and /dev/shm, which are mounted by then. */
  fill(root: MountedRoot): void;
}

async function connectAndLaunch(host: Host, record: ContainerRecord, restoring?: Restoring): Promise<Launching> {
  let networkStatus: Record<string, NetworkStatus> | undefined;
  let networking: Promise<void> = Promise.resolve();
  let heldFds: number[] = [];
  let launching: BegunLaunch | undefined;
  try {
    refuseUnreachable(host, record);
    const { spec: joining } = withPaths(host, record);
    heldFds = reservePorts(host, record);
    // Who connects a user's namespace binds the ports, and keeps them as long as it lives.
    if (hasOwnNamespace(record) && host.rootless) for (const fd of heldFds.splice(0)) closeQuietly(fd);
    if (!restoring) launching = beginLaunch(host, record, { heldFds });
    using users = openUsers(joining, hasOwnNamespace(record));
    const namespace = hasOwnNamespace(record) ? makeNamespace(host, record.id, users.networkPath) : undefined;
    if (isBridged(record)) networking = connect(host, record, joinNoted(host, record)).then(status => void (networkStatus = status));
    else if (namespace && host.rootless) networking = connectOutward(host, record, namespace);
    // Handled below; until then a failure must not count as one that nobody saw.
    networking.catch(() => {});
    if (restoring) await networking;
    launching ??= beginLaunch(host, record, { heldFds, restoring });
    const root = mountRoot(host, record, users);
    restoring?.fill(root);
    const defaults = copyDefaultMounts(host, record);
    const bindMounts: Record<string, string> = {
      ...defaults, ...placeSecrets(host, record, defaults), ...sharedFiles(host, record),
      ...writeEtcFiles(host, record, networkStatus), ...writeUserFiles(host, record, root.path),
    };
    const own = [...Object.values(bindMounts)].filter(path => path.startsWith(`${host.paths.runDir(record.id)}/`));
    labelFiles(record.spec, own);
    giveToRoot(host, record, own, users.maps);
    for (const directory of record.spec.chrootDirs ?? []) {
      for (const [target, source] of Object.entries(bindMounts)) if (target.startsWith("/etc/")) bindMounts[`${directory.replace(/\/$/, "")}${target}`] = source;
    }
    const whole = withSecretEnvironment(host, withPaths(host, record));
    const readied = { root: root.path, shownRoot: root.shown, mounts: root.mounts, bindMounts, users, ...(namespace ? { namespace } : {}) };
    const launched = launching.complete(whole, readied);
    const [made, network] = await Promise.allSettled([launched, networking]);
    if (network.status === "rejected") throw network.reason;
    if (made.status === "rejected") throw made.reason;
    const { pid, conmonPid, bundle } = made.value;
    const answered = networkStatus ?? (record.spec.network?.mode === "pasta" ? pastaStatus(pid) : undefined);
    if (answered && !restoring) writeEtcFiles(host, record, answered);
    const pidStart = processStart(pid);
    return {
      state: {
        ...lasting(record.state), status: "initialized", pid, ...(pidStart === undefined ? {} : { pidStart }), conmonPid, bundle, bindMounts,
        mountpoint: root.path, ...(namespace ? { networkNamespace: namespace } : {}), ...(networkStatus ? { networkStatus } : {}),
      },
    };
  } catch (thrown) {
    launching?.abandon();
    await networking.catch(() => {});
    await undo(host, record, networkStatus);
    host.state.forgetLeaving(record.id);
    throw thrown;
  } finally {
    for (const fd of heldFds) closeQuietly(fd);
  }
}

/** What a state keeps from run to run. */
function lasting(state: ContainerState): ContainerState {
  const { exitCode: _code, finishedAt: _finished, oomKilled: _oom, error: _error, stoppedByUser: _stopped, execIds: _execs, ...rest } = state;
  return rest;
}

/**
 * Brings a container to "initialized"; the lock is held by the caller. What was set up is taken down when a step fails.
 *
 * @throws Fault, "process.not-found" and "process.not-executable" among them
 */
export async function prepare(host: Host, record: ContainerRecord, restoring?: Restoring): Promise<ContainerRecord> {
  // Its conmon writes an exit file still, which must not be taken for that of the new run.
  if (hasHalfStart(host, record)) await endHalfStart(host, record);
  clearLeavings(host, record.id);
  if (isBridged(record)) {
    await settleHeld(host, record.id);
    await settleAbandoned(host);
  }
  try {
    if (record.spec.security?.learn) (await import("./learn.ts")).startLearner(host, record);
    const { state } = await connectAndLaunch(host, withCdiDevices(host, record), restoring);
    host.state.transaction(() => {
      host.state.saveState(record.id, state);
      host.state.forgetLeaving(record.id);
    });
    const { pidfile, conmonPidfile } = record.spec;
    if (pidfile && state.pid) writeFileSync(pidfile, String(state.pid));
    if (conmonPidfile && state.conmonPid) writeFileSync(conmonPidfile, String(state.conmonPid));
    if (!restoring) containerEvent(host, record, "init");
    return { ...record, state };
  } catch (thrown) {
    if (thrown instanceof Fault) host.state.saveState(record.id, { ...lasting(record.state), error: thrown.message, exitCode: thrown.exit });
    throw thrown;
  }
}
