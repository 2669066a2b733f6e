// Whether a store's database can be written now, found out without waiting long and without making or changing anything.

import { Database } from "bun:sqlite";
import { readFileSync, statSync } from "node:fs";

const waitMs = 1500;

export interface Locked {
  /** Processes that hold a lock on one of the database's files. */
  readonly holders: readonly number[];
}

/** Who keeps the database locked for longer than any command of ours does; undefined where nobody does or there is none. */
export function databaseLocked(root: string): Locked | undefined {
  const file = `${root}/coracle.db`;
  if (!statSync(file, { throwIfNoEntry: false })) return undefined;
  let db: Database | undefined;
  try {
    db = new Database(file, { readwrite: true });
    db.run(`PRAGMA busy_timeout = ${waitMs}`);
    db.run("BEGIN IMMEDIATE");
    db.run("ROLLBACK");
    return undefined;
  } catch (thrown) {
    if (!String((thrown as { code?: unknown }).code).startsWith("SQLITE_BUSY")) return undefined;
    return { holders: holdersOf([file, `${file}-shm`, `${file}-wal`]) };
  } finally {
    db?.close();
  }
}

/** By /proc/locks: "1: POSIX ADVISORY WRITE 4711 08:01:42 0 EOF". */
function holdersOf(files: readonly string[]): number[] {
  const inodes = new Set(files.flatMap(file => statSync(file, { throwIfNoEntry: false })?.ino ?? []));
  const lines = readFileSync("/proc/locks", "utf8").split("\n").map(line => line.trim().split(/\s+/));
  const pids = lines.filter(([, , , , pid, place]) => Number(pid) > 0 && inodes.has(Number(place?.split(":")[2]))).map(([, , , , pid]) => Number(pid));
  return [...new Set(pids)].filter(pid => pid !== process.pid);
}
