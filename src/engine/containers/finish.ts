// What follows a container's end, once, by whoever comes first: exit code kept, network and mounts taken down.

import type { ContainerState } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { isAlive } from "../../kernel/processes.ts";
import type { Host } from "../host.ts";
import { disconnect } from "../networks/connect.ts";
import { mayLeaveLater } from "../networks/leaving.ts";
import type { ContainerRecord } from "../state/state.ts";
import { removeFromRuntime } from "./launch.ts";
import { ended, isLive, readExitFile, noticeStart } from "./observe.ts";
import { containerEvent } from "./container-event.ts";
import { unmountRoot } from "./root.ts";

/** Keeps the end of a live state in one step, so that a crash after it loses nothing. */
function noteEnd(host: Host, record: ContainerRecord): ContainerRecord {
  if (!isLive(record.state)) return record;
  const exit = readExitFile(host, record.id);
  // criu ends what it has dumped by a kill, which says nothing of the program.
  const state = record.state.checkpointed ? { ...ended(record.state, exit), exitCode: 0 } : ended(record.state, exit);
  host.state.transaction(() => {
    host.state.saveState(record.id, state);
    host.state.keepExitCode(record.id, state.exitCode ?? 0);
  });
  if (!record.state.checkpointed) containerEvent(host, record, "died", { ContainerExitCode: state.exitCode ?? 0 });
  return { ...record, state };
}

/** A run that was to end by a dump: what only the mounted container has is saved beside the images, where the dump is whole. */
async function dumped(host: Host, record: ContainerRecord): Promise<ContainerRecord> {
  const { noteDump } = await import("../checkpoints/note.ts");
  return noteDump(host, record);
}

/** A run that never got as far as its program. */
function noteNeverRun(host: Host, record: ContainerRecord): ContainerRecord {
  const { pid: _pid, pidStart: _start, conmonPid: _conmon, ...rest } = record.state;
  const state = { ...rest, status: "stopped" as const };
  host.state.saveState(record.id, state);
  return { ...record, state };
}

/** conmon tells of a --timeout a moment before its kill has worked. */
async function untilGone({ pid, pidStart }: ContainerState): Promise<void> {
  for (let pauseMs = 2; pid !== undefined && isAlive(pid, pidStart) && pauseMs < 2000; pauseMs *= 2) await Bun.sleep(pauseMs);
}

/** The runtime's own process, which waits to become the program, goes with the container it was made for. */
async function dropUnstarted(host: Host, record: ContainerRecord): Promise<void> {
  await removeFromRuntime(host, record, { quiet: true });
  await untilGone(record.state);
}

/**
 * The lock is held by the caller and the process is gone. May be called again after a crash of ours at any point.
 *
 * @param options.networkLater what takes long in the kernel may be noted for later, where nobody can tell (see networks/leaving.ts)
 * @throws Fault "container.running" when the process lives
 */
export async function finish(host: Host, record: ContainerRecord, { networkLater = false } = {}): Promise<ContainerRecord> {
  const { state } = record;
  if (readExitFile(host, record.id)) await untilGone(state);
  if (state.status === "initialized" && noticeStart(host, record).state.status === "initialized") await dropUnstarted(host, record);
  if (state.pid !== undefined && isAlive(state.pid, state.pidStart)) {
    throw new Fault("container.running", `container ${record.id} is running or paused, refusing to clean up: container state improper`);
  }
  if (state.status === "created" || state.status === "exited" || state.status === "removing") return record;
  const stopped = state.status === "initialized" ? noteNeverRun(host, record) : noteEnd(host, state.checkpointing ? await dumped(host, record) : record);
  const leaves = networkLater && mayLeaveLater(record);
  // The tools of the runtime and of the network work side by side, and beside us.
  const tearing = Promise.allSettled([removeFromRuntime(host, record, { quiet: true }), leaves ? undefined : disconnect(host, record, state)]);
  unmountRoot(host, record);
  const torn = await tearing;
  for (const result of torn) if (result.status === "rejected") log.warn(`Cleaning up container ${record.id}: ${String((result.reason as Error).message)}`);
  const { networkStatus: _status, networkNamespace: _namespace, mountpoint: _mountpoint, execIds: _execs, ...rest } = stopped.state;
  const done = { ...rest, status: "exited" as const };
  host.state.transaction(() => {
    for (const session of host.state.execs(record.id)) host.state.removeExec(session.id);
    host.state.saveState(record.id, done);
    if (leaves) host.state.noteLeaving(record);
  });
  containerEvent(host, record, "cleanup");
  if (state.health) (await import("../health/timer.ts")).pokeTimer(host);
  return { ...stopped, state: done };
}
