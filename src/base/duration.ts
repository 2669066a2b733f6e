// Lengths of time: Go's "1h30m" read and written, and "3 hours" for people.
// Source: Go's time.ParseDuration and Duration.String, docker/go-units duration.go, by their results.

import { Fault } from "./fault.ts";

const unitNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  "µs": 1e3,
  "μs": 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * Nanoseconds of "1h30m", "-1.5s", "0".
 *
 * @throws Fault "usage.invalid" with Go's wording
 */
export function parseGoDuration(text: string): number {
  const invalid = (): Fault => new Fault("usage.invalid", `time: invalid duration ${JSON.stringify(text)}`);
  const sign = text.startsWith("-") ? -1 : 1;
  const body = text.replace(/^[+-]/, "");
  if (body === "0") return 0;
  if (body === "" || text.length > 128) throw invalid();
  const part = /([0-9]*)(?:\.([0-9]*))?([^0-9.]*)/y;
  let total = 0;
  while (part.lastIndex < body.length) {
    const match = part.exec(body);
    if (match === null || match[0] === "") throw invalid();
    const [, before = "", after = "", unit = ""] = match;
    if (before === "" && after === "") throw invalid();
    if (unit === "") throw new Fault("usage.invalid", `time: missing unit in duration ${JSON.stringify(text)}`);
    const scale = unitNs[unit];
    if (scale === undefined) {
      throw new Fault(
        "usage.invalid",
        `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`,
      );
    }
    const fraction = after.slice(0, 18);
    total += Number(before || "0") * scale + Number((BigInt(fraction || "0") * BigInt(scale)) / 10n ** BigInt(fraction.length));
  }
  if (total > 2 ** 63) throw invalid();
  return total === 0 ? 0 : sign * total;
}

/** Go's Duration.String: "1h30m0s", "1.5s", "250ms", "0s". */
export function goDuration(ns: number): string {
  if (ns === 0) return "0s";
  const sign = ns < 0 ? "-" : "";
  const rest = Math.abs(ns);
  if (rest < 1e3) return `${sign}${rest}ns`;
  if (rest < 1e6) return `${sign}${fraction(rest, 1e3)}µs`;
  if (rest < 1e9) return `${sign}${fraction(rest, 1e6)}ms`;
  const minutes = Math.floor(rest / 60e9);
  const seconds = `${fraction(rest - minutes * 60e9, 1e9)}s`;
  if (minutes === 0) return sign + seconds;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60}m${seconds}`;
}

/** Nanoseconds that a template shows as Go does ("30s") while JSON has the plain number. */
export class GoDuration extends Number {
  override toString(): string {
    return goDuration(this.valueOf());
  }
}

function fraction(value: number, scale: number): string {
  const whole = Math.floor(value / scale);
  const digits = String(Math.round(value - whole * scale)).padStart(Math.round(Math.log10(scale)), "0");
  const trimmed = digits.replace(/0+$/, "");
  return trimmed === "" ? String(whole) : `${whole}.${trimmed}`;
}

/** "About a minute", "3 hours", "2 weeks". */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(ms / 3_600_000 + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(ms / 3_600_000 / 24 / 365)} years`;
}
