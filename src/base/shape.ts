// Hand decoders for outside JSON: bounded parsing, then typed field readers that name the field they miss.

import { Fault } from "./fault.ts";
import type { FaultCode } from "./fault.ts";
import { limits } from "./limits.ts";

/** What is being read, for messages ("image config"), and the code its faults carry. */
export interface Subject {
  readonly what: string;
  readonly code: FaultCode;
}

export type Fields = Readonly<Record<string, unknown>>;

export function malformed(subject: Subject, reason: string, cause?: unknown): Fault {
  return new Fault(subject.code, `cannot read ${subject.what}: ${reason}`, cause === undefined ? {} : { cause });
}

/**
 * Parses JSON of at most `bytesMax` bytes and `limits.jsonDepthMax` levels.
 *
 * @throws Fault with the subject's code
 */
export function parseJson(bytes: Uint8Array | string, subject: Subject, bytesMax: number): unknown {
  if (bytes.length > bytesMax) throw malformed(subject, `larger than ${bytesMax} bytes`);
  const text = typeof bytes === "string" ? bytes : decodeUtf8(bytes, subject);
  if (depthOf(text) > limits.jsonDepthMax) throw malformed(subject, `nested deeper than ${limits.jsonDepthMax} levels`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(subject, "not JSON", cause);
  }
}

function decodeUtf8(bytes: Uint8Array, subject: Subject): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw malformed(subject, "not UTF-8", cause);
  }
}

/** Deepest nesting of brackets outside strings; stops counting one past the limit. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (inString) {
      if (unit === 0x5c) i++;
      else if (unit === 0x22) inString = false;
    } else if (unit === 0x22) inString = true;
    else if (unit === 0x7b || unit === 0x5b) {
      if (++depth > deepest && (deepest = depth) > limits.jsonDepthMax) return deepest;
    } else if (unit === 0x7d || unit === 0x5d) depth--;
  }
  return deepest;
}

export const isRecord = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function asRecord(value: unknown, subject: Subject, name = "the document"): Fields {
  if (isRecord(value)) return value;
  throw malformed(subject, `${name} is not an object`);
}

export function needText(fields: Fields, name: string, subject: Subject): string {
  const value = fields[name];
  if (typeof value === "string" && value !== "") return value;
  throw malformed(subject, `"${name}" is ${value === undefined ? "missing" : "not a text"}`);
}

/** Absent, null and "" are undefined. */
export function findText(fields: Fields, name: string, subject: Subject): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw malformed(subject, `"${name}" is not a text`);
}

/** A whole number from 0 to `max` (default: the largest a double holds exactly). */
export function needWhole(fields: Fields, name: string, subject: Subject, max = Number.MAX_SAFE_INTEGER): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
  throw malformed(subject, `"${name}" is ${value === undefined ? "missing" : `not a whole number up to ${max}`}`);
}

/** Absent and null are an empty list. */
export function findList(fields: Fields, name: string, subject: Subject, lengthMax: number): readonly unknown[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw malformed(subject, `"${name}" is not a list`);
  if (value.length > lengthMax) throw malformed(subject, `"${name}" has more than ${lengthMax} entries`);
  return value;
}

/** Absent and null are undefined. */
export function findTexts(fields: Fields, name: string, subject: Subject, lengthMax = 65_536): string[] | undefined {
  if (fields[name] === undefined || fields[name] === null) return undefined;
  const list = findList(fields, name, subject, lengthMax);
  if (list.every(item => typeof item === "string")) return list as string[];
  throw malformed(subject, `"${name}" is not a list of texts`);
}

/** Absent and null are undefined. */
export function findTextMap(fields: Fields, name: string, subject: Subject): Record<string, string> | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  const record = asRecord(value, subject, `"${name}"`);
  if (Object.values(record).every(item => typeof item === "string")) return record as Record<string, string>;
  throw malformed(subject, `"${name}" holds something else than texts`);
}

/** Absent and null are undefined. */
export function findRecord(fields: Fields, name: string, subject: Subject): Fields | undefined {
  const value = fields[name];
  return value === undefined || value === null ? undefined : asRecord(value, subject, `"${name}"`);
}
