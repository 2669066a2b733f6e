// Short names: what "alpine" may mean, by alias and search registries, and the words when it means nothing.
// Source: containers-registries.conf(5), "Short-Name Aliasing"; podman's wording where scripts match it.

import { Fault } from "../base/fault.ts";
import { aliasOf, readRegistriesConf, recordAlias } from "../registry/registries-conf.ts";
import type { RegistriesConf } from "../registry/registries-conf.ts";
import { atDomain, atLocalhost, isShort, parseReference, referenceText, repositoryOf, withDefaultTag } from "./reference.ts";
import type { Reference } from "./reference.ts";
import type { ImageSystem } from "./system.ts";

/** Asks a person to choose one of `choices`; undefined ends the command. Given only where there is a terminal. */
export type Prompt = (question: string, choices: readonly string[]) => Promise<string | undefined>;

export interface Resolved {
  /** Whole references with tag or digest, to be tried in order. */
  readonly candidates: readonly Reference[];
  /** Printed before the first try, such as `Resolved "x" as an alias (FILE)`; undefined: nothing to say. */
  readonly description?: string;
  /** Keeps the person's choice as an alias; call after the candidate was pulled. */
  readonly record?: () => void;
}

const kept = new WeakMap<ImageSystem, RegistriesConf>();

/** Read once for a system. */
export function registriesOf(system: ImageSystem): RegistriesConf {
  const known = system.registries ?? kept.get(system);
  if (known) return known;
  const read = readRegistriesConf({
    ...(system.registriesConf === undefined ? {} : { file: system.registriesConf }),
    ...(system.registriesConfDir === undefined ? {} : { dir: system.registriesConfDir }),
    ...(system.shortNameAliasConf === undefined ? {} : { aliasFile: system.shortNameAliasConf }),
  });
  kept.set(system, read);
  return read;
}

function aliasReference(reference: Reference, conf: RegistriesConf): { named: Reference; origin: string } | undefined {
  const alias = aliasOf(conf, repositoryOf(reference));
  if (alias?.value === undefined) return undefined;
  const { domain, path } = parseReference(alias.value);
  return { named: withDefaultTag({ ...reference, domain, path }), origin: alias.origin };
}

/**
 * The whole references a name may be pulled from. Without `prompt` there is no terminal: mode "enforcing" then refuses
 * what is ambiguous.
 *
 * @throws Fault "reference.malformed", "reference.ambiguous"
 */
export async function resolveShortName(name: string, conf: RegistriesConf, prompt?: Prompt): Promise<Resolved> {
  const reference = parseReference(name);
  if (!isShort(reference)) return { candidates: [withDefaultTag(reference)] };
  const short = repositoryOf(reference);
  const alias = aliasReference(reference, conf);
  if (alias) return { candidates: [alias.named], description: `Resolved "${short}" as an alias (${alias.origin})` };
  const candidates = searchCandidates(name, reference, conf);
  const description = `Resolving "${short}" using unqualified-search registries (${conf.unqualifiedSearchOrigin})`;
  if (conf.shortNameMode === "disabled" || candidates.length === 1) return { candidates, description };
  if (prompt) return chosen(reference, candidates, { conf, prompt });
  if (conf.shortNameMode === "permissive") return { candidates, description };
  const whole = candidates.map(candidate => `podman pull ${referenceText(candidate)}`).join(" or ");
  throw new Fault("reference.ambiguous", `short-name resolution enforced but cannot prompt without a TTY: name the registry: ${whole}`);
}

function searchCandidates(name: string, reference: Reference, conf: RegistriesConf): Reference[] {
  if (conf.unqualifiedSearch.length > 0) {
    return conf.unqualifiedSearch.map(domain => withDefaultTag(atDomain(reference, domain)));
  }
  const origin = conf.unqualifiedSearchOrigin || conf.file;
  const why = origin
    ? `no unqualified-search registries are defined in "${origin}"`
    : "no containers-registries.conf(5) was found";
  throw new Fault("reference.ambiguous", `short-name "${name}" did not resolve to an alias and ${why}`, {
    hint: `name the registry, for instance: podman pull docker.io/${name.includes("/") ? name : `library/${name}`}`,
  });
}

async function chosen(
  reference: Reference,
  candidates: readonly Reference[],
  { conf, prompt }: { conf: RegistriesConf; prompt: Prompt },
): Promise<Resolved> {
  const answer = await prompt("Please select an image", candidates.map(referenceText));
  const candidate = candidates.find(one => referenceText(one) === answer);
  if (!candidate) throw new Fault("reference.ambiguous", `cannot resolve short name "${referenceText(reference)}": nothing was chosen`);
  return { candidates: [candidate], record: () => recordAlias(conf, repositoryOf(reference), repositoryOf(candidate)) };
}

/** Where a name may lie locally, in podman's order: alias, localhost, search registries, Docker Hub. */
export function localCandidates(reference: Reference, conf: RegistriesConf): Reference[] {
  if (!isShort(reference)) return [withDefaultTag(reference)];
  const alias = aliasReference(reference, conf);
  const found = [
    ...(alias ? [alias.named] : []),
    ...[atLocalhost(reference), ...conf.unqualifiedSearch.map(domain => atDomain(reference, domain))],
    atDomain(reference, "docker.io"),
  ];
  return found.map(withDefaultTag);
}
