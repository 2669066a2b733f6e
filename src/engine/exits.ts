// Waiting for containers to end: one watch on the directory where conmon writes exit files.

import { mkdirSync, statSync } from "node:fs";
import { isAlive } from "../kernel/processes.ts";
import { IN_CREATE, IN_MOVED_TO, inotifyAdd, inotifyInit } from "../kernel/inotify.ts";

/** Resolves at the next entry that comes into the directory; many may wait on one watch. */
interface Watch {
  next(): Promise<void>;
}

let watches: Map<string, Watch> | undefined;

function watchDirectory(directory: string): Watch {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fd = inotifyInit();
  inotifyAdd(fd, directory, IN_CREATE | IN_MOVED_TO);
  const reader = Bun.file(fd).stream().getReader();
  let pending: Promise<void> | undefined;
  return {
    next: () => (pending ??= reader.read().then(() => void (pending = undefined))),
  };
}

function watchOf(directory: string): Watch {
  watches ??= new Map();
  let watch = watches.get(directory);
  if (!watch) watches.set(directory, (watch = watchDirectory(directory)));
  return watch;
}

/** Resolves at the next entry that comes into the directory. */
export const nextEntry = (directory: string): Promise<void> => watchOf(directory).next();

const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

export interface ExitWait {
  /** Gives up after so long; absent waits without end. */
  readonly timeoutMs?: number;
  /** The monitor: when it is gone without an exit file, none will come. */
  readonly conmonPid?: number;
}

const monitorCheckMs = 1000;

/** Whether the file came. False at the end of the time, or when the monitor died without writing it. */
export async function exitFileComes(file: string, wait: ExitWait = {}): Promise<boolean> {
  if (exists(file)) return true;
  const watch = watchOf(file.slice(0, file.lastIndexOf("/")));
  const end = wait.timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + wait.timeoutMs;
  for (;;) {
    if (exists(file)) return true;
    const left = end - performance.now();
    if (left <= 0) return false;
    if (wait.conmonPid !== undefined && !isAlive(wait.conmonPid)) return exists(file);
    await Promise.race([watch.next(), Bun.sleep(Math.min(left, monitorCheckMs))]);
  }
}
