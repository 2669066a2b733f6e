// Searching registries for images, or one repository for its tags.
// Source: podman-search(1).

import { Fault } from "../base/fault.ts";
import { findRegistry } from "../registry/registries-conf.ts";
import type { FoundRepository } from "../registry/search.ts";
import { atDockerHub, findReference, repositoryOf } from "./reference.ts";
import { registriesOf } from "./short-names.ts";
import type { ImageSystem } from "./system.ts";
import { clientFor, registryTags } from "./transports/registry.ts";

/** As podman prints it; texts are "[OK]" or "". */
export interface SearchResult {
  readonly Index: string;
  readonly Name: string;
  readonly Description: string;
  readonly Stars: number;
  readonly Official: string;
  readonly Automated: string;
  readonly Tag: string;
}

export interface SearchWish {
  readonly system: ImageSystem;
  /** 0: as many as podman shows, 25. */
  readonly limit: number;
  readonly listTags?: boolean;
  readonly filter?: SearchFilter;
}

export interface SearchFilter {
  readonly stars?: number;
  readonly isAutomated?: boolean;
  readonly isOfficial?: boolean;
}

const limitDefault = 25;
const registriesAtATime = 6;

/** Reads --filter. @throws Fault "usage.invalid" in podman's words */
export function readSearchFilter(texts: readonly string[]): SearchFilter {
  let filter: SearchFilter = {};
  for (const text of texts) {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? undefined : text.slice(equals + 1);
    if (name === "stars") filter = { ...filter, stars: starsOf(value, texts) };
    else if (name === "is-automated") filter = { ...filter, isAutomated: value !== "false" };
    else if (name === "is-official") filter = { ...filter, isOfficial: value !== "false" };
    else throw new Fault("usage.invalid", `invalid filter type ${JSON.stringify(text)}`, { hint: "use stars, is-automated or is-official" });
  }
  return filter;
}

function starsOf(value: string | undefined, texts: readonly string[]): number {
  if (value === undefined) throw new Fault("usage.invalid", `invalid filter [${texts.map(text => JSON.stringify(text)).join(" ")}], should be stars=<value>`);
  if (/^[+-]?\d{1,9}$/.test(value)) return Number(value);
  throw new Fault("usage.invalid", `incorrect value type for stars filter: strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
}

/** In the registry before the first slash, else in all search registries. @throws Fault where nothing was found and one failed */
export async function searchImages(term: string, wish: SearchWish): Promise<SearchResult[]> {
  const slash = term.indexOf("/");
  const registries = slash < 0 ? registriesOf(wish.system).unqualifiedSearch : [term.slice(0, slash)];
  const rest = slash < 0 ? term : term.slice(slash + 1);
  const found: SearchResult[][] = registries.map(() => []);
  const faults: Fault[] = [];
  const queue = [...registries.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      try {
        found[next[0]] = wish.listTags ? await tagsIn(next[1], rest, wish) : await imagesIn(next[1], rest, wish);
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
        faults.push(thrown);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(registriesAtATime, queue.length) }, worker));
  const all = found.flat();
  if (all.length > 0 || faults.length === 0) return all;
  throw severalFaults(faults);
}

function severalFaults(faults: readonly Fault[]): Fault {
  const { length } = faults;
  const words = `${length} error${length === 1 ? "" : "s"} occurred:\n${faults.map(fault => `\t* ${fault.message}\n`).join("")}\n`;
  return new Fault(faults[0]!.code, words, { cause: faults[0] });
}

async function imagesIn(registry: string, term: string, { system, limit, filter = {} }: SearchWish): Promise<SearchResult[]> {
  const entry = findRegistry(registriesOf(system), registry);
  if (entry?.blocked) throw new Fault("registry.blocked", `registry ${registry} is blocked in ${registriesOf(system).file}`);
  const host = registry === "docker.io" ? "index.docker.io" : registry;
  const client = await clientFor({ host, repository: "", insecure: entry?.insecure ?? false }, system, "pull");
  const wanted = limit > 0 ? limit : limitDefault;
  return (await client.search(term, wanted)).slice(0, wanted).filter(one => fits(one, filter)).map(one => shown(registry, one));
}

const fits = ({ stars, isAutomated, isOfficial }: FoundRepository, filter: SearchFilter): boolean =>
  stars >= (filter.stars ?? 0) && (filter.isAutomated ?? isAutomated) === isAutomated && (filter.isOfficial ?? isOfficial) === isOfficial;

function shown(registry: string, { name, description, stars, isAutomated, isOfficial }: FoundRepository): SearchResult {
  const isLibrary = registry.split(".").slice(-2).join(".") === "docker.io" && !name.includes("/");
  return {
    Index: registry,
    Name: isLibrary ? `docker.io/library/${name}` : `${registry}/${name}`,
    Description: description,
    Stars: stars,
    Official: isOfficial ? "[OK]" : "",
    Automated: isAutomated ? "[OK]" : "",
    Tag: "",
  };
}

async function tagsIn(registry: string, term: string, { system, limit }: SearchWish): Promise<SearchResult[]> {
  const reference = findReference(`${registry}/${term}`);
  if (!reference) throw new Fault("reference.malformed", `reference ${JSON.stringify(term)} must be a docker reference`);
  const whole = atDockerHub(reference);
  try {
    const tags = await registryTags(whole, system);
    return tags.slice(0, limit > 0 ? limit : limitDefault).map(tag => ({
      Index: registry, Name: repositoryOf(whole), Description: "", Stars: 0, Official: "", Automated: "", Tag: tag,
    }));
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new Fault(thrown.code, `getting repository tags: ${thrown.message}`, { cause: thrown });
  }
}
