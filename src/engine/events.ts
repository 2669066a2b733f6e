// Events: what happened to containers, images, volumes, networks, secrets and the system, written down and read back by filters.
// Source: podman-events(1).

import { withoutUserinfo } from "../base/address.ts";
import { Fault } from "../base/fault.ts";
import { nowNs, nowRfc3339Nano, parseRfc3339 } from "../base/time.ts";
import { groupFilters } from "./containers/filters.ts";
import { readEventsFile, writeEventsFile } from "./events/file.ts";
import { readJournal, writeJournal } from "./events/journal.ts";
import type { Host } from "./host.ts";
import { momentNs } from "./moments.ts";

export type EventType = "container" | "image" | "volume" | "network" | "pod" | "system" | "secret";

/** One event, with the names and the order that podman's events file has. */
export interface Event {
  readonly ContainerExitCode?: number;
  readonly ID?: string;
  readonly Image?: string;
  readonly Name?: string;
  readonly network?: string;
  /** What happened: "create", "start", "died", "remove", … */
  readonly Status: string;
  /** RFC 3339 with nanoseconds. */
  readonly Time: string;
  readonly Type: EventType;
  readonly health_status?: string;
  readonly health_log?: string;
  readonly health_failing_streak?: number;
  readonly error?: string;
  /** JSON of inspect, where containers.conf wants it. */
  readonly ContainerInspectData?: string;
  readonly PodID?: string;
  /** Labels and the like; null without any. */
  readonly Attributes: Readonly<Record<string, string>> | null;
}

export type NewEvent = Omit<Event, "Time" | "Attributes"> & { readonly Attributes?: Readonly<Record<string, string>> };

/** What failed may be an address that somebody wrote with a password in it. */
const shownIn = (value: unknown): unknown => (typeof value === "string" ? withoutUserinfo(value) : value);

/** In podman's order; what is empty is left out. */
function whole(event: NewEvent): Event {
  const keep = <K extends keyof NewEvent>(name: K): Partial<Event> => event[name] === undefined || event[name] === "" ? {} : { [name]: shownIn(event[name]) };
  return {
    ...keep("ContainerExitCode"), ...keep("ID"), ...keep("Image"), ...keep("Name"), ...keep("network"),
    Status: event.Status, Time: nowRfc3339Nano(), Type: event.Type,
    ...keep("health_status"), ...keep("health_log"), ...keep("health_failing_streak"), ...keep("error"),
    ...keep("ContainerInspectData"), ...keep("PodID"),
    Attributes: event.Attributes && Object.keys(event.Attributes).length > 0 ? event.Attributes : null,
  };
}

export const writeEvent = (host: Host, event: NewEvent): void => writeEvents(host, [event]);

/** Never fails: what happened has happened, with or without its line. */
export function writeEvents(host: Host, events: readonly NewEvent[]): void {
  const backend = eventsBackend(host);
  if (backend === "none" || events.length === 0) return;
  try {
    if (backend === "journald") for (const event of events.map(whole)) writeJournal(event, humanEvent(event));
    else writeEventsFile(host, events.map(whole));
  } catch {
    // See above.
  }
}

/** @throws Fault "config.invalid" for a backend that is none */
export function eventsBackend(host: Host): "file" | "journald" | "none" {
  const backend = host.options.eventsBackend ?? (host.conf.engine.events_logger || "file");
  if (backend === "file" || backend === "journald" || backend === "none") return backend;
  throw new Fault("config.invalid", `invalid events_logger ${JSON.stringify(backend)}: unknown event logger type: invalid argument`, { hint: "use file, journald or none" });
}

export interface EventOptions {
  readonly filters?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  /** Go on with what happens from now on; default true. */
  readonly stream?: boolean;
}

/** What a backend has to read; times are nanoseconds since 1970. */
export interface Reading {
  readonly stream: boolean;
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  /** From the first that is kept; else only what comes from now on. */
  readonly fromStart: boolean;
}

type Test = (event: Event) => boolean;

const labelMatches = (written: string) => ({ Attributes }: Event): boolean => {
  const equals = written.indexOf("=");
  const [key, value] = equals < 0 ? [written, undefined] : [written.slice(0, equals), written.slice(equals + 1)];
  return Attributes !== null && Attributes !== undefined && Object.hasOwn(Attributes, key) && (value === undefined || Attributes[key] === value);
};

