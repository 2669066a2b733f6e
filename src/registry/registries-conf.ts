// registries.conf and its drop-ins: which registries a name leads to, mirrors, short names, credential helpers.
// Source: containers-registries.conf(5), containers-registries.conf.d(5).

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
  throw new Error(`not written yet: ${places.file}`);
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
  throw new Error(`not written yet: ${conf.file} ${reference}`);
}

/** The entry with the longest prefix of `name` (host, repository or whole reference). */
export function findRegistry(conf: RegistriesConf, name: string): RegistryEntry | undefined {
  throw new Error(`not written yet: ${conf.file} ${name}`);
}

/** The alias of a short name without tag; the file written by commands comes before registries.conf. */
export function aliasOf(conf: RegistriesConf, shortName: string): ShortNameAlias | undefined {
  throw new Error(`not written yet: ${conf.file} ${shortName}`);
}

/** Keeps an alias in short-name-aliases.conf, as a chosen prompt does. */
export function recordAlias(conf: RegistriesConf, shortName: string, repository: string): void {
  throw new Error(`not written yet: ${conf.file} ${shortName} ${repository}`);
}
