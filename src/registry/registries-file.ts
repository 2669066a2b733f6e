// One registries.conf file or drop-in: read, checked, and laid over another.
// Source: containers-registries.conf(5), versions 2 and 1.

import { Fault } from "../base/fault.ts";
import { parseToml } from "../base/toml.ts";
import type { Endpoint, RegistryEntry, ShortNameAlias, ShortNameMode } from "./registries-conf.ts";

/** What one file says; undefined where it says nothing. */
export interface RegistriesFile {
  readonly registries: readonly RegistryEntry[];
  readonly unqualifiedSearch: readonly string[] | undefined;
  readonly unqualifiedSearchOrigin: string;
  readonly shortNameMode: ShortNameMode | undefined;
  readonly credentialHelpers: readonly string[] | undefined;
  readonly aliases: ReadonlyMap<string, ShortNameAlias>;
}

type Table = Readonly<Record<string, unknown>>;

/** @throws Fault "config.invalid" */
export function parseRegistriesFile(text: string, file: string, { isDropIn }: { readonly isDropIn: boolean }): RegistriesFile {
  const table = parseToml(text, file);
  const first = table["registries"] as Table | undefined;
  if (first !== undefined) {
    if (isDropIn) throw invalid(file, "registry must be in v2 format but is in v1");
    const hasSecond = ["registry", "unqualified-search-registries", "aliases"].some(key => key in table);
    if (hasSecond) throw invalid(file, "mixing sysregistry v1/v2 is not supported");
    return { ...nothingElse(file), ...fromFirstVersion(first, file) };
  }
  const search = listOf(table, "unqualified-search-registries", file)?.map(entry => location(entry, file));
  const wrong = search?.find(entry => !isHost(entry));
  if (wrong !== undefined) throw invalid(file, `Invalid unqualified-search-registries entry ${JSON.stringify(wrong)}`);
  return {
    registries: checkedRegistries(tablesOf(table, "registry", file).map(entry => registryOf(entry, file)), file),
    unqualifiedSearch: search,
    unqualifiedSearchOrigin: file,
    shortNameMode: modeOf(table["short-name-mode"], file),
    credentialHelpers: listOf(table, "credential-helpers", file),
    aliases: parseAliases(table["aliases"], file),
  };
}

const nothingElse = (file: string): Omit<RegistriesFile, "registries" | "unqualifiedSearch"> => ({
  unqualifiedSearchOrigin: file,
  shortNameMode: undefined,
  credentialHelpers: undefined,
  aliases: new Map(),
});

/** `over` laid over `under`: registries by prefix and aliases by name, lists whole. */
export function mergeRegistriesFiles(under: RegistriesFile, over: RegistriesFile): RegistriesFile {
  const byPrefix = new Map([...under.registries, ...over.registries].map(entry => [entry.prefix, entry]));
  const search = over.unqualifiedSearch;
  return {
    registries: sorted([...byPrefix.values()]),
    unqualifiedSearch: search ?? under.unqualifiedSearch,
    unqualifiedSearchOrigin: search ? over.unqualifiedSearchOrigin : under.unqualifiedSearchOrigin,
    shortNameMode: over.shortNameMode ?? under.shortNameMode,
    credentialHelpers: over.credentialHelpers ?? under.credentialHelpers,
    aliases: new Map([...under.aliases, ...over.aliases]),
  };
}

const sorted = (entries: RegistryEntry[]): RegistryEntry[] => entries.sort((a, b) => (a.prefix < b.prefix ? -1 : 1));

function registryOf(table: Table, file: string): RegistryEntry {
  const place = location(textOf(table, "location", file), file);
  const prefix = location(textOf(table, "prefix", file), file) || place;
  if (prefix === "") throw invalid(file, "invalid condition: both location and prefix are unset");
  const isWildcard = prefix.startsWith("*.");
  if (place === "" && !isWildcard) {
    throw invalid(file, "invalid condition: location is unset and prefix is not in the format: *.example.com");
  }
  if (isWildcard && /[/@:]/.test(prefix)) {
    const text = `Wildcarded prefix should be in the format: *.example.com. Current prefix "${prefix}" is incorrectly formatted`;
    throw invalid(file, text);
  }
  if (textOf(table, "pull-from-mirror", file)) {
    throw invalid(file, `pull-from-mirror must not be set for a non-mirror registry "${prefix}"`);
  }
  const mirrorByDigestOnly = flagOf(table, "mirror-by-digest-only", file);
  return {
    prefix,
    location: place,
    insecure: flagOf(table, "insecure", file),
    blocked: flagOf(table, "blocked", file),
    pullFromMirror: "all",
    mirrorByDigestOnly,
    mirrors: tablesOf(table, "mirror", file).map(mirror => mirrorOf(mirror, { file, prefix, mirrorByDigestOnly })),
  };
}

interface MirrorPlace {
  readonly file: string;
  readonly prefix: string;
  readonly mirrorByDigestOnly: boolean;
}

function mirrorOf(table: Table, { file, prefix, mirrorByDigestOnly }: MirrorPlace): Endpoint {
  const place = location(textOf(table, "location", file), file);
  if (place === "") throw invalid(file, "invalid condition: mirror location is unset");
  const wish = textOf(table, "pull-from-mirror", file) || "all";
  if (wish !== "all" && wish !== "digest-only" && wish !== "tag-only") {
    throw invalid(file, `unsupported pull-from-mirror value "${wish}" for mirror "${place}"`);
  }
  if (mirrorByDigestOnly && "pull-from-mirror" in table) {
    const both = "cannot set mirror usage mirror-by-digest-only for the registry";
    throw invalid(file, `${both} ("${prefix}") and pull-from-mirror for per-mirror ("${place}") at the same time`);
  }
  return { location: place, insecure: flagOf(table, "insecure", file), pullFromMirror: wish };
}

