// Leases: who is making something is known by a file lock, which the kernel frees when its process dies.

import * as fs from "node:fs";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { spawn } from "../base/spawn.ts";
import { type HeldLock, lockFile } from "../kernel/locks.ts";
import { AT_FDCWD, findStat, fstat } from "../kernel/files.ts";
import { mounts, unmountAll } from "../kernel/mounts.ts";
import { randomName, rootPath, stagingPath, type StorePlace } from "./place.ts";
import type { Lease } from "./store.ts";
import { removePath } from "./tree.ts";

const attemptsMax = 16;

/** `collect` runs at the end of a lease whose makings nobody may need. */
export function takeLease(place: StorePlace, collect: () => void): Lease {
  const { id, lock } = lockFresh(place);
  const directory = `${stagingPath(place)}/${id}`;
  fs.mkdirSync(directory, { mode: 0o700 });
  let holds = false;
  let open = true;
  const dropped: string[] = [];
  const hold = (kind: string, key: string): void => {
    holds = true;
    place.transaction(() => {
      place.db.query("INSERT OR IGNORE INTO lease_holds VALUES (?, ?, ?)").run(id, kind, key);
    });
  };
  const release = ({ keep = false, afterwards = false } = {}): void => {
    if (!open) return;
    open = false;
    if (dropped.length > 0) place.flush();
    for (const path of dropped) moveToTrash(path, { directory });
    const isLeft = afterwards && leaveToSweeper(directory, lock);
    try {
      if (!isLeft) removePath(directory);
      if (holds) dropRoots(place, `lease = '${id}'`);
      if (holds) dropHolds(place, id);
      if (holds && !keep) collect();
    } finally {
      if (!isLeft) fs.rmSync(`${directory}.lock`, { force: true });
      lock.release();
    }
  };
  return {
    id,
    directory,
    holdBlob: (digest: Digest) => hold("blob", digest),
    holdLayer: (chainId: Digest) => hold("layer", chainId),
    holdRoot: id => hold("root", id),
    keepRoot: root => void place.db.query("DELETE FROM lease_holds WHERE lease = ? AND kind = 'root' AND key = ?").run(id, root),
    drop: path => void dropped.push(path),
    release,
    [Symbol.dispose]: release,
  };
}

/** Out of sight by one rename; what it holds goes with the lease. */
export function moveToTrash(path: string, lease: Pick<Lease, "directory">): void {
  try {
    fs.renameSync(path, `${lease.directory}/${randomName()}`);
  } catch (thrown) {
    if ((thrown as { code?: string }).code !== "ENOENT") throw thrown;
  }
}

/**
 * A process of its own removes what the lease holds. It has the lease's lock, so that nobody else sweeps meanwhile; where it is
 * killed the kernel frees that, and the next opener goes on. False where it could not be started.
 */
function leaveToSweeper(directory: string, lock: HeldLock): boolean {
  const script = 'rm -rf --one-file-system -- "$0" && rm -f -- "$0.lock"';
  try {
    spawn(["/bin/sh", "-c", script, directory], { stdio: ["ignore", "ignore", "ignore", lock.fd], cwd: "/", detached: true }).unref();
    return true;
  } catch (thrown) {
    if (thrown instanceof Fault) return false;
    throw thrown;
  }
}

/** Unmounted and gone from the list; what lies on disk is moved away, for the end of a lease or the next sweep to remove. */
function dropRoots(place: StorePlace, where: string): void {
  const held = place.db.query<{ key: string }, []>(`SELECT key FROM lease_holds WHERE kind = 'root' AND ${where}`).all();
  for (const { key } of held) {
    unmountAll(`${rootPath(place, key)}/merged`);
    place.transaction(() => place.db.query("DELETE FROM roots WHERE id = ?").run(key));
    removePath(rootPath(place, key));
  }
}

function dropHolds(place: StorePlace, id: string): void {
  place.transaction(() => place.db.query("DELETE FROM lease_holds WHERE lease = ?").run(id));
}

/** A sweep may take and remove the file between its making and its locking: then it is made again. */
function lockFresh(place: StorePlace): { id: string; lock: HeldLock } {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const id = randomName();
    const file = `${stagingPath(place)}/${id}.lock`;
    const lock = lockFile(file, { exclusive: true, wait: false });
    if (lock === undefined) continue;
    if (findStat(AT_FDCWD, file)?.ino === fstat(lock.fd).ino) return { id, lock };
    lock.release();
  }
  throw new Error("no lease could be locked");
}

/** What a trial had mounted when its process died. */
function unmountBelow(prefix: string): void {
  for (const { target } of mounts().reverse()) if (target.startsWith(prefix)) unmountAll(target);
}

/** Removes what leases of dead processes have left; true when there were any. */
export function sweepDeadLeases(place: StorePlace): boolean {
  const staging = stagingPath(place);
  const names = fs.readdirSync(staging);
  if (names.length === 0) return false;
  let found = false;
  for (const name of names) {
    if (!name.endsWith(".lock")) continue;
    using lock = lockFile(`${staging}/${name}`, { exclusive: true, wait: false });
    if (lock === undefined) continue;
    found = true;
    unmountBelow(`${staging}/${name.slice(0, -".lock".length)}/`);
    removePath(`${staging}/${name.slice(0, -".lock".length)}`);
    fs.rmSync(`${staging}/${name}`, { force: true });
  }
  // A hold is written only while its lock file is there, and not while we write: what has no lock file is dead.
  if (found) {
    const living = fs.readdirSync(staging).flatMap(name => (name.endsWith(".lock") ? [name.slice(0, -5)] : []));
    dropRoots(place, `lease NOT IN (${living.map(name => `'${name}'`).join(",") || "''"})`);
    place.transaction(() => {
      const alive = fs.readdirSync(staging).flatMap(name => (name.endsWith(".lock") ? [name.slice(0, -5)] : []));
      place.db.query("DELETE FROM lease_holds WHERE lease NOT IN (SELECT value FROM json_each(?))").run(JSON.stringify(alive));
    });
  }
  return found;
}
