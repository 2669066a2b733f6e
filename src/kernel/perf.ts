// Samples of one of the kernel's trace events, for a thread and all that it will start.
// Source: perf_event_open(2).

import { cpus } from "node:os";
import { putPath, scoped, take } from "./arena.ts";
import { closeQuietly } from "./data.ts";
import { call, check, mapShared, unmap } from "./syscall.ts";

const tracepointType = 2;
const attributeBytes = 64;
const withRawData = 0x400;
const inherits = 2;
const closeOnExec = 8;
const setFilter = 0x4008_2406;

const pageBytes = 4096;
/** A power of two. */
const ringBytes = 16 * pageBytes;
const headAt = 1024;
const tailAt = 1032;
const sampleRecord = 9;

export interface EventChoice {
  /** The number in the event's file "id". */
  readonly event: number;
  readonly pid: number;
  /** By the event's fields. */
  readonly filter: string;
}

interface Ring {
  readonly fd: number;
  readonly base: number;
  readonly bytes: Uint8Array;
}

/** One ring for each processor, as the kernel wants it for what goes on to children. */
export class EventSamples implements Disposable {
  readonly #rings: Ring[] = [];

  constructor(choice: EventChoice) {
    try {
      for (let cpu = 0; cpu < cpus().length; cpu++) {
        const fd = openEvent(choice, cpu);
        try {
          this.#rings.push({ fd, ...mapShared(fd, pageBytes + ringBytes) });
        } catch (thrown) {
          closeQuietly(fd);
          throw thrown;
        }
      }
    } catch (thrown) {
      this[Symbol.dispose]();
      throw thrown;
    }
  }

  /** Gives the raw fields of each sample that has come, and makes room. They are good only inside the call. */
  drain(take: (fields: DataView) => void): void {
    for (const { bytes } of this.#rings) drainRing(bytes, take);
  }

  [Symbol.dispose](): void {
    for (const { fd, base } of this.#rings.splice(0)) {
      unmap(base, pageBytes + ringBytes);
      closeQuietly(fd);
    }
  }
}

function openEvent({ event, pid, filter }: EventChoice, cpu: number): number {
  return scoped(({ base, view }) => {
    const at = take(attributeBytes);
    view.setUint32(at, tracepointType, true);
    view.setUint32(at + 4, attributeBytes, true);
    view.setBigUint64(at + 8, BigInt(event), true);
    view.setBigUint64(at + 16, 1n, true);
    view.setBigUint64(at + 24, BigInt(withRawData), true);
    view.setBigUint64(at + 40, BigInt(inherits), true);
    const fd = check(call("perf_event_open", base + at, pid, cpu, -1, closeOnExec), "watch an event of the kernel");
    const result = call("ioctl", fd, setFilter, putPath(filter));
    if (result < 0) closeQuietly(fd);
    check(result, "filter an event of the kernel");
    return fd;
  });
}

/** Records are aligned to 8 bytes and may go over the ring's end. */
function drainRing(bytes: Uint8Array, take: (fields: DataView) => void): void {
  const control = new DataView(bytes.buffer, bytes.byteOffset, pageBytes);
  const head = Number(control.getBigUint64(headAt, true));
  let tail = Number(control.getBigUint64(tailAt, true));
  while (tail < head) {
    const [kind, size] = [byteAt(bytes, tail), byteAt(bytes, tail + 6) | (byteAt(bytes, tail + 7) << 8)];
    if (size < 8) break;
    const record = Uint8Array.from({ length: size }, (_, index) => byteAt(bytes, tail + index));
    if (kind === sampleRecord) take(new DataView(record.buffer, 12));
    tail += size;
  }
  control.setBigUint64(tailAt, BigInt(tail), true);
}

const byteAt = (bytes: Uint8Array, position: number): number => bytes[pageBytes + (position & (ringBytes - 1))]!;
