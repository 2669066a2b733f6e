// Semantic versions and ranges of them, as tags are chosen by.
// Source: semver.org 2.0.0; Masterminds/semver's constraints, by their documentation.

import { Fault } from "../base/fault.ts";

interface Version {
  readonly parts: readonly [number, number, number];
  /** How many of the parts were written. */
  readonly given: number;
  readonly pre: string;
}

const versionPattern = /^v?(\d{1,9})(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}|[xX*]))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

function readVersion(text: string): Version | undefined {
  if (/^[xX*]$/.test(text)) return { parts: [0, 0, 0], given: 0, pre: "" };
  const found = text.length > 256 ? null : versionPattern.exec(text);
  if (!found) return undefined;
  const [, major, minor, patch, pre = ""] = found;
  const isGiven = (part: string | undefined): boolean => part !== undefined && /^\d/.test(part);
  const given = !isGiven(minor) ? 1 : !isGiven(patch) ? 2 : 3;
  return { parts: [Number(major), given > 1 ? Number(minor) : 0, given > 2 ? Number(patch) : 0], given, pre };
}

function compare(a: Version, b: Version): number {
  for (let at = 0; at < 3; at++) if (a.parts[at] !== b.parts[at]) return a.parts[at]! - b.parts[at]!;
  return a.pre === b.pre ? 0 : a.pre === "" ? 1 : b.pre === "" ? -1 : comparePre(a.pre.split("."), b.pre.split("."));
}

function comparePre(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const [one, other] = [a[at], b[at]];
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
    const numeric = [one, other].map(part => /^\d+$/.test(part));
    if (numeric[0] && numeric[1] && Number(one) !== Number(other)) return Number(one) - Number(other);
    if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1;
    if (one !== other) return one < other ? -1 : 1;
  }
  return 0;
}

/** The first version after all that share the first `kept` parts of `version`. */
function after({ parts }: Version, kept: number): Version {
  const next = parts.map((part, at) => (at < kept - 1 ? part : at === kept - 1 ? part + 1 : 0));
  return { parts: next as unknown as Version["parts"], given: 3, pre: "" };
}

type Test = (version: Version) => boolean;

function comparator(operator: string, bound: Version): Test {
  const atLeast: Test = version => compare(version, bound) >= 0;
  const below = (end: Version): Test => version => atLeast(version) && compare(version, end) < 0;
  const isLoose = bound.given < 3;
  switch (operator) {
    case ">=": case "=>": return atLeast;
    case ">": return isLoose && bound.given > 0 ? version => compare(version, after(bound, bound.given)) >= 0 : version => compare(version, bound) > 0;
    case "<": return version => compare(version, bound) < 0;
    case "<=": case "=<":
      return isLoose && bound.given > 0 ? version => compare(version, after(bound, bound.given)) < 0 : version => compare(version, bound) <= 0;
    case "!=": {
      const same = comparator("=", bound);
      return version => !same(version);
    }
    case "~": case "~>": return bound.given === 0 ? atLeast : below(after(bound, Math.min(2, bound.given)));
    case "^": {
      const firstSet = bound.parts.findIndex(part => part > 0);
      return bound.given === 0 ? atLeast : below(after(bound, firstSet < 0 ? bound.given : firstSet + 1));
    }
    default:
      if (bound.given === 0) return () => true;
      return isLoose ? below(after(bound, bound.given)) : version => compare(version, bound) === 0;
  }
}

/**
 * A test for tags: ranges such as ">=1.2, <3", "~1.4 || ^2.0", "1.2 - 1.4". Pre-releases only fit bounds that are some.
 *
 * @throws Fault "config.invalid"
 */
export function versionConstraint(text: string): (tag: string) => boolean {
  const choices = text.split("||").map(readAll);
  return tag => {
    const version = readVersion(tag);
    return version !== undefined && version.given > 0 && choices.some(fits => fits(version));
  };
}

function readAll(text: string): Test {
  const spanned = text.trim().replace(/(\S+)\s+-\s+(\S+)/g, ">=$1, <=$2");
  const words = [...spanned.matchAll(/(>=|=>|<=|=<|!=|~>|[=<>~^])?\s*([^\s,=<>~^!|]+)\s*,?\s*/g)];
  if (words.length === 0 || words.map(([whole]) => whole).join("") !== spanned) throw malformed(text);
  const bounds = words.map(([, operator = "=", bound = ""]) => ({ operator, bound: readVersion(bound) ?? refuse(text) }));
  const takesPre = bounds.some(({ bound }) => bound.pre !== "");
  const tests = bounds.map(({ operator, bound }) => comparator(operator, bound));
  return version => (version.pre === "" || takesPre) && tests.every(fits => fits(version));
}

function refuse(text: string): never {
  throw malformed(text);
}

const malformed = (text: string): Fault =>
  new Fault("config.invalid", `improper constraint: ${text.slice(0, 200)}`, { hint: 'write a range such as ">=3.12, <4"' });
