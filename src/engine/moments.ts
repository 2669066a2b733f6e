// Times as people write them for --since, --until and until= filters.
// Source: podman-logs(1), podman-events(1), podman-ps(1).

import { parseGoDuration } from "../base/duration.ts";
import { Fault } from "../base/fault.ts";
import { nowNs, parseRfc3339 } from "../base/time.ts";

function unixSeconds(text: string): bigint | undefined {
  const match = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text);
  return match ? BigInt(match[1]!) * 1_000_000_000n + BigInt((match[2] ?? "").padEnd(9, "0")) : undefined;
}

function localTime(text: string): bigint | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d))?(?::(\d\d))?)?$/.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map(part => Number(part ?? 0));
  const ms = new Date(year!, month! - 1, day!, hour!, minute!, second!).getTime();
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n;
}

function duration(text: string, after: boolean): bigint | undefined {
  try {
    const length = BigInt(Math.round(parseGoDuration(text)));
    return after ? nowNs() + length : nowNs() - length;
  } catch {
    return undefined;
  }
}

/**
 * Nanoseconds since 1970 of "2026-11-23T10:00:00Z", "2026-11-23", "1700000000.5" or a duration before now such as "10m";
 * with `after`, from now on, as --until means it.
 *
 * @throws Fault "usage.invalid"
 */
export function momentNs(text: string, { after = false } = {}): bigint {
  const at = parseRfc3339(text.replace(/(:\d\d),(\d)/, "$1.$2")) ?? unixSeconds(text) ?? localTime(text) ?? duration(text, after);
  if (at !== undefined) return at;
  throw new Fault("usage.invalid", `failed to parse time value "${text}"`, {
    hint: "write it like 2026-11-23T10:00:00Z, as Unix seconds, or as a duration such as 10m",
  });
}
