// The events file: one JSON line for each event; when it grows too long, its newer half is kept.
// Source: podman-events(1); containers.conf(5), events_logfile_path, events_logfile_max_size.

import { appendFileSync, closeSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, renameSync, statSync, writeFileSync } from "node:fs";
import { errnoOf } from "../../base/fault.ts";
import { nowRfc3339Nano } from "../../base/time.ts";
import { lockFile } from "../../kernel/locks.ts";
import { isOver, type Event, type Reading } from "../events.ts";
import type { Host } from "../host.ts";

const logBytesMaxDefault = 1_000_000;
const rotation = "io.podman.event.rotate";

export function writeEventsFile(host: Host, events: readonly Event[]): void {
  const file = host.paths.events;
  const lines = events.map(event => `${JSON.stringify(event)}\n`).join("");
  const sizeMax = host.conf.engine.events_logfile_max_size ?? logBytesMaxDefault;
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true, mode: 0o700 });
  else if (sizeMax > 0 && size + lines.length > sizeMax) rotate(file, sizeMax, lines.length);
  appendFileSync(file, lines, { mode: 0o600 });
}

/** One of us does it; lines that others append meanwhile to the old file may be lost, as in any rotation. */
function rotate(file: string, sizeMax: number, more: number): void {
  using _held = lockFile(`${file}.lock`, { exclusive: true, wait: true });
  const bytes = readFileSync(file);
  if (bytes.length + more <= sizeMax) return;
  const half = bytes.indexOf(10, Math.floor(bytes.length / 2));
  const mark = (what: "begin" | "end"): string =>
    `${JSON.stringify({ Name: file, Status: "log-rotation", Time: nowRfc3339Nano(), Type: "system", Attributes: { [rotation]: what } })}\n`;
  const kept = half < 0 ? new Uint8Array() : bytes.subarray(half + 1);
  writeFileSync(`${file}.new`, Buffer.concat([Buffer.from(mark("begin")), kept, Buffer.from(mark("end"))]), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function parseEvent(line: string): Event | undefined {
  try {
    const event = JSON.parse(line) as Event;
    return typeof event.Status === "string" && typeof event.Type === "string" && typeof event.Time === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}

interface Lines {
  /** Whole lines since the last call. */
  readonly lines: readonly string[];
  /** The file was rotated since: it begins with lines that were read already. */
  readonly isRotated: boolean;
}

/** @param offset where to begin in the file as it is now */
function lineReader(file: string, atEnd: boolean): () => Lines {
  const first = statSync(file, { throwIfNoEntry: false });
  let offset = atEnd ? first?.size ?? 0 : 0;
  let inode = first?.ino ?? 0;
  let begun = first !== undefined;
  const decoder = new TextDecoder();
  return () => {
    let fd: number;
    try {
      fd = openSync(file, "r");
    } catch (thrown) {
      if (errnoOf(thrown) === "ENOENT") return { lines: [], isRotated: false };
      throw thrown;
    }
    try {
      const { size, ino } = fstatSync(fd);
      const isRotated = begun && (ino !== inode || size < offset);
      if (isRotated || !begun) offset = 0;
      inode = ino;
      begun = true;
      const bytes = new Uint8Array(Math.max(0, size - offset));
      const end = bytes.lastIndexOf(10, readSync(fd, bytes, 0, bytes.length, offset) - 1) + 1;
      offset += end;
      return { lines: decoder.decode(bytes.subarray(0, end)).split("\n").filter(line => line !== ""), isRotated };
    } finally {
      closeSync(fd);
    }
  };
}

const pauseMs = 200;

export async function* readEventsFile(host: Host, reading: Reading): AsyncGenerator<Event> {
  const read = lineReader(host.paths.events, !reading.fromStart);
  for (;;) {
    const last = isOver(reading);
    const { lines, isRotated } = read();
    let skips = isRotated && lines.some(line => line.includes(`"${rotation}":"end"`));
    for (const line of lines) {
      const event = parseEvent(line);
      if (!event) continue;
      if (skips && event.Attributes?.[rotation] === "end") skips = false;
      if (!skips) yield event;
    }
    if (last) return;
    await Bun.sleep(pauseMs);
  }
}
