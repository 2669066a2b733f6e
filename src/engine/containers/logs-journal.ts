// logs from systemd's journal, where conmon put them.
// Source: podman-logs(1); systemd.journal-fields(7); conmon's fields CONTAINER_ID_FULL and CONTAINER_PARTIAL_MESSAGE.

import { Fault } from "../../base/fault.ts";
import { rfc3339Nano } from "../../base/time.ts";
import { eventsBackend } from "../events.ts";
import { journalEntries, textOf, type JournalEntry } from "../events/journal.ts";
import type { Host } from "../host.ts";
import { momentNs } from "../moments.ts";
import type { ContainerRecord } from "../state/state.ts";
import type { LogLine, LogOptions } from "./logs.ts";

const priorities: Readonly<Record<string, LogLine["stream"]>> = { 6: "stdout", 3: "stderr" };

function lineOf(entry: JournalEntry, { id, name }: ContainerRecord): LogLine | undefined {
  const stream = priorities[textOf(entry["PRIORITY"])];
  if (stream === undefined || entry["MESSAGE"] === undefined) return undefined;
  const message = textOf(entry["MESSAGE"]).replace(/\n$/, "");
  const time = rfc3339Nano(BigInt(textOf(entry["__REALTIME_TIMESTAMP"]) || "0") * 1000n);
  return { id, name, stream, time, bytes: new TextEncoder().encode(message), text: message, full: entry["CONTAINER_PARTIAL_MESSAGE"] === undefined };
}

/** The last `count` lines; parts of one line count as one. */
function lastLines(lines: readonly LogLine[], count: number): readonly LogLine[] {
  let start = lines.length;
  for (let taken = 0; start > 0 && taken < count; taken++) {
    start--;
    while (start > 0 && !lines[start - 1]!.full) start--;
  }
  return lines.slice(start);
}

export interface JournalFollow {
  /** Whether more may come. */
  isFollowed(): boolean;
}

/** @throws Fault "usage.unsupported" for --follow without events in the journal, as podman has it */
export async function* journalLog(host: Host, record: ContainerRecord, options: LogOptions & JournalFollow): AsyncGenerator<LogLine> {
  const backend = eventsBackend(host);
  if (options.follow && backend !== "journald") {
    throw new Fault("usage.unsupported", `using --follow with the journald --log-driver but without the journald --events-backend (${backend}) is not supported`, {
      hint: "leave out --follow, or use --events-backend journald",
    });
  }
  const until = options.until === undefined ? undefined : momentNs(options.until, { after: true });
  const isLate = (): boolean => until !== undefined && BigInt(Date.now()) * 1_000_000n > until;
  let cursor: string | undefined;
  const read = async function* (follow: boolean): AsyncGenerator<LogLine> {
    const since = cursor === undefined && options.since !== undefined ? { sinceUs: momentNs(options.since) / 1000n } : {};
    const matches = [`CONTAINER_ID_FULL=${record.id}`, ...(cursor === undefined ? [] : [`--after-cursor=${cursor}`])];
    const ends = follow ? { follow: true, last: "all" as const, until: () => !options.isFollowed() || isLate() } : {};
    for await (const entry of journalEntries({ matches, ...since, ...(until === undefined || follow ? {} : { untilUs: until / 1000n }), ...ends })) {
      cursor = textOf(entry["__CURSOR"]);
      const line = lineOf(entry, record);
      if (line) yield line;
    }
  };
  if (options.tail !== undefined && options.tail >= 0) yield* lastLines(await Array.fromAsync(read(false)), options.tail);
  else yield* read(false);
  if (!options.follow || isLate()) return;
  if (options.isFollowed()) yield* read(true);
  // What was written last may reach the journal a moment after the end.
  await Bun.sleep(lagMs);
  if (!isLate()) yield* read(false);
}

const lagMs = 150;