/** One entry a prefix, sorted; entries of one location must agree on what is dangerous. */
function checkedRegistries(entries: readonly RegistryEntry[], file: string): RegistryEntry[] {
  const byLocation = new Map<string, RegistryEntry>();
  const byPrefix = new Map<string, RegistryEntry>();
  for (const entry of entries) {
    const key = entry.location || entry.prefix;
    const other = byLocation.get(key) ?? entry;
    for (const setting of ["insecure", "blocked"] as const) {
      if (other[setting] !== entry[setting]) {
        throw invalid(file, `registry '${entry.location}' is defined multiple times with conflicting '${setting}' setting`);
      }
    }
    byLocation.set(key, other);
    if (!byPrefix.has(entry.prefix)) byPrefix.set(entry.prefix, entry);
  }
  return sorted([...byPrefix.values()]);
}

/** Version 1: three lists of host names. */
function fromFirstVersion(table: Table, file: string): Pick<RegistriesFile, "registries" | "unqualifiedSearch"> {
  const names = (key: string): string[] => listOf((table[key] ?? {}) as Table, "registries", file) ?? [];
  const insecure = names("insecure").map(name => location(name, file));
  const blocked = names("block").map(name => location(name, file));
  const entries = [...new Set([...blocked, ...insecure])].map(name => ({
    prefix: name,
    location: name,
    insecure: insecure.includes(name),
    blocked: blocked.includes(name),
    pullFromMirror: "all" as const,
    mirrorByDigestOnly: false,
    mirrors: [],
  }));
  return { registries: sorted(entries), unqualifiedSearch: names("search").map(name => location(name, file)) };
}

/**
 * The aliases table: short name to whole repository; an empty value takes an alias back.
 *
 * @throws Fault "config.invalid" naming every wrong one
 */
export function parseAliases(value: unknown, file: string): ReadonlyMap<string, ShortNameAlias> {
  const aliases = new Map<string, ShortNameAlias>();
  if (value === undefined) return aliases;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(file, '"aliases" is not a table');
  const wrong: string[] = [];
  for (const [name, target] of Object.entries(value)) {
    const complaint = aliasComplaint(name, target);
    if (complaint) wrong.push(complaint);
    else aliases.set(name, { value: target === "" ? undefined : wholeName(target as string), origin: file });
  }
  if (wrong.length > 0) throw invalid(file, `validating short-name aliases: ${wrong.join("; ")}`);
  return aliases;
}

const repositoryPattern = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*";

function aliasComplaint(name: string, target: unknown): string | undefined {
  const host = name.includes("/") ? name.slice(0, name.indexOf("/")) : "";
  if (host === "localhost" || /[.:]/.test(host)) return `invalid short name "${name}": must not contain registry`;
  if (name.includes("@")) return `invalid short name "${name}": must not contain digest`;
  if (name.includes(":")) return `invalid short name "${name}": must not contain tag`;
  if (!new RegExp(`^${repositoryPattern}$`).test(name)) return `cannot parse short name: "${name}": invalid reference format`;
  if (typeof target !== "string") return `alias "${name}" is not a text`;
  if (target === "") return undefined;
  if (target.includes("@")) return `invalid alias "${target}": must not contain digest`;
  const slash = target.indexOf("/");
  const registry = target.slice(0, Math.max(0, slash));
  if (!/[.:]/.test(registry) && registry !== "localhost") return `invalid alias "${target}": must contain registry and repository`;
  const path = target.slice(slash + 1);
  if (path.includes(":")) return `invalid alias "${target}": must not contain tag`;
  return isHost(registry) && new RegExp(`^${repositoryPattern}$`).test(path) ? undefined : `parsing alias "${target}": invalid reference format`;
}

const wholeName = (target: string): string =>
  target.replace(/^index\.docker\.io\//, "docker.io/").replace(/^docker\.io\/([^/]+)$/, "docker.io/library/$1");

const isHost = (text: string): boolean =>
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(?::\d+)?$/.test(text);

function location(text: string, file: string): string {
  if (/^https?:\/\//.test(text)) throw invalid(file, `invalid location '${text}': URI schemes are not supported`);
  return text.replace(/\/+$/, "");
}

function modeOf(value: unknown, file: string): ShortNameMode | undefined {
  if (value === undefined || value === "") return undefined;
  if (value === "enforcing" || value === "permissive" || value === "disabled") return value;
  throw invalid(file, `invalid short-name mode: ${JSON.stringify(value)}`);
}

function textOf(table: Table, key: string, file: string): string {
  const value = table[key] ?? "";
  if (typeof value === "string") return value;
  throw invalid(file, `"${key}" is not a text`);
}

function flagOf(table: Table, key: string, file: string): boolean {
  const value = table[key] ?? false;
  if (typeof value === "boolean") return value;
  throw invalid(file, `"${key}" is neither true nor false`);
}

function listOf(table: Table, key: string, file: string): string[] | undefined {
  const value = table[key];
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every(entry => typeof entry === "string")) return value;
  throw invalid(file, `"${key}" is not a list of texts`);
}

function tablesOf(table: Table, key: string, file: string): Table[] {
  const value = table[key] ?? [];
  if (Array.isArray(value) && value.every(entry => typeof entry === "object" && entry !== null)) return value as Table[];
  throw invalid(file, `"${key}" is not a list of tables`);
}

function invalid(file: string, reason: string): Fault {
  return new Fault("config.invalid", `loading registries configuration "${file}": ${reason}`, { hint: `correct ${file}` });
}
