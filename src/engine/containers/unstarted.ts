// Containers of `run --rm` on their way to their start: should the command die before they run, nobody else would ever remove them.

import type { HeldLock } from "../../kernel/locks.ts";
import type { Host } from "../host.ts";
import { forgetLock, fresh, holdLock, lockedIfFree } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { isStartUnderWay } from "./half-start.ts";
import { removeFromRuntime } from "./launch.ts";

export const unstartedNote = "unstarted-";

const held = new Map<string, HeldLock>();

/** From now until it runs, or we die. */
export async function holdUnstarted(host: Host, id: string): Promise<void> {
  held.set(id, await holdLock(host, unstartedNote + id));
}

/** In the transaction that makes its row. */
export function noteUnstarted(host: Host, { id, name }: ContainerRecord): void {
  if (held.has(id)) host.state.noteUnfinished({ id, name, spec: {}, state: { status: "created", createdAt: "" } }, unstartedNote + id);
}

/** In the transaction that says that it runs; `releaseUnstarted` when that is done. */
export function forgetUnstarted(host: Host, id: string): void {
  if (held.has(id)) host.state.forgetLeaving(unstartedNote + id);
}

export function releaseUnstarted(host: Host, id: string): void {
  const lock = held.get(id);
  if (lock === undefined) return;
  held.delete(id);
  forgetLock(host, unstartedNote + id);
  lock.release();
}

/** With the note's lock held: whoever had it is dead. What runs all the same stays, and removes itself at its end. */
export async function settleUnstarted(host: Host, note: string): Promise<void> {
  const id = note.slice(unstartedNote.length);
  const isSettled = await lockedIfFree(host, id, async () => {
    if (host.state.findById(id) === undefined) return true;
    const record = fresh(host, id);
    if (isStartUnderWay(host, record)) return false;
    const { status } = record.state;
    if (status === "created" || status === "initialized") await removeUnstarted(host, record);
    return true;
  });
  if (!isSettled) return;
  host.state.forgetLeaving(note);
  forgetLock(host, note);
}

/** Its process only waits to be started; its network is there. */
async function removeUnstarted(host: Host, record: ContainerRecord): Promise<void> {
  const [{ finish }, { removeRecord }] = await Promise.all([import("./finish.ts"), import("./remove.ts")]);
  if (record.state.status === "initialized") await removeFromRuntime(host, record, { quiet: true });
  await removeRecord(host, await finish(host, record), { volumes: true });
}
