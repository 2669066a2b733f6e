// What a sync is to copy: the tags of repositories, the images below a directory, or what a YAML file lists.
// Source: skopeo-sync(1).

import { readFileSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { isDigest } from "../base/digest.ts";
import { errnoOf, Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { asRecord, findRecord, findText, findTexts } from "../base/shape.ts";
import type { Fields, Subject } from "../base/shape.ts";
import { parseYaml } from "../base/yaml.ts";
import { atDockerHub, parseReference, referenceText, repositoryOf } from "./reference.ts";
import type { Reference } from "./reference.ts";
import type { ImageSystem } from "./system.ts";
import type { ImageName } from "./transport.ts";
import { versionConstraint } from "./version-range.ts";

export interface SyncImage {
  readonly name: ImageName;
  /** Below the destination, when the whole source name is kept. */
  readonly scopedName: string;
}

/** Images that share where they come from and how it is reached. */
export interface SyncGroup {
  readonly images: readonly SyncImage[];
  readonly system: ImageSystem;
}

export type SyncSource = "docker" | "dir" | "yaml";

/** @throws Fault "usage.invalid", "registry.*", "config.invalid" */
export async function syncPlan(kind: SyncSource, source: string, system: ImageSystem): Promise<SyncGroup[]> {
  if (kind === "yaml") return planOfYaml(source, system);
  const images = kind === "dir" ? imagesBelow(source) : await imagesOf(atDockerHub(parseReference(source)), system);
  if (images.length === 0) throw new Fault("image.not-found", `No images to sync found in ${JSON.stringify(source)}`, { exit: 1 });
  return [{ images, system }];
}

const dockerImage = (reference: Reference): SyncImage =>
  ({ name: { transport: "docker", rest: referenceText(reference) }, scopedName: referenceText(reference) });

/** The one a tag or digest names, or all tags. */
async function imagesOf(reference: Reference, system: ImageSystem): Promise<SyncImage[]> {
  if (reference.tag !== undefined || reference.digest !== undefined) return [dockerImage(reference)];
  return (await tagsOf(reference, system)).map(tag => dockerImage({ ...reference, tag }));
}

async function tagsOf(reference: Reference, system: ImageSystem): Promise<string[]> {
  log.info("Getting tags", { image: repositoryOf(reference) });
  const { registryTags } = await import("./transports/registry.ts");
  try {
    return await registryTags(reference, system);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new Fault(thrown.code, `Error determining repository tags for repo ${repositoryOf(reference)}: ${thrown.message}`, { cause: thrown });
  }
}

const depthMax = 32;

/** Every directory with a manifest.json, itself included; below one there are no others. */
function imagesBelow(source: string): SyncImage[] {
  const top = resolve(source);
  try {
    statSync(top);
  } catch (cause) {
    const reason = errnoOf(cause) === "ENOENT" ? "no such file or directory" : (cause as Error).message;
    throw new Fault("system.not-found", `Invalid source directory specified: stat ${source}: ${reason}`, { cause });
  }
  const found: SyncImage[] = [];
  const walk = (directory: string, depth: number): void => {
    const entries = readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    if (entries.some(entry => entry.isFile() && entry.name === "manifest.json")) {
      const below = directory.slice(top.length + 1);
      found.push({ name: { transport: "dir", rest: directory }, scopedName: below || top.slice(top.lastIndexOf("/") + 1) });
      return;
    }
    for (const entry of entries) if (entry.isDirectory() && depth < depthMax) walk(join(directory, entry.name), depth + 1);
  };
  walk(top, 0);
  return found;
}

/** A part of the file that is wrong is told and left out; the rest goes on. */
async function planOfYaml(file: string, system: ImageSystem): Promise<SyncGroup[]> {
  const about: Subject = { what: JSON.stringify(file), code: "config.invalid" };
  const groups: SyncGroup[] = [];
  for (const [registry, value] of Object.entries(asRecord(parseYaml(readYamlFile(file), file) ?? {}, about))) {
    const fields = asRecord(value, about, JSON.stringify(registry));
    checkKeys(fields, about, registry);
    groups.push(...(await registryGroups(registry, { fields, about, system: registrySystem(fields, about, system) })));
  }
  return groups;
}

function readYamlFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const reason = errnoOf(cause) === "ENOENT" ? "no such file or directory" : (cause as Error).message;
    throw new Fault("system.not-found", `open ${file}: ${reason}`, { cause });
  }
}

