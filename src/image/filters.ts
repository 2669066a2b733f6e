// The filters of `podman images`, `image prune` and `rmi --all`.
// Source: podman-images(1), "--filter".

import { Fault } from "../base/fault.ts";
import { parseGoDuration } from "../base/duration.ts";
import { parseRfc3339 } from "../base/time.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { familyOf } from "./family.ts";
import type { Family } from "./family.ts";
import { findReference, repositoryOf } from "./reference.ts";
import { findImage, lookupImage } from "./resolve.ts";
import type { ImageSystem } from "./system.ts";

export interface FilterContext {
  readonly system?: ImageSystem;
  readonly usedBy?: (imageId: string) => readonly string[];
}

type Test = (image: StoredImage) => boolean;

const noTest = (text: string): Fault =>
  new Fault("usage.invalid", `invalid image filter ${JSON.stringify(text)}: must be in the format "filter=value or filter!=value"`);

/**
 * All stored images that pass every filter; `reference` filters pass when one of them does. A single reference filter
 * with tag or digest leaves only the matching names.
 *
 * @throws Fault "usage.invalid"
 */
export function filterImages(
  store: Store,
  filters: readonly string[],
  context: FilterContext = {},
  family: Family = familyOf(store),
): StoredImage[] {
  const tests: Test[] = [];
  const wanted: string[] = [];
  const unwanted: string[] = [];
  const once = new Map<string, string>();
  for (const text of filters) {
    const { key, value, negated } = splitFilter(text);
    if (key === "reference") (negated ? unwanted : wanted).push(value);
    else {
      const test = testOf(key, value, { store, context, once, family });
      tests.push(negated ? image => !test(image) : test);
    }
  }
  const matches = (image: StoredImage, pattern: string) => matchesReference(image, pattern, foundBy(store, pattern, context));
  if (unwanted.length > 0) tests.push(image => !unwanted.some(pattern => matches(image, pattern)));
  if (wanted.length > 0) tests.push(image => wanted.some(pattern => matches(image, pattern)));
  const passed = family.images.filter(image => tests.every(test => test(image)));
  return wanted.length === 1 && unwanted.length === 0 ? passed.map(image => onlyNamesLike(image, wanted[0]!)) : passed;
}

function splitFilter(text: string): { key: string; value: string; negated: boolean } {
  const not = text.indexOf("!=");
  const at = not >= 0 ? not : text.indexOf("=");
  if (at < 0) throw noTest(text);
  return { key: text.slice(0, at), value: text.slice(at + (not >= 0 ? 2 : 1)), negated: not >= 0 };
}

function testOf(
  key: string,
  value: string,
  { store, context, once, family }: { store: Store; context: FilterContext; once: Map<string, string>; family: Family },
): Test {
  const flag = (): boolean => {
    const before = once.get(key);
    if (before !== undefined && before !== value) {
      throw new Fault("usage.invalid", `specifying ${JSON.stringify(key)} filter more than once with different values is not supported`);
    }
    once.set(key, value);
    return readFlag(key, value);
  };
  switch (key) {
    case "after":
    case "since": {
      const other = createdMs(getForFilter(store, key, value, context));
      return image => createdMs(image) > other;
    }
    case "before": {
      const other = createdMs(getForFilter(store, key, value, context));
      return image => createdMs(image) < other;
    }
    case "until": {
      const until = readTime(value);
      return image => createdMs(image) < until;
    }
    case "containers": {
      if (value === "external") return image => (context.usedBy?.(image.id) ?? []).length === 0;
      if (value !== "true" && value !== "false") {
        throw new Fault("usage.invalid", `unsupported value ${JSON.stringify(value)} for containers filter`);
      }
      const want = flag();
      return image => ((context.usedBy?.(image.id) ?? []).length > 0) === want;
    }
    case "dangling": {
      const want = flag();
      return image => family.isDangling(image) === want;
    }
    case "intermediate": {
      const want = flag();
      return image => family.isIntermediate(image) === want;
    }
    case "readonly": {
      const want = flag();
      return () => !want;
    }
    case "manifest": {
      const want = flag();
      return () => !want;
    }
    case "id": return image => image.id.startsWith(value);
    case "digest":
      if (!value.startsWith("sha256:")) throw new Fault("usage.invalid", `invalid value ${JSON.stringify(value)} for digest filter`);
      return image => image.manifests.some(one => one.digest.startsWith(value));
    case "label": return image => hasLabel(family.config(image).config?.Labels ?? {}, value);
    default: throw noTest(key);
  }
}

