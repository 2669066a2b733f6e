// Removing many at once: those that only lie there go by two transactions for all of them, and one line of events each in one write.

import { rmSync } from "node:fs";
import type { HeldLock } from "../../kernel/locks.ts";
import type { Lease } from "../../storage/store.ts";
import type { Host } from "../host.ts";
import { lockIfFree, forgetLock } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { hasAnonymousVolumes } from "../volumes/anonymous.ts";
import { containerEvents } from "./container-event.ts";
import { hasHalfStart } from "./half-start.ts";
import { removalNote } from "./removal-note.ts";
import { removeFiles } from "./remove.ts";
import { unmountRoot } from "./root.ts";

/** Each has its lock meanwhile, and a note until its row is gone. */
const batchMax = 100;

export interface RemoveMany {
  readonly volumes: boolean;
  readonly trash: Lease;
}

/** Answers which are gone; the others run, are busy, are needed by others, or have more than themselves to be removed, and are for a removal by itself. */
export function removeMany(host: Host, ids: readonly string[], how: RemoveMany): Set<string> {
  const needed = new Set(host.state.withRequirements().flatMap(({ spec }) => spec.requires ?? []));
  const candidates = ids.filter(id => !needed.has(id));
  const gone = new Set<string>();
  for (let at = 0; at < candidates.length; at += batchMax) {
    for (const id of removeBatch(host, candidates.slice(at, at + batchMax), how)) gone.add(id);
  }
  return gone;
}

function removeBatch(host: Host, ids: readonly string[], { volumes, trash }: RemoveMany): string[] {
  const locks: HeldLock[] = [];
  try {
    const ours = ids.filter(id => {
      const lock = lockIfFree(host, id);
      if (lock) locks.push(lock);
      return lock !== undefined;
    });
    const idle = noteIdle(host, ours, volumes);
    for (const record of idle) {
      unmountRoot(host, record);
      removeFiles(host, record, trash);
    }
    host.store.transaction(() => {
      for (const { id } of idle) {
        host.store.roots.remove(id, trash);
        host.state.remove(id);
        host.state.forgetLeaving(id);
        host.state.freeAddresses(id);
      }
    });
    for (const { id, spec } of idle) {
      if (spec.cidfile) rmSync(spec.cidfile, { force: true });
      forgetLock(host, id);
    }
    containerEvents(host, idle, "remove");
    return idle.map(({ id }) => id);
  } finally {
    for (const lock of locks) lock.release();
  }
}

const isIdle = (host: Host, record: ContainerRecord, volumes: boolean): boolean =>
  (record.state.status === "created" || record.state.status === "exited")
  && !((volumes || record.spec.remove) && hasAnonymousVolumes(record))
  && !hasHalfStart(host, record) && host.state.findLeaving(record.id) === undefined;

/** In one transaction: should we die, the next command ends what has begun. */
const noteIdle = (host: Host, ids: readonly string[], volumes: boolean): ContainerRecord[] =>
  host.state.transaction(() => ids.flatMap(id => {
    const record = host.state.findById(id);
    if (!record || !isIdle(host, record, volumes)) return [];
    host.state.saveState(id, { ...record.state, status: "removing" });
    host.state.noteUnfinished(removalNote(record, volumes));
    return [record];
  }));