const known = ["images", "images-by-tag-regex", "images-by-semver", "credentials", "tls-verify", "cert-dir"];

function checkKeys(fields: Fields, about: Subject, registry: string): void {
  const unknown = Object.keys(fields).find(key => !known.includes(key));
  if (unknown !== undefined) log.warn(`Ignoring unknown key ${JSON.stringify(unknown)} of ${registry} in ${about.what}`);
}

function registrySystem(fields: Fields, about: Subject, system: ImageSystem): ImageSystem {
  const credentials = findRecord(fields, "credentials", about);
  const certDir = findText(fields, "cert-dir", about);
  const tlsVerify = fields["tls-verify"];
  if (tlsVerify !== undefined && typeof tlsVerify !== "boolean") {
    throw new Fault("config.invalid", `cannot read ${about.what}: "tls-verify" is neither true nor false`);
  }
  return {
    ...system,
    clients: new Map(),
    ...(certDir === undefined ? {} : { certDir }),
    ...(tlsVerify === undefined ? {} : { tlsVerify }),
    ...(credentials === undefined ? {} : {
      credentials: { username: findText(credentials, "username", about) ?? "", password: findText(credentials, "password", about) ?? "" },
    }),
  };
}

interface Part {
  readonly fields: Fields;
  readonly about: Subject;
  readonly system: ImageSystem;
}

async function registryGroups(registry: string, part: Part): Promise<SyncGroup[]> {
  const { fields, about, system } = part;
  const wishes: [repository: string, choose: (reference: Reference) => Promise<SyncImage[]>][] = [];
  for (const repository of Object.keys(findRecord(fields, "images", about) ?? {})) {
    const refs = findTexts(findRecord(fields, "images", about)!, repository, about) ?? [];
    wishes.push([repository, async reference => (refs.length > 0 ? refs.flatMap(ref => imageAt(reference, ref)) : imagesOf(reference, system))]);
  }
  for (const [kind, chooser] of [["images-by-tag-regex", byPattern], ["images-by-semver", versionConstraint]] as const) {
    for (const [repository, text] of Object.entries(findRecord(fields, kind, about) ?? {})) {
      wishes.push([repository, async reference => {
        const fits = chooser(String(text));
        return (await tagsOf(reference, system)).filter(fits).map(tag => dockerImage({ ...reference, tag }));
      }]);
    }
  }
  if (wishes.length === 0) log.warn("No images specified for registry", { registry });
  const groups: SyncGroup[] = [];
  for (const [repository, choose] of wishes) {
    const images = await chosen(`${registry}/${repository}`, choose);
    if (images.length > 0) groups.push({ images, system });
  }
  return groups;
}

async function chosen(text: string, choose: (reference: Reference) => Promise<SyncImage[]>): Promise<SyncImage[]> {
  log.info("Processing repo", { repo: text });
  try {
    const reference = atDockerHub(parseReference(text));
    if (reference.tag !== undefined || reference.digest !== undefined) {
      throw new Fault("reference.malformed", "input names a reference, not a repository");
    }
    const images = await choose(reference);
    if (images.length === 0) log.warn("No refs to sync found", { repo: text });
    return images;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    log.error("Error processing repo, skipping", { repo: text });
    log.error(thrown.message);
    return [];
  }
}

function imageAt(reference: Reference, ref: string): SyncImage[] {
  if (isDigest(ref)) return [dockerImage({ ...reference, digest: ref })];
  try {
    return [dockerImage(parseReference(`${referenceText(reference)}:${ref}`))];
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    log.error("Error parsing ref, skipping", { ref });
    log.error(thrown.message);
    return [];
  }
}

const patternCharactersMax = 1000;

function byPattern(text: string): (tag: string) => boolean {
  try {
    if (text.length > patternCharactersMax) throw new Error(`longer than ${patternCharactersMax} characters`);
    const pattern = new RegExp(text);
    return tag => pattern.test(tag);
  } catch (cause) {
    throw new Fault("config.invalid", `cannot read regular expression ${JSON.stringify(text.slice(0, 100))}: ${(cause as Error).message}`, { cause });
  }
}
