// registries.conf and its drop-ins: which registries a name leads to, mirrors, short names, credential helpers.
// Source: containers-registries.conf(5), containers-registries.conf.d(5).

import * as fs from "node:fs";
import { errnoOf, Fault } from "../base/fault.ts";
import { parseToml } from "../base/toml.ts";
import { cacheDirectory } from "./cache-directory.ts";
import { mergeRegistriesFiles, parseAliases, parseRegistriesFile, type RegistriesFile } from "./registries-file.ts";
import { writeWhole } from "./write-whole.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Endpoint {
  /** host[:port][/path]; "" only in a wildcard entry without location. */
  readonly location: string;
  readonly insecure: boolean;
  readonly pullFromMirror: "all" | "digest-only" | "tag-only";
}

export interface RegistryEntry extends Endpoint {
  /** What references must begin with; "*.example.com" for subdomains. */
  readonly prefix: string;
  readonly blocked: boolean;
  readonly mirrorByDigestOnly: boolean;
  readonly mirrors: readonly Endpoint[];
}

export type ShortNameMode = "enforcing" | "permissive" | "disabled";

export interface ShortNameAlias {
  /** Whole repository name such as "docker.io/library/alpine"; undefined: reset by an empty value. */
  readonly value: string | undefined;
  /** The file that says so. */
  readonly origin: string;
}

export interface RegistriesConf {
  /** Sorted by prefix, one entry a prefix. */
  readonly registries: readonly RegistryEntry[];
  readonly unqualifiedSearch: readonly string[];
  /** The file that sets `unqualifiedSearch`. */
  readonly unqualifiedSearchOrigin: string;
  readonly shortNameMode: ShortNameMode;
  readonly credentialHelpers: readonly string[];
  /** From registries.conf(.d) only; `aliasOf` also asks the short-name-aliases.conf that commands write. */
  readonly aliases: ReadonlyMap<string, ShortNameAlias>;
  readonly file: string;
  readonly dirs: readonly string[];
  readonly aliasFile: string;
}

export interface RegistriesConfPlaces {
  /** --registries-conf or CONTAINERS_REGISTRIES_CONF; must exist when given. */
  readonly file?: string;
  /** --registries-conf-dir. */
  readonly dir?: string;
  readonly aliasFile?: string;
  /** Absent: the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** @throws Fault "config.invalid" */
export function readRegistriesConf(places: RegistriesConfPlaces = {}): RegistriesConf {
  const environment = places.environment ?? process.env;
  const chosen = places.file || environment["CONTAINERS_REGISTRIES_CONF"] || environment["REGISTRIES_CONFIG_PATH"];
  const { file, dirs } = whereToRead(places, chosen, environment);
  const aliasFile = places.aliasFile || `${cacheDirectory(environment)}/short-name-aliases.conf`;
  const main = readText(file, Boolean(chosen));
  let merged: RegistriesFile = main === undefined ? nothing(file) : parseRegistriesFile(main, file, { isDropIn: false });
  for (const path of dirs.flatMap(dropIns)) {
    const text = readText(path, false);
    if (text !== undefined) merged = mergeRegistriesFiles(merged, parseRegistriesFile(text, path, { isDropIn: true }));
  }
  return {
    registries: merged.registries,
    unqualifiedSearch: merged.unqualifiedSearch ?? [],
    unqualifiedSearchOrigin: merged.unqualifiedSearchOrigin,
    shortNameMode: merged.shortNameMode ?? "permissive",
    credentialHelpers: merged.credentialHelpers?.length ? merged.credentialHelpers : ["containers-auth.json"],
    aliases: merged.aliases,
    file,
    dirs,
    aliasFile,
  };
}

const nothing = (file: string): RegistriesFile => ({
  registries: [],
  unqualifiedSearch: undefined,
  unqualifiedSearchOrigin: file,
  shortNameMode: undefined,
  credentialHelpers: undefined,
  aliases: new Map(),
});

/** A file of the person's own stands in for the system's, and the system's drop-ins are left out with it. */
function whereToRead(places: RegistriesConfPlaces, chosen: string | undefined, environment: Environment) {
  const home = environment["HOME"];
  const ownFile = `${home}/.config/containers/registries.conf`;
  const ownDir = home ? [`${home}/.config/containers/registries.conf.d`] : [];
  const isOwn = !chosen && Boolean(home) && fs.existsSync(ownFile);
  const file = chosen || (isOwn ? ownFile : "/etc/containers/registries.conf");
  if (places.dir) return { file, dirs: [places.dir] };
  return { file, dirs: isOwn ? ownDir : ["/etc/containers/registries.conf.d", ...ownDir] };
}

function dropIns(directory: string): string[] {
  try {
    return fs
      .readdirSync(directory, { withFileTypes: true })
      .filter(entry => entry.name.endsWith(".conf") && !entry.isDirectory())
      .map(entry => `${directory}/${entry.name}`)
      .sort();
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw new Fault("config.invalid", `reading registries.conf.d: cannot list "${directory}": ${errnoOf(thrown)}`, { cause: thrown });
  }
}

function readText(path: string, mustExist: boolean): string | undefined {
  try {
    return fs.readFileSync(path, "utf8");
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === "ENOENT" && !mustExist) return undefined;
    const reason = errno === "ENOENT" ? "no such file or directory" : (errno ?? String(thrown));
    throw new Fault("config.invalid", `loading registries configuration "${path}": open ${path}: ${reason}`, { cause: thrown });
  }
}

