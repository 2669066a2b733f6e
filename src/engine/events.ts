// Events: one JSON line for each thing that happened, appended to the events file, read back by filters.
// Source: podman-events(1).

import { appendFileSync, closeSync, fstatSync, openSync, readSync, renameSync, statSync } from "node:fs";
import { Fault, errnoOf } from "../base/fault.ts";
import { nowNs, nowRfc3339Nano, parseRfc3339 } from "../base/time.ts";
import { groupFilters, labelTest } from "./containers/filters.ts";
import type { Host } from "./host.ts";
import { momentNs } from "./moments.ts";

export type EventType = "container" | "image" | "volume" | "network" | "pod" | "system" | "secret";

export interface Event {
  readonly Name: string;
  /** What happened: "create", "start", "died", "remove", … */
  readonly Status: string;
  /** RFC 3339 with nanoseconds. */
  readonly Time: string;
  readonly Type: EventType;
  readonly ID?: string;
  readonly Image?: string;
  readonly Network?: string;
  readonly ContainerExitCode?: number;
  /** Labels and the like. */
  readonly Attributes?: Readonly<Record<string, string>>;
}

const logBytesMaxDefault = 1_000_000;

/** Never fails: what happened has happened, with or without its line. */
export function writeEvent(host: Host, event: Omit<Event, "Time">): void {
  if (eventsBackend(host) === "none") return;
  const file = host.paths.events;
  const line = `${JSON.stringify({ ...event, Time: nowRfc3339Nano() })}\n`;
  try {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    const sizeMax = host.conf.engine.events_logfile_max_size ?? logBytesMaxDefault;
    if (sizeMax > 0 && size + line.length > sizeMax) renameSync(file, `${file}.1`);
    appendFileSync(file, line, { mode: 0o600 });
  } catch {
    // See above.
  }
}

export function eventsBackend(host: Host): string {
  const backend = host.options.eventsBackend ?? host.conf.engine.events_logger ?? "file";
  return backend === "none" ? "none" : "file";
}

export interface EventOptions {
  readonly filters?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  /** Go on with what happens from now on; default true. */
  readonly stream?: boolean;
}

type Test = (event: Event) => boolean;

function eventTest(filters: readonly string[]): Test {
  const tests = [...groupFilters(filters)].map(([key, values]): Test => {
    const named = (type: EventType): Test => event =>
      event.Type === type && values.some(value => event.Name === value || (value !== "" && (event.ID ?? "").startsWith(value)));
    switch (key) {
      case "container": case "volume": case "network": case "pod": case "secret": return named(key);
      case "image": return event => values.some(value => event.Type === "image"
        ? event.Name === value || event.Name.startsWith(`${value}:`) || (event.ID ?? "").startsWith(value)
        : event.Image === value || (event.Image ?? "").startsWith(`${value}:`));
      case "event": case "status": return event => values.includes(event.Status) || (event.Status === "died" && values.includes("die"));
      case "type": return event => values.includes(event.Type);
      case "label": {
        const test = labelTest(values);
        return event => test(event.Attributes ?? {});
      }
      default: throw new Fault("usage.invalid", `${key} is an invalid filter`);
    }
  });
  return event => tests.every(test => test(event));
}

function parseEvent(line: string): Event | undefined {
  try {
    const event = JSON.parse(line) as Event;
    return typeof event.Status === "string" && typeof event.Type === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the whole lines that were added since the last call. */
function lineReader(file: string): () => string[] {
  let offset = 0;
  let inode = 0;
  const decoder = new TextDecoder();
  return () => {
    let fd: number;
    try {
      fd = openSync(file, "r");
    } catch (thrown) {
      if (errnoOf(thrown) === "ENOENT") return [];
      throw thrown;
    }
    try {
      const { size, ino } = fstatSync(fd);
      if (ino !== inode || size < offset) [offset, inode] = [0, ino];
      const bytes = new Uint8Array(size - offset);
      const end = bytes.lastIndexOf(10, readSync(fd, bytes, 0, bytes.length, offset) - 1) + 1;
      offset += end;
      return decoder.decode(bytes.subarray(0, end)).split("\n").filter(line => line !== "");
    } finally {
      closeSync(fd);
    }
  };
}

const pauseMs = 250;

/** What happened, in order; with `stream` it goes on until `until` or for ever. @throws Fault "usage.invalid" */
export async function* events(host: Host, options: EventOptions = {}): AsyncGenerator<Event> {
  if (eventsBackend(host) === "none") {
    throw new Fault("usage.unsupported", "cannot read events with the \"none\" backend", { hint: "set events_logger to file in containers.conf" });
  }
  const test = eventTest(options.filters ?? []);
  const stream = options.stream ?? true;
  const since = options.since ? momentNs(options.since) : stream && !options.until ? nowNs() : 0n;
  const until = options.until ? momentNs(options.until) : undefined;
  const read = lineReader(host.paths.events);
  for (;;) {
    for (const line of read()) {
      const event = parseEvent(line);
      if (!event || !test(event)) continue;
      const at = parseRfc3339(event.Time) ?? 0n;
      if (at >= since && (until === undefined || at <= until)) yield event;
    }
    if (!stream || (until !== undefined && nowNs() > until)) return;
    await Bun.sleep(pauseMs);
  }
}
