// Advisory locks on open files, freed by the kernel when their last handle closes.
// Source: flock(2), fcntl(2) "Open file description locks".

import { scoped, take } from "./arena.ts";
import { AT_FDCWD, O_CREAT, O_RDWR, openat2 } from "./files.ts";
import { call, check, type Path } from "./syscall.ts";

export interface LockKind {
  readonly exclusive: boolean;
  /** Blocks this thread until the lock is free; false returns at once. */
  readonly wait: boolean;
}

const eintr = 4;
const eagain = 11;
const eacces = 13;

/** Locks the open file; false when someone else holds it and `wait` is false. */
export function flock(fd: number, { exclusive, wait }: LockKind): boolean {
  const operation = (exclusive ? 2 : 1) | (wait ? 0 : 4);
  for (;;) {
    const result = call("flock", fd, operation);
    if (result === -eagain) return false;
    if (result !== -eintr) return check(result, "lock a file") === 0;
  }
}

export function unlock(fd: number): void {
  check(call("flock", fd, 8), "unlock a file");
}

/** A lock that ends with its scope: `using lock = lockFile(…)`. */
export interface HeldLock extends Disposable {
  readonly fd: number;
  release(): void;
}

/** Makes the file where it is missing and locks it; undefined when it is taken and `wait` is false. */
export function lockFile(path: Path, kind: LockKind): HeldLock | undefined {
  const file = openLockFile(path);
  let held = false;
  try {
    held = flock(file.fd, kind);
  } finally {
    if (!held) file.release();
  }
  return held ? file : undefined;
}

/** The same, not locked yet. */
export function openLockFile(path: Path): HeldLock {
  const fd = openat2(AT_FDCWD, path, { flags: O_RDWR | O_CREAT, mode: 0o600 });
  let open = true;
  const release = (): void => {
    if (open) call("close", fd);
    open = false;
  };
  return { fd, release, [Symbol.dispose]: release };
}

export interface ByteRange {
  readonly start: number;
  /** 0 means to the end, however far that grows. */
  readonly length: number;
}

/** Locks a range of bytes for this open file; false when it is taken and `wait` is false. */
export function lockRange(fd: number, range: ByteRange, { exclusive, wait }: LockKind): boolean {
  const set = 37;
  const setWait = 38;
  for (;;) {
    const result = rangeCall(fd, { ...range, command: wait ? setWait : set, type: exclusive ? 1 : 0 });
    if (result === -eagain || result === -eacces) return false;
    if (result !== -eintr) return check(result, "lock a range of a file") === 0;
  }
}

export function unlockRange(fd: number, range: ByteRange): void {
  check(rangeCall(fd, { ...range, command: 37, type: 2 }), "unlock a range of a file");
}

function rangeCall(fd: number, lock: ByteRange & { readonly command: number; readonly type: number }): number {
  return scoped(({ base, view }) => {
    const at = take(32);
    view.setInt16(at, lock.type, true);
    view.setBigInt64(at + 8, BigInt(lock.start), true);
    view.setBigInt64(at + 16, BigInt(lock.length), true);
    return call("fcntl", fd, lock.command, base + at);
  });
}
