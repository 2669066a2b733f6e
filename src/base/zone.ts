// The local time zone, read from its own file: asking the runtime for it would cost more than a whole command.
// Source: RFC 9636 (TZif) and POSIX TZ strings.

import * as fs from "node:fs";

export interface ZoneTime {
  /** East of Greenwich. */
  readonly offsetSeconds: number;
  /** "CET", "UTC", or "-03" where a zone has no name. */
  readonly name: string;
}

interface Zone {
  /** Seconds since 1970, ascending, from which `kinds[which[i]]` holds. */
  readonly from: readonly number[];
  readonly which: readonly number[];
  readonly kinds: readonly ZoneTime[];
  /** POSIX TZ for what comes after the last transition. */
  readonly footer: string;
}

const utc: ZoneTime = { offsetSeconds: 0, name: "UTC" };
const fileBytesMax = 256 * 1024;
let local: Zone | "utc" | undefined;

/** The local zone at a moment, in seconds since 1970; UTC where nothing says otherwise or what says so is malformed. */
export function localZoneAt(seconds: number): ZoneTime {
  local ??= readLocal(process.env["TZ"]) ?? "utc";
  return local === "utc" ? utc : zoneAt(local, seconds);
}

/** @param tz as the TZ variable: "", ":Europe/Berlin", "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"; undefined reads /etc/localtime */
export function readLocal(tz: string | undefined): Zone | undefined {
  if (tz === "" || tz === "UTC") return undefined;
  if (tz === undefined) return readFile("/etc/localtime");
  const name = tz.replace(/^:/, "");
  if (name.startsWith("/")) return readFile(name);
  if (/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/.test(name)) {
    const found = readFile(`/usr/share/zoneinfo/${name}`);
    if (found !== undefined) return found;
  }
  return parsePosix(name) === undefined ? undefined : { from: [], which: [], kinds: [], footer: name };
}

export function zoneAt(zone: Zone, seconds: number): ZoneTime {
  const last = zone.from.at(-1);
  if ((last === undefined || seconds >= last) && zone.footer !== "") {
    const rule = parsePosix(zone.footer);
    if (rule !== undefined) return posixAt(rule, seconds);
  }
  let [low, high] = [0, zone.from.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (zone.from[middle]! <= seconds) low = middle + 1;
    else high = middle;
  }
  return zone.kinds[low === 0 ? 0 : zone.which[low - 1]!] ?? utc;
}

function readFile(path: string): Zone | undefined {
  try {
    const bytes = fs.readFileSync(path);
    return bytes.length > fileBytesMax ? undefined : parseTzif(bytes);
  } catch {
    return undefined;
  }
}

/** Undefined when the bytes are no TZif of version 2 or later. @throws RangeError when they are cut short */
export function parseTzif(bytes: Uint8Array): Zone | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0x545a6966 || bytes[4]! < 0x32) return undefined;
  const first = counts(view, 0);
  const start = 44 + first.times * 5 + first.kinds * 6 + first.chars + first.leaps * 8 + first.standards + first.universals;
  const head = counts(view, start);
  let at = start + 44;
  const from = Array.from({ length: head.times }, (_, index) => Number(view.getBigInt64(at + index * 8)));
  at += head.times * 8;
  const which = [...bytes.subarray(at, at + head.times)];
  at += head.times;
  const names = at + head.kinds * 6;
  const kinds = Array.from({ length: head.kinds }, (_, index) => ({
    offsetSeconds: view.getInt32(at + index * 6),
    name: nameAt(bytes, names + bytes[at + index * 6 + 5]!),
  }));
  const end = names + head.chars + head.leaps * 12 + head.standards + head.universals;
  return { from, which, kinds, footer: text(bytes.subarray(end)).split("\n")[1] ?? "" };
}

function counts(view: DataView, at: number) {
  const [universals, standards, leaps, times, kinds, chars] = [20, 24, 28, 32, 36, 40].map((offset) => view.getUint32(at + offset));
  return { universals: universals!, standards: standards!, leaps: leaps!, times: times!, kinds: kinds!, chars: chars! };
}

