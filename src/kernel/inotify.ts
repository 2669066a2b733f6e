// Watching files come, go and change.
// Source: inotify(7).

import { putPath, scoped, takeDirty } from "./arena.ts";
import { AT_FDCWD, closeQuietly, findStat } from "./files.ts";
import { waitReadable } from "./poll.ts";
import { call, check, type Path } from "./syscall.ts";

export const IN_MODIFY = 0x2;
export const IN_ATTRIB = 0x4;
export const IN_CLOSE_WRITE = 0x8;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_DELETE_SELF = 0x400;
export const IN_MOVE_SELF = 0x800;
export const IN_Q_OVERFLOW = 0x4000;
export const IN_ONLYDIR = 0x1000000;

const cloexecNonBlock = 0o2004000;
const eventBufferBytes = 64 * 1024;
const eagain = 11;

export interface FileEvent {
  readonly watch: number;
  /** IN_… */
  readonly mask: number;
  /** The entry of a watched directory; "" for the watched file itself. */
  readonly name: string;
}

/** A handle that does not block, for `inotifyAdd` and `inotifyRead`; the caller closes. */
export function inotifyInit(): number {
  return check(call("inotify_init1", cloexecNonBlock), "watch files");
}

/** Watches one path for the events of `mask`; returns the number its events will carry. */
export function inotifyAdd(fd: number, path: Path, mask: number): number {
  return scoped(() => check(call("inotify_add_watch", fd, putPath(path), mask), "watch", path));
}

/** The events so far, none where nothing happened. */
export function inotifyRead(fd: number): FileEvent[] {
  return scoped(({ base, bytes, view }) => {
    const at = takeDirty(eventBufferBytes);
    const size = call("read", fd, base + at, eventBufferBytes);
    if (size === -eagain) return [];
    check(size, "read file events");
    const events: FileEvent[] = [];
    for (let next = at; next < at + size; ) {
      const nameBytes = view.getUint32(next + 12, true);
      const name = bytes.subarray(next + 16, next + 16 + nameBytes);
      const end = name.indexOf(0);
      events.push({
        watch: view.getInt32(next, true),
        mask: view.getUint32(next + 4, true),
        name: new TextDecoder().decode(end < 0 ? name : name.subarray(0, end)),
      });
      next += 16 + nameBytes;
    }
    return events;
  });
}

/** Blocks until `path` exists, for as long as the time allows; whether it does. Its directory must exist. */
export function waitForFile(path: string, timeoutMs: number): boolean {
  if (findStat(AT_FDCWD, path)) return true;
  const fd = inotifyInit();
  try {
    const slash = path.lastIndexOf("/");
    inotifyAdd(fd, slash < 0 ? "." : path.slice(0, slash) || "/", IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    const end = performance.now() + timeoutMs;
    for (;;) {
      if (findStat(AT_FDCWD, path)) return true;
      const left = end - performance.now();
      if (left <= 0) return false;
      if (waitReadable(fd, left)) inotifyRead(fd);
    }
  } finally {
    closeQuietly(fd);
  }
}
