// Points in time as Go prints them, without the runtime's slow date texts.
// Source: Go's time.RFC3339Nano, time.ANSIC and Time.String layouts.

import { localZoneAt } from "./zone.ts";

/** A point in time. A number is milliseconds since 1970, a bigint nanoseconds, a string RFC 3339. */
export type Moment = number | bigint | string | Date;

interface Civil {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** East of Greenwich. */
  readonly offsetMinutes: number;
  readonly zone: string;
}

const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** Nanoseconds since 1970, to the microsecond. */
export function nowNs(): bigint {
  const now = performance.timeOrigin + performance.now();
  return BigInt(Math.floor(now)) * 1_000_000n + BigInt(Math.floor((now % 1) * 1e6));
}

/** "2026-11-23T21:02:28.123456789Z" or with "+02:00". */
export function rfc3339Nano(moment: Moment, zone: "utc" | "local" = "local"): string {
  const at = civil(moment, zone);
  return `${date(at)}T${clock(at)}${fraction(at)}${at.offsetMinutes === 0 ? "Z" : offset(at, ":")}`;
}

/** "2026-11-23T21:02:28Z", whole seconds. */
export function rfc3339(moment: Moment, zone: "utc" | "local" = "local"): string {
  const at = civil(moment, zone);
  return `${date(at)}T${clock(at)}${at.offsetMinutes === 0 ? "Z" : offset(at, ":")}`;
}

export function nowRfc3339Nano(): string {
  return rfc3339Nano(nowNs());
}

/** Go's Time.String: "2026-11-23 21:02:28.123456789 +0000 UTC". */
export function goTimeString(moment: Moment, zone: "utc" | "local" = "local"): string {
  const at = civil(moment, zone);
  return `${date(at)} ${clock(at)}${fraction(at)} ${offset(at, "")} ${at.zone}`;
}

/** "Mon Nov 23 21:02:28 2026". */
export function ansic(moment: Moment, zone: "utc" | "local" = "local"): string {
  const at = civil(moment, zone);
  const day = String(at.day).padStart(2, " ");
  return `${weekdays[at.weekday]} ${months[at.month - 1]} ${day} ${clock(at)} ${at.year}`;
}

/** Nanoseconds since 1970 of an RFC 3339 text, or undefined. */
export function parseRfc3339(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(?:([Zz])|([+-]\d\d:\d\d))$/.exec(text);
  if (match === null) return undefined;
  const [, day = "", time = "", digits = "", , east = "Z"] = match;
  const ms = Date.parse(`${day}T${time}${east}`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(digits.padEnd(9, "0"));
}

/** Milliseconds since 1970. */
export function momentMs(moment: Moment): number {
  return Number(toNs(moment) / 1_000_000n);
}

function toNs(moment: Moment): bigint {
  if (typeof moment === "bigint") return moment;
  if (typeof moment === "number") return BigInt(Math.trunc(moment * 1e3)) * 1_000n;
  if (typeof moment === "string") return parseRfc3339(moment) ?? 0n;
  return BigInt(moment.getTime()) * 1_000_000n;
}

function civil(moment: Moment, zone: "utc" | "local"): Civil {
  const ns = toNs(moment);
  const below = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = Number((ns - below) / 1_000_000_000n);
  const { offsetSeconds, name } = zone === "utc" ? { offsetSeconds: 0, name: "UTC" } : localZoneAt(seconds);
  const offsetMinutes = Math.trunc(offsetSeconds / 60);
  const shifted = new Date((seconds + offsetMinutes * 60) * 1000);
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth() + 1,
    day: shifted.getUTCDate(),
    weekday: shifted.getUTCDay(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
    nanosecond: Number(below),
    offsetMinutes,
    zone: name,
  };
}

const two = (value: number): string => String(value).padStart(2, "0");
const date = (at: Civil): string => `${String(at.year).padStart(4, "0")}-${two(at.month)}-${two(at.day)}`;
const clock = (at: Civil): string => `${two(at.hour)}:${two(at.minute)}:${two(at.second)}`;

function fraction(at: Civil): string {
  const digits = String(at.nanosecond).padStart(9, "0").replace(/0+$/, "");
  return digits === "" ? "" : `.${digits}`;
}

function offset(at: Civil, between: string): string {
  const minutes = Math.abs(at.offsetMinutes);
  return `${at.offsetMinutes < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${between}${two(minutes % 60)}`;
}