const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes.subarray(0, 128));

function nameAt(bytes: Uint8Array, at: number): string {
  return text(bytes.subarray(at)).split("\0")[0] ?? "";
}

interface Rule {
  readonly standard: ZoneTime;
  readonly summer: ZoneTime | undefined;
  readonly begins: YearDay | undefined;
  readonly ends: YearDay | undefined;
}

interface YearDay {
  readonly kind: "M" | "J" | "n";
  /** Month, week, weekday for "M"; one day number otherwise. */
  readonly numbers: readonly number[];
  /** Seconds after midnight, local time. */
  readonly seconds: number;
}

const posix = /^(<[A-Za-z0-9+-]+>|[A-Za-z]+)([+-]?[\d:]+)(?:(<[A-Za-z0-9+-]+>|[A-Za-z]+)([+-]?[\d:]+)?(?:,([^,]+),([^,]+))?)?$/;

function parsePosix(tz: string): Rule | undefined {
  const match = posix.exec(tz);
  if (match === null) return undefined;
  const [, name = "", west = "", summerName, summerWest, begins, ends] = match;
  const bare = (word: string): string => word.replace(/[<>]/g, "");
  const standard = { name: bare(name), offsetSeconds: 0 - clockSeconds(west) };
  if (summerName === undefined) return { standard, summer: undefined, begins: undefined, ends: undefined };
  const offsetSeconds = summerWest === undefined ? standard.offsetSeconds + 3600 : 0 - clockSeconds(summerWest);
  const summer = { name: bare(summerName), offsetSeconds };
  return { standard, summer, begins: parseDay(begins ?? "M3.2.0"), ends: parseDay(ends ?? "M11.1.0") };
}

function clockSeconds(clock: string): number {
  const sign = clock.startsWith("-") ? -1 : 1;
  const [hours = 0, minutes = 0, seconds = 0] = clock.replace(/^[+-]/, "").split(":").map(Number);
  return sign * (hours * 3600 + minutes * 60 + seconds) || 0;
}

function parseDay(word: string): YearDay | undefined {
  const match = /^([MJ]?)(\d+(?:\.\d+)*)(?:\/(.+))?$/.exec(word);
  if (match === null) return undefined;
  const kind = match[1] === "M" ? "M" : match[1] === "J" ? "J" : "n";
  return { kind, numbers: match[2]!.split(".").map(Number), seconds: clockSeconds(match[3] ?? "2") };
}

function posixAt(rule: Rule, seconds: number): ZoneTime {
  const { standard, summer, begins, ends } = rule;
  if (summer === undefined || begins === undefined || ends === undefined) return standard;
  const year = new Date((seconds + standard.offsetSeconds) * 1000).getUTCFullYear();
  const from = dayStart(begins, year) - standard.offsetSeconds;
  const to = dayStart(ends, year) - summer.offsetSeconds;
  const isSummer = from < to ? seconds >= from && seconds < to : seconds >= from || seconds < to;
  return isSummer ? summer : standard;
}

/** Seconds since 1970 as if the local zone were UTC. */
function dayStart(day: YearDay, year: number): number {
  const [first = 0, week = 1, weekday = 0] = day.numbers;
  if (day.kind !== "M") {
    const isLeap = new Date(Date.UTC(year, 1, 29)).getUTCMonth() === 1;
    const index = day.kind === "n" ? first : first - 1 + (isLeap && first > 59 ? 1 : 0);
    return Date.UTC(year, 0, 1 + index) / 1000 + day.seconds;
  }
  const firstWeekday = new Date(Date.UTC(year, first - 1, 1)).getUTCDay();
  const days = new Date(Date.UTC(year, first, 0)).getUTCDate();
  const date = 1 + ((weekday - firstWeekday + 7) % 7) + (week - 1) * 7;
  return Date.UTC(year, first - 1, date > days ? date - 7 : date) / 1000 + day.seconds;
}
