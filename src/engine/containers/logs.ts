// logs: what conmon wrote of a container's output, read back, tailed and followed.
// Source: podman-logs(1); the format is conmon's: TIME STREAM F|P TEXT.

import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { Fault, errnoOf, reasonOf } from "../../base/fault.ts";
import { parseRfc3339 } from "../../base/time.ts";
import type { Host } from "../host.ts";
import { momentNs } from "../moments.ts";
import type { ContainerRecord } from "../state/state.ts";
import { get } from "./lookup.ts";
import { isLive, observe } from "./observe.ts";

export interface LogOptions {
  readonly follow?: boolean;
  /** Lines; absent or -1 is all. */
  readonly tail?: number;
  /** RFC 3339, Unix seconds or a duration such as "10m", as written. */
  readonly since?: string;
  readonly until?: string;
}

export interface LogLine {
  readonly id: string;
  readonly name: string;
  readonly stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds and zone, as conmon wrote it. */
  readonly time: string;
  /** As the container wrote it, without the newline. */
  readonly bytes: Uint8Array;
  /** The same as text. */
  readonly text: string;
  /** Whether the newline was the container's own: false for a part of a long or unended line. */
  readonly full: boolean;
}

const chunkBytes = 256 * 1024;
const pauseMs = 100;
const decoder = new TextDecoder();

/** One line of the file, or undefined where it is not conmon's. */
export function parseLogLine(line: Uint8Array, { id, name }: { id: string; name: string }): LogLine | undefined {
  const timeEnd = line.indexOf(32);
  const streamEnd = line.indexOf(32, timeEnd + 1);
  const tagEnd = line.indexOf(32, streamEnd + 1);
  if (timeEnd <= 0 || streamEnd < 0 || tagEnd < 0) return undefined;
  const stream = decoder.decode(line.subarray(timeEnd + 1, streamEnd));
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const time = decoder.decode(line.subarray(0, timeEnd));
  const bytes = line.slice(tagEnd + 1);
  return { id, name, stream, time, bytes, text: decoder.decode(bytes), full: line[streamEnd + 1] === 70 };
}

/** Byte offset where the last `count` full lines begin; parts of one line count as one. */
export function tailOffset(fd: number, count: number): number {
  if (count === 0) return fstatSync(fd).size;
  let end = fstatSync(fd).size;
  let seen = 0;
  const chunk = new Uint8Array(chunkBytes);
  let rest = new Uint8Array();
  while (end > 0) {
    const start = Math.max(0, end - chunkBytes);
    const got = readSync(fd, chunk, 0, end - start, start);
    const bytes = new Uint8Array(got + rest.length);
    bytes.set(chunk.subarray(0, got));
    bytes.set(rest, got);
    const first = start === 0 ? 0 : bytes.indexOf(10) + 1;
    if (first === 0 && start > 0) {
      rest = bytes;
      end = start;
      continue;
    }
    let lineEnd = bytes.length;
    while (lineEnd > first) {
      const lineStart = Math.max(bytes.lastIndexOf(10, lineEnd - 2) + 1, first);
      if (isFullLine(bytes.subarray(lineStart, lineEnd)) && ++seen > count) return start + lineEnd;
      lineEnd = lineStart;
    }
    rest = bytes.slice(0, first);
    end = start;
  }
  return 0;
}

function isFullLine(line: Uint8Array): boolean {
  const second = line.indexOf(32, line.indexOf(32) + 1);
  return line[second + 1] === 70;
}

/** Whole lines from where the last call ended; starts over when the file was cut or replaced. */
class LogFile {
  #rest = new Uint8Array();
  #offset: number;
  #inode: number;
  #fd: number;
  readonly #path: string;

  constructor(path: string, tail: number) {
    this.#path = path;
    this.#fd = openSync(path, "r");
    this.#inode = fstatSync(this.#fd).ino;
    this.#offset = tail >= 0 ? tailOffset(this.#fd, tail) : 0;
  }

