// The WWW-Authenticate challenges a registry answers 401 with.
// Source: RFC 9110 section 11.6.1; distribution-spec "Token Authentication".

import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";

export interface Challenge {
  /** Lower-cased: "bearer" or "basic" in practice. */
  readonly scheme: string;
  /** By lower-cased name, quotes removed: realm, service, scope. */
  readonly parameters: Readonly<Record<string, string>>;
}

interface Scan {
  readonly text: string;
  at: number;
}

/**
 * Reads the challenges of one header; several headers arrive joined by commas, as fetch joins them.
 *
 * @param header such as `Bearer realm="https://auth.test/token",service="reg", Basic realm="x"`, at most 8 KiB
 * @throws Fault "registry.malformed" when there is no scheme or a quote is left open
 */
export function readChallenges(header: string): Challenge[] {
  if (header.length > limits.headerBytesMax) throw malformed(header, `longer than ${limits.headerBytesMax} bytes`);
  const scan: Scan = { text: header, at: 0 };
  const challenges: Challenge[] = [];
  take(scan, /[\s,]*/y);
  while (scan.at < header.length) challenges.push(readOne(scan));
  if (challenges.length === 0) throw malformed(header, "no scheme");
  return challenges;
}

/** The first challenge of `header`. */
export function readChallenge(header: string): Challenge {
  return readChallenges(header)[0]!;
}

function readOne(scan: Scan): Challenge {
  const scheme = take(scan, /[!#$%&'*+\-.^_`|~\w]+/y);
  if (!scheme) throw malformed(scan.text, "no scheme");
  const parameters: Record<string, string> = {};
  let separator = take(scan, /[\s,]*/y);
  while (scan.at < scan.text.length) {
    const start = scan.at;
    const name = take(scan, /[!#$%&'*+\-.^_`|~\w]+/y);
    if (!name) throw malformed(scan.text, "a parameter without a name");
    if (!take(scan, /\s*=\s*/y)) {
      if (!separator.includes(",")) throw malformed(scan.text, `parameter ${JSON.stringify(name)} has no value`);
      scan.at = start;
      break;
    }
    parameters[name.toLowerCase()] = readValue(scan);
    separator = take(scan, /[\s,]*/y);
  }
  return { scheme: scheme.toLowerCase(), parameters };
}

function readValue(scan: Scan): string {
  if (scan.text[scan.at] !== '"') return take(scan, /[^\s,"]+/y);
  const quoted = take(scan, /"(?:[^"\\]|\\.)*"/y);
  if (!quoted) throw malformed(scan.text, "a quote is left open");
  return quoted.slice(1, -1).replace(/\\(.)/g, "$1");
}

function take(scan: Scan, pattern: RegExp): string {
  pattern.lastIndex = scan.at;
  const found = pattern.exec(scan.text)?.[0] ?? "";
  scan.at += found.length;
  return found;
}

function malformed(header: string, reason: string): Fault {
  return new Fault(
    "registry.malformed",
    `cannot read the registry's challenge ${JSON.stringify(header.slice(0, 160))}: ${reason}`,
  );
}
