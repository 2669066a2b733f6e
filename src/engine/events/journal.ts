// Events in systemd's journal: written by its own protocol, read by journalctl.
// Source: systemd.journal-fields(7), "Native Journal Protocol"; podman-events(1), fields PODMAN_*.

import { Fault } from "../../base/fault.ts";
import { needProgram, spawn } from "../../base/spawn.ts";
import { closeQuietly } from "../../kernel/files.ts";
import { connectUnix, send } from "../../kernel/sockets.ts";
import { geteuid } from "../../kernel/users.ts";
import { isOver, type Event, type EventType, type Reading } from "../events.ts";
import type { Host } from "../host.ts";

const journalSocket = "/run/systemd/journal/socket";

/** One field; a value with line breaks goes with its length before it. */
function field(name: string, value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  if (!value.includes("\n")) return Buffer.from(`${name}=${value}\n`);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length), true);
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from("\n")]);
}

/** @throws Fault when no journal listens, or it refuses */
export function writeJournal(event: Event, message: string): void {
  const healthy = event.health_status === undefined ? {} : {
    PODMAN_HEALTH_STATUS: event.health_status, PODMAN_HEALTH_LOG: event.health_log ?? "", PODMAN_HEALTH_FAILING_STREAK: String(event.health_failing_streak ?? 0),
  };
  const fields: Record<string, string | undefined> = {
    MESSAGE: message, PRIORITY: event.health_status === undefined ? "6" : "5", SYSLOG_IDENTIFIER: "podman",
    PODMAN_EVENT: event.Status, PODMAN_TYPE: event.Type, PODMAN_TIME: event.Time,
    PODMAN_NAME: event.Name, PODMAN_ID: event.ID, PODMAN_IMAGE: event.Image, PODMAN_POD_ID: event.PodID,
    PODMAN_EXIT_CODE: event.ContainerExitCode === undefined ? undefined : String(event.ContainerExitCode),
    PODMAN_NETWORK_NAME: event.network, ERROR: event.error,
    PODMAN_LABELS: event.Attributes ? JSON.stringify(event.Attributes) : undefined,
    PODMAN_CONTAINER_INSPECT_DATA: event.ContainerInspectData, ...healthy,
  };
  const written = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "");
  const socket = connectUnix(journalSocket, "datagram");
  try {
    send(socket, Buffer.concat(written.map(([name, value]) => field(name, value))));
  } finally {
    closeQuietly(socket);
  }
}

/** One entry of the journal; a field is a text, or the numbers of its bytes where it is no plain text. */
export type JournalEntry = Readonly<Record<string, string | readonly number[] | null | undefined>>;

export function textOf(value: JournalEntry[string]): string {
  if (typeof value === "string") return value;
  return Array.isArray(value) ? new TextDecoder().decode(new Uint8Array(value as number[])) : "";
}

export interface JournalWish {
  /** FIELD=value, all of which an entry has. */
  readonly matches: readonly string[];
  /** Microseconds since 1970. */
  readonly sinceUs?: bigint | undefined;
  readonly untilUs?: bigint | undefined;
  readonly follow?: boolean;
  /** Only the last so many; "all" of them while following. */
  readonly last?: number | "all";
  /** Ends a following. */
  readonly until?: () => boolean;
}

const lineBytesMax = 16 * 1024 * 1024;

function journalctlArgs(wish: JournalWish): string[] {
  const time = (us: bigint): string => `@${us / 1_000_000n}.${String(us % 1_000_000n).padStart(6, "0")}`;
  return [
    "--output", "json", "--all", "--quiet", "--no-pager",
    ...(wish.last === undefined ? [] : ["--lines", String(wish.last)]),
    ...(wish.sinceUs === undefined ? [] : ["--since", time(wish.sinceUs)]),
    ...(wish.untilUs === undefined ? [] : ["--until", time(wish.untilUs)]),
    ...(wish.follow ? ["--follow"] : []),
    ...wish.matches,
  ];
}

/** @throws Fault "component.missing" without journalctl */
export async function* journalEntries(wish: JournalWish): AsyncGenerator<JournalEntry> {
  const child = spawn([needProgram("journalctl", "systemd"), ...journalctlArgs(wish)], { stdio: ["ignore", "pipe", "ignore"] });
  const decoder = new TextDecoder();
  let rest = "";
  const reader = child.stdout![Symbol.asyncIterator]();
  try {
    let pending = reader.next();
    for (;;) {
      const got = await Promise.race([pending, ...(wish.until ? [Bun.sleep(200).then(() => "tick" as const)] : [])]);
      if (got === "tick") {
        if (wish.until!()) return;
        continue;
      }
      if (got.done) break;
      rest += decoder.decode(got.value, { stream: true });
      if (rest.length > lineBytesMax) throw new Fault("input.too-large", "cannot read the journal: an entry is too long");
      const lines = rest.split("\n");
      rest = lines.pop()!;
      for (const line of lines) if (line !== "") yield JSON.parse(line) as JournalEntry;
      pending = reader.next();
    }
  } finally {
    child.kill("SIGTERM");
    child.unref();
  }
}

function eventOf(entry: JournalEntry): Event | undefined {
  const get = (name: string): string | undefined => textOf(entry[name]) || undefined;
  const [status, type, time] = [get("PODMAN_EVENT"), get("PODMAN_TYPE"), get("PODMAN_TIME")];
  if (!status || !type || !time) return undefined;
  const found: Record<string, unknown> = {
    ContainerExitCode: get("PODMAN_EXIT_CODE") === undefined ? undefined : Number(get("PODMAN_EXIT_CODE")),
    ID: get("PODMAN_ID"), Image: get("PODMAN_IMAGE"), Name: get("PODMAN_NAME"), network: get("PODMAN_NETWORK_NAME"),
    Status: status, Time: time, Type: type as EventType,
    health_status: get("PODMAN_HEALTH_STATUS"), health_log: get("PODMAN_HEALTH_LOG"),
    health_failing_streak: get("PODMAN_HEALTH_FAILING_STREAK") === undefined ? undefined : Number(get("PODMAN_HEALTH_FAILING_STREAK")),
    error: get("ERROR"), ContainerInspectData: get("PODMAN_CONTAINER_INSPECT_DATA"), PodID: get("PODMAN_POD_ID"),
    Attributes: labelsOf(get("PODMAN_LABELS")),
  };
  for (const name in found) if (found[name] === undefined) delete found[name];
  return found as unknown as Event;
}

function labelsOf(text: string | undefined): Record<string, string> | null {
  try {
    return text === undefined ? null : (JSON.parse(text) as Record<string, string>);
  } catch {
    return null;
  }
}

/** Only what this person's own calls wrote. */
export async function* readJournal(_host: Host, reading: Reading): AsyncGenerator<Event> {
  const entries = journalEntries({
    matches: ["SYSLOG_IDENTIFIER=podman", `_UID=${geteuid()}`],
    ...(reading.since === undefined ? {} : { sinceUs: reading.since / 1000n - 1_000_000n }),
    follow: reading.stream,
    ...(reading.stream ? { last: reading.fromStart ? "all" as const : 0 } : {}),
    ...(reading.stream ? { until: () => isOver(reading) } : {}),
  });
  for await (const entry of entries) {
    const event = eventOf(entry);
    if (event) yield event;
  }
}