  *lines(): Generator<Uint8Array> {
    const chunk = new Uint8Array(chunkBytes);
    for (;;) {
      const got = readSync(this.#fd, chunk, 0, chunk.length, this.#offset);
      if (got === 0) {
        if (!this.#reopened()) return;
        continue;
      }
      this.#offset += got;
      yield* this.#split(chunk.subarray(0, got));
    }
  }

  *#split(bytes: Uint8Array): Generator<Uint8Array> {
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      const part = bytes.subarray(start, end);
      if (this.#rest.length > 0) {
        const whole = new Uint8Array(this.#rest.length + part.length);
        whole.set(this.#rest);
        whole.set(part, this.#rest.length);
        this.#rest = new Uint8Array();
        yield whole;
      } else yield part;
      start = end + 1;
    }
    if (start < bytes.length) {
      const rest = new Uint8Array(this.#rest.length + bytes.length - start);
      rest.set(this.#rest);
      rest.set(bytes.subarray(start), this.#rest.length);
      this.#rest = rest;
    }
  }

  /** conmon replaces the file when it reaches its largest size. */
  #reopened(): boolean {
    const now = statSync(this.#path, { throwIfNoEntry: false });
    if (!now || (now.ino === this.#inode && now.size >= this.#offset)) return false;
    closeSync(this.#fd);
    this.#fd = openSync(this.#path, "r");
    this.#inode = fstatSync(this.#fd).ino;
    this.#offset = 0;
    this.#rest = new Uint8Array();
    return true;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

export function logPath(host: Host, { id, spec }: Pick<ContainerRecord, "id" | "spec">): string {
  return spec.log?.path ?? `${host.paths.staticDir(id)}/ctr.log`;
}

function refuseUnreadable({ spec }: ContainerRecord): void {
  const driver = spec.log?.driver ?? "k8s-file";
  if (driver === "k8s-file" || driver === "json-file" || driver === "journald") return;
  throw new Fault("usage.unsupported", `this container is using the '${driver}' log driver, cannot read logs: this container is not logging output`, { hint: "run the container with --log-driver k8s-file" });
}

function openLog(path: string, tail: number): LogFile | undefined {
  try {
    return new LogFile(path, tail);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return undefined;
    throw new Fault("system.failed", `unable to read log file ${path}: ${reasonOf(cause)}`, { cause });
  }
}

async function* logOf(host: Host, record: ContainerRecord, options: LogOptions): AsyncGenerator<LogLine> {
  if (record.spec.log?.driver === "journald") {
    const { journalLog } = await import("./logs-journal.ts");
    return yield* journalLog(host, record, { ...options, isFollowed: () => isFollowed(host, record.id) });
  }
  const since = options.since ? momentNs(options.since) : undefined;
  const until = options.until ? momentNs(options.until, { after: true }) : undefined;
  const path = logPath(host, record);
  let file = openLog(path, options.tail ?? -1);
  try {
    for (;;) {
      // Asked before reading: what came until then is then surely read.
      const goesOn = options.follow === true && isFollowed(host, record.id);
      file ??= openLog(path, -1);
      for (const bytes of file?.lines() ?? []) {
        const line = parseLogLine(bytes, record);
        if (!line) continue;
        const at = since === undefined && until === undefined ? 0n : parseRfc3339(line.time) ?? 0n;
        if (since !== undefined && at < since) continue;
        if (until !== undefined && at > until) return;
        yield line;
      }
      if (!goesOn || (until !== undefined && BigInt(Date.now()) * 1_000_000n > until)) return;
      await Bun.sleep(pauseMs);
    }
  } finally {
    file?.close();
  }
}

function isFollowed(host: Host, id: string): boolean {
  const record = host.state.findById(id);
  return record !== undefined && isLive(observe(host, record).state);
}

/** Merges what several containers wrote, as it comes. */
async function* interleave(sources: AsyncGenerator<LogLine>[]): AsyncGenerator<LogLine> {
  const next = (index: number) => sources[index]!.next().then(result => ({ index, result }));
  const pending = new Map(sources.map((_, index) => [index, next(index)]));
  while (pending.size > 0) {
    const { index, result } = await Promise.race(pending.values());
    if (result.done) pending.delete(index);
    else {
      pending.set(index, next(index));
      yield result.value;
    }
  }
}

/** Lines in time order of one container; of several as they come. @throws Fault "container.not-found" */
export async function* logs(host: Host, namesOrIds: readonly string[], options: LogOptions = {}): AsyncGenerator<LogLine> {
  const records = namesOrIds.map(name => get(host, name));
  for (const record of records) refuseUnreadable(record);
  const sources = records.map(record => logOf(host, record, options));
  if (sources.length === 1) yield* sources[0]!;
  else yield* interleave(sources);
}