function filterTest(key: string, value: string): Test {
  const named = (type: EventType): Test => event => event.Type === type && (event.Name === value || (event.ID ?? "").startsWith(value));
  switch (key.toLowerCase()) {
    case "container": return named("container");
    case "image": return named("image");
    case "pod": return named("pod");
    case "network": case "secret": return named(key.toLowerCase() as EventType);
    case "volume": return event => event.Type === "volume" && (event.Name ?? "").startsWith(value);
    case "event": case "status": return event => event.Status === (value === "die" ? "died" : value);
    case "type": return event => event.Type === value;
    case "label": return labelMatches(value);
    default: throw new Fault("usage.invalid", `failed to parse event filters: ${key} is an invalid filter`);
  }
}

/** Values of one key are alternatives. @throws Fault "usage.invalid" */
export function eventTest(filters: readonly string[]): Test {
  const tests = [...groupFilters(filters)].map(([key, values]): Test => {
    const each = values.map(value => filterTest(key, value));
    return event => each.some(test => test(event));
  });
  return event => tests.every(test => test(event));
}

/** What happened, in order; with `stream` it goes on until `until` or for ever. @throws Fault "usage.invalid" */
export async function* events(host: Host, options: EventOptions = {}): AsyncGenerator<Event> {
  const backend = eventsBackend(host);
  if (backend === "none") throw new Fault("usage.unsupported", 'cannot read events with the "none" backend', { hint: "set events_logger to file in containers.conf" });
  const test = eventTest(options.filters ?? []);
  const stream = options.stream ?? true;
  const since = options.since ? momentOf(options.since) : undefined;
  const until = options.until ? momentOf(options.until, { after: true }) : undefined;
  const reading: Reading = { stream, since, until, fromStart: !stream || since !== undefined || until !== undefined };
  for await (const event of backend === "journald" ? readJournal(host, reading) : readEventsFile(host, reading)) {
    if (!test(event)) continue;
    const at = parseRfc3339(event.Time) ?? 0n;
    if ((since === undefined || at >= since) && (until === undefined || at <= until)) yield event;
  }
}

function momentOf(written: string, how: { after?: boolean } = {}): bigint {
  try {
    return momentNs(written, how);
  } catch (cause) {
    throw new Fault("usage.invalid", `failed to parse event filters: ${(cause as Error).message}`, { cause });
  }
}

/** Whether a reading is over: nothing more can come that it wants. */
export const isOver = ({ stream, until }: Reading): boolean => !stream || (until !== undefined && nowNs() > until);

/** The line podman prints; @param short cuts IDs to twelve characters */
export function humanEvent(event: Event, short = false): string {
  const id = short ? (event.ID ?? "").slice(0, 12) : event.ID ?? "";
  const head = `${goTime(event.Time)} ${event.Type} ${event.Status}`;
  switch (event.Type) {
    case "container": case "pod": {
      const health = event.Status === "health_status"
        ? `, health_status=${event.health_status ?? ""}, health_failing_streak=${event.health_failing_streak ?? 0}, health_log=${event.health_log ?? ""}` : "";
      const labels = Object.entries(event.Attributes ?? {}).map(([key, value]) => `, ${key}=${value}`).join("");
      return `${head} ${id} (image=${event.Image ?? ""}, name=${event.Name ?? ""}${event.PodID ? `, pod_id=${event.PodID}` : ""}${health}${labels})`;
    }
    case "network":
      if (event.Status !== "create" && event.Status !== "remove") return `${head} ${id} (container=${id}, name=${event.network ?? ""})`;
      return `${head} ${id} (name=${event.network ?? ""}, type=${event.Attributes?.["driver"] ?? "bridge"})`;
    case "image": return `${head} ${id} ${event.Name ?? ""}${event.error ? ` ${event.error}` : ""}`;
    case "secret": return `${head} ${id}`;
    default: return event.Name ? `${head} ${event.Name}` : head;
  }
}

/** "2026-11-23 21:02:28.123456789 +0000 UTC" */
function goTime(time: string): string {
  const found = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d)$/.exec(time);
  if (!found) return time;
  const [, day, clock, zone] = found as unknown as [string, string, string, string];
  return zone === "Z" ? `${day} ${clock} +0000 UTC` : `${day} ${clock} ${zone.replace(":", "")} ${zone.replace(":", "")}`;
}