/** Where one reference may be fetched from. */
export interface PullEndpoint {
  /** The reference as this endpoint knows it, such as "mirror.test/hub/library/alpine:latest". */
  readonly reference: string;
  /** host[:port] of it. */
  readonly host: string;
  /** Repository path of it. */
  readonly repository: string;
  readonly insecure: boolean;
  readonly isMirror: boolean;
}

/**
 * Mirrors in order, then the registry itself.
 *
 * @param reference whole: host, path, and tag or digest
 * @throws Fault "registry.blocked"
 */
export function endpointsFor(conf: RegistriesConf, reference: string): PullEndpoint[] {
  const entry = findRegistry(conf, nameOf(reference));
  if (!entry) return [endpoint(reference, { insecure: false, isMirror: false })];
  refuseBlocked(conf, entry);
  const isDigested = reference.includes("@");
  const unwanted = isDigested ? "tag-only" : "digest-only";
  const mirrors = entry.mirrors.filter(mirror =>
    entry.mirrorByDigestOnly ? isDigested : mirror.pullFromMirror !== unwanted,
  );
  return [
    ...mirrors.map(({ location, insecure }) => endpoint(rewritten(reference, entry, location), { insecure, isMirror: true })),
    endpoint(rewritten(reference, entry, entry.location), { insecure: entry.insecure, isMirror: false }),
  ];
}

/** Where `reference` is pushed: never a mirror, and by its own name, as podman does it. @throws Fault "registry.blocked" */
export function pushEndpointFor(conf: RegistriesConf, reference: string): PullEndpoint {
  const entry = findRegistry(conf, nameOf(reference));
  if (entry) refuseBlocked(conf, entry);
  return endpoint(reference, { insecure: entry?.insecure ?? false, isMirror: false });
}

function refuseBlocked(conf: RegistriesConf, entry: RegistryEntry): void {
  if (!entry.blocked) return;
  const text = `registry ${entry.prefix} is blocked in ${conf.file} or ${conf.dirs.at(-1)}`;
  throw new Fault("registry.blocked", text, { hint: "take out blocked = true there to allow it" });
}

function rewritten(reference: string, entry: RegistryEntry, location: string): string {
  return location === "" ? reference : location + reference.slice(matchLength(reference, entry.prefix));
}

/** Without tag and digest. */
function nameOf(reference: string): string {
  const untagged = reference.replace(/@.*$/, "");
  // The colon of a bare "localhost:5000" begins a port.
  return untagged.includes("/") ? untagged.replace(/:[^:/]*$/, "") : untagged;
}

function endpoint(reference: string, { insecure, isMirror }: Pick<PullEndpoint, "insecure" | "isMirror">): PullEndpoint {
  const name = nameOf(reference);
  const slash = name.indexOf("/");
  if (slash <= 0 || slash === name.length - 1) {
    throw new Fault("config.invalid", `rewriting reference: "${reference}" has no registry and repository`, {
      hint: "correct the location in registries.conf",
    });
  }
  return { reference, host: name.slice(0, slash), repository: name.slice(slash + 1), insecure, isMirror };
}

/** The entry with the longest prefix of `name` (host, repository or whole reference). */
export function findRegistry(conf: Pick<RegistriesConf, "registries">, name: string): RegistryEntry | undefined {
  let best: RegistryEntry | undefined;
  for (const entry of conf.registries) {
    if (matchLength(name, entry.prefix) > 0 && entry.prefix.length > (best?.prefix.length ?? 0)) best = entry;
  }
  return best;
}

/** How many characters of `name` the prefix stands for; -1 when it is no prefix. */
export function matchLength(name: string, prefix: string): number {
  if (prefix.startsWith("*.")) {
    const at = name.indexOf(prefix.slice(1));
    if (at === -1 || name.slice(0, at).includes("/")) return -1;
    const end = at + prefix.length - 1;
    return end === name.length || /[:/@]/.test(name[end]!) ? end : -1;
  }
  if (!name.startsWith(prefix)) return -1;
  return name.length === prefix.length || /[:/@]/.test(name[prefix.length]!) ? prefix.length : -1;
}

/** The alias of a short name without tag; the file written by commands comes before registries.conf. */
export function aliasOf(conf: RegistriesConf, shortName: string): ShortNameAlias | undefined {
  return readAliasFile(conf.aliasFile).get(shortName) ?? conf.aliases.get(shortName);
}

function readAliasFile(path: string): ReadonlyMap<string, ShortNameAlias> {
  const text = readText(path, false);
  return text === undefined ? new Map() : parseAliases(parseToml(text, path)["aliases"], path);
}

/** Keeps an alias in short-name-aliases.conf, as a chosen prompt does. */
export function recordAlias(conf: RegistriesConf, shortName: string, repository: string): void {
  const added = parseAliases({ [shortName]: repository }, conf.aliasFile);
  const entries = [...new Map([...readAliasFile(conf.aliasFile), ...added])].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = entries.map(([name, { value }]) => `  ${JSON.stringify(name)} = ${JSON.stringify(value ?? "")}\n`);
  fs.mkdirSync(conf.aliasFile.replace(/\/[^/]*$/, "") || "/", { recursive: true, mode: 0o700 });
  writeWhole(conf.aliasFile, `[aliases]\n${lines.join("")}`);
}