/** Milliseconds since 1970; 0 where the config has no time. */
export function createdMs(image: StoredImage): number {
  const ns = image.created === "" ? undefined : parseRfc3339(image.created);
  return ns === undefined ? 0 : Number(ns / 1000n) / 1000;
}

function readFlag(key: string, value: string): boolean {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(value)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(value)) return false;
  throw new Fault(
    "usage.invalid",
    `non-boolean value ${JSON.stringify(value)} for ${key} filter: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`,
  );
}

function readTime(value: string): number {
  if (/^\d+(?:\.\d+)?$/.test(value)) return Number(value) * 1000;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(value);
  const isWithoutZone = /T\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/.test(value);
  const ns = parseRfc3339(isDay ? `${value}T00:00:00Z` : isWithoutZone ? `${value}Z` : value);
  if (ns !== undefined) return Number(ns / 1_000_000n);
  if (!/^[+-]?(?:\d|\.\d)/.test(value)) {
    throw new Fault("usage.invalid", `failed to parse value as time or duration: ${JSON.stringify(value)}`);
  }
  return Date.now() - parseGoDuration(value) / 1e6;
}

function getForFilter(store: Store, key: string, value: string, context: FilterContext): StoredImage {
  const image = findImage(store, value, context.system);
  if (image) return image;
  const filter = `${JSON.stringify(key)}=${JSON.stringify(value)}`;
  throw new Fault("image.not-found", `could not find local image for filter ${filter}: ${value}: image not known`);
}

/** "key" or "key=value"; both may hold "*". */
function hasLabel(labels: Readonly<Record<string, string>>, wish: string): boolean {
  const equals = wish.indexOf("=");
  const key = equals < 0 ? wish : wish.slice(0, equals);
  const value = equals < 0 ? undefined : wish.slice(equals + 1);
  return Object.entries(labels).some(([name, have]) => globs(key, name) && (value === undefined || globs(value, have)));
}

function foundBy(store: Store, pattern: string, context: FilterContext): string | undefined {
  if (!findReference(pattern) && !/^(sha256:)?[0-9a-f]+$/.test(pattern)) return undefined;
  try {
    return lookupImage(store, pattern, context.system)?.image.id;
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}

function matchesReference(image: StoredImage, pattern: string, foundId: string | undefined): boolean {
  if (image.id === foundId) return true;
  return image.names.some(name => {
    const reference = findReference(name);
    const repository = reference ? repositoryOf(reference) : name;
    const suffix = name.slice(repository.length);
    const path = reference?.path ?? repository;
    const last = repository.slice(repository.lastIndexOf("/") + 1);
    return [name, path, last + suffix, repository, path + suffix, last].some(candidate => globs(pattern, candidate));
  });
}

function onlyNamesLike(image: StoredImage, pattern: string): StoredImage {
  const want = findReference(pattern);
  if (!want || want.domain === "" || (want.tag === undefined && want.digest === undefined)) return image;
  const repository = repositoryOf(want);
  const keep = image.names.filter(name => {
    const have = findReference(name);
    return want.digest === undefined ? name === pattern : have !== undefined && repositoryOf(have) === repository;
  });
  return { ...image, names: keep };
}

/** Go's path.Match: "*" and "?" stop at "/", "[…]" is a class. A broken pattern matches nothing. */
export function globs(pattern: string, text: string): boolean {
  let source = "";
  for (let i = 0; i < pattern.length; i++) {
    const one = pattern[i]!;
    if (one === "*") source += source.endsWith("[^/]*") ? "" : "[^/]*";
    else if (one === "?") source += "[^/]";
    else if (one === "[") {
      const end = pattern.indexOf("]", i + 2);
      if (end < 0) return false;
      source += `[${pattern.slice(i + 1, end).replace(/[\\[\]]/g, "\\$&")}]`;
      i = end;
    } else if (one === "\\") source += (pattern[++i] ?? "").replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    else source += one.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  }
  try {
    return new RegExp(`^${source}$`, "s").test(text);
  } catch {
    return false;
  }
}
