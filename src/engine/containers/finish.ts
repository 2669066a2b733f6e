// What follows a container's end, once, by whoever comes first: exit code kept, network and mounts taken down.

import type { ContainerState } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { isAlive } from "../../kernel/processes.ts";
import type { Host } from "../host.ts";
import { disconnect } from "../networks/connect.ts";
import { planLeaving, type Leaving } from "../networks/leaving.ts";
import type { ContainerRecord } from "../state/state.ts";
import { removeFromRuntime } from "./launch.ts";
import { ended, isLive, readExitFile, noticeStart } from "./observe.ts";
import { containerEvent } from "./container-event.ts";
import { removalNote } from "./removal-note.ts";
import { unmountRoot } from "./root.ts";

/** Keeps the end of a live state in one step, and that its removal begins, so that a crash after it loses nothing. */
function noteEnd(host: Host, record: ContainerRecord, isRemoved = false): ContainerRecord {
  if (!isLive(record.state)) return record;
  const exit = readExitFile(host, record.id);
  // criu ends what it has dumped by a kill, which says nothing of the program.
  const end = record.state.checkpointed ? { ...ended(record.state, exit), exitCode: 0 } : ended(record.state, exit);
  const state: ContainerState = isRemoved ? { ...end, status: "removing" } : end;
  host.state.transaction(() => {
    host.state.saveState(record.id, state);
    if (isRemoved) host.state.noteUnfinished(removalNote(record, true));
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

/** The tools of the runtime and of the network, which work side by side, and beside us. */
async function tearDown(host: Host, record: ContainerRecord, { leaving, beside }: { leaving: Leaving | undefined; beside: () => void }): Promise<void> {
  const tearing = Promise.allSettled([removeFromRuntime(host, record, { quiet: true }), leaving ? undefined : disconnect(host, record, record.state)]);
  leaving?.closePorts();
  beside();
  const torn = await tearing;
  for (const result of torn) if (result.status === "rejected") log.warn(`Cleaning up container ${record.id}: ${String((result.reason as Error).message)}`);
}

/** A container that ended and is half removed; `leaves`: its network is noted for later. */
export interface HalfRemoved {
  readonly record: ContainerRecord;
  readonly leaves: boolean;
}

/**
 * The end of a container that goes with it: what finish and the first half of a removal do, while the runtime's tool is at work.
 * Its row stands as "removing" with a note until `removeRecord` has done the rest.
 *
 * @returns undefined for one that did not just run to its end
 */
export async function finishToRemove(host: Host, record: ContainerRecord, { networkLater }: { networkLater: boolean }): Promise<HalfRemoved | undefined> {
  const { state } = record;
  if (state.status !== "running" || state.checkpointing || !readExitFile(host, record.id)) return undefined;
  await untilGone(state);
  if (state.pid !== undefined && isAlive(state.pid, state.pidStart)) return undefined;
  const leaving = networkLater ? planLeaving(host, record) : undefined;
  let stopped = record;
  await tearDown(host, record, { leaving, beside() {
    stopped = noteEnd(host, record, true);
    unmountRoot(host, record);
    if (host.store.roots.find(record.id)) host.store.roots.remove(record.id);
  } });
  if (leaving) host.state.transaction(leaving.note);
  containerEvent(host, record, "cleanup");
  if (state.health) (await import("../health/timer.ts")).pokeTimer(host);
  return { record: stopped, leaves: leaving !== undefined };
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
  const leaving = networkLater ? planLeaving(host, record) : undefined;
  await tearDown(host, record, { leaving, beside: () => unmountRoot(host, record) });
  const { networkStatus: _status, networkNamespace: _namespace, mountpoint: _mountpoint, execIds: _execs, ...rest } = stopped.state;
  const done = { ...rest, status: "exited" as const };
  host.state.transaction(() => {
    for (const session of host.state.execs(record.id)) host.state.removeExec(session.id);
    host.state.saveState(record.id, done);
    leaving?.note();
  });
  containerEvent(host, record, "cleanup");
  if (state.health) (await import("../health/timer.ts")).pokeTimer(host);
  return { ...stopped, state: done };
}
