// Waiting for one of several open handles; blocks this thread and its event loop.
// Source: poll(2).

import { scoped, take } from "./arena.ts";
import { call, check } from "./syscall.ts";

export const POLLIN = 0x1;
export const POLLPRI = 0x2;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;
export const POLLNVAL = 0x20;

export interface PollTarget {
  readonly fd: number;
  /** POLLIN, POLLOUT; errors and hang-up always come. */
  readonly events: number;
}

const eintr = 4;

/** What happened on each handle, in order (0: nothing); all 0 when the time is over. Without a time it waits on. */
export function poll(targets: readonly PollTarget[], timeoutMs?: number): number[] {
  return scoped(({ base, view }) => {
    const at = take(targets.length * 8);
    targets.forEach(({ fd, events }, index) => {
      view.setInt32(at + index * 8, fd, true);
      view.setInt16(at + index * 8 + 4, events, true);
    });
    const time = timeoutMs === undefined ? 0 : putTime(view, base, Math.max(0, timeoutMs));
    // After a signal the kernel has left in `time` what remains of it.
    let result = -eintr;
    while (result === -eintr) result = call("ppoll", base + at, targets.length, time, 0, 8);
    check(result, "wait for open files");
    return targets.map((_, index) => view.getInt16(at + index * 8 + 6, true));
  });
}

/** Whether `fd` has something to read, or its end, within the time. */
export function waitReadable(fd: number, timeoutMs?: number): boolean {
  return poll([{ fd, events: POLLIN }], timeoutMs)[0] !== 0;
}

function putTime(view: DataView, base: number, timeoutMs: number): number {
  const at = take(16);
  const sec = Math.floor(timeoutMs / 1000);
  view.setBigInt64(at, BigInt(sec), true);
  view.setBigInt64(at + 8, BigInt(Math.floor((timeoutMs - sec * 1000) * 1e6)), true);
  return base + at;
}
