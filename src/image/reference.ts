// References: how people and registries name images, "[host/]path[:tag][@digest]", read strictly and written back.
// Source: distribution/reference grammar; containers' rule that a host holds "." or ":" or is localhost.

import { isDigest } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";

/** One image name; `domain` is "" for a short name that is not resolved yet. */
export interface Reference {
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const domainPattern =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?$/;
const componentPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const nameCharactersMax = 255;

function invalid(text: string, reason = "invalid reference format"): Fault {
  return new Fault("reference.malformed", `parsing reference ${JSON.stringify(text.slice(0, 300))}: ${reason}`, {
    hint: "write it as [HOST/]PATH[:TAG], such as docker.io/library/alpine:latest",
  });
}

/**
 * Reads a reference without adding to it: no default host, no default tag.
 *
 * @throws Fault "reference.malformed"
 */
export function parseReference(text: string): Reference {
  if (text === "" || text.length > limits.referenceCharactersMax) throw invalid(text);
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw invalid(text);
  const beforeDigest = at < 0 ? text : text.slice(0, at);
  const colon = beforeDigest.lastIndexOf(":");
  const hasTag = colon > beforeDigest.lastIndexOf("/");
  const tag = hasTag ? beforeDigest.slice(colon + 1) : undefined;
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid(text);
  const { domain, path } = splitName(hasTag ? beforeDigest.slice(0, colon) : beforeDigest, text);
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

function splitName(name: string, text: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = first.includes(".") || first.includes(":") || first === "localhost";
  const domain = isHost ? first : "";
  const path = isHost ? name.slice(slash + 1) : name;
  if (isHost && !domainPattern.test(domain)) throw invalid(text);
  if (!path.split("/").every(component => componentPattern.test(component))) {
    const lower = path.toLowerCase();
    const onlyCase = lower !== path && lower.split("/").every(component => componentPattern.test(component));
    throw invalid(text, onlyCase ? "repository name must be lowercase" : undefined);
  }
  if (path.length > nameCharactersMax) {
    throw invalid(text, `repository name must not be more than ${nameCharactersMax} characters`);
  }
  return dockerNormal(domain, path);
}

/** Docker Hub's old name and its "library/" for names of one part. */
function dockerNormal(domain: string, path: string): { domain: string; path: string } {
  const host = domain === "index.docker.io" ? "docker.io" : domain;
  return { domain: host, path: host === "docker.io" && !path.includes("/") ? `library/${path}` : path };
}

/** undefined where `parseReference` throws. */
export function findReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}

export const isShort = (reference: Reference): boolean => reference.domain === "";

/** The same name at `domain`, as for a search registry. */
export function atDomain(reference: Reference, domain: string): Reference {
  const slash = domain.indexOf("/");
  if (slash < 0) return { ...reference, ...dockerNormal(domain, reference.path) };
  return { ...reference, domain: domain.slice(0, slash), path: `${domain.slice(slash + 1)}/${reference.path}` };
}

/** Docker's reading of a short name: at docker.io. */
export const atDockerHub = (reference: Reference): Reference =>
  isShort(reference) ? atDomain(reference, "docker.io") : reference;

/** Podman's reading of a short name that is being given: at localhost. */
export const atLocalhost = (reference: Reference): Reference =>
  isShort(reference) ? { ...reference, domain: "localhost" } : reference;

export const withDefaultTag = (reference: Reference): Reference =>
  reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: "latest" } : reference;

/** The name an artifact is kept under: as written, with "latest" where there is neither tag nor digest. @throws Fault "reference.malformed" */
export const artifactReference = (written: string): Reference => withDefaultTag(parseReference(written));

/** Of a name with both tag and digest the digest alone counts. */
export function withoutTagBesideDigest(reference: Reference): Reference {
  const { tag, ...rest } = reference;
  return tag !== undefined && rest.digest !== undefined ? rest : reference;
}

/** Host and path alone. */
export const repositoryOf = (reference: Reference): string =>
  reference.domain === "" ? reference.path : `${reference.domain}/${reference.path}`;

export function referenceText(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return repositoryOf(reference) + tag + digest;
}

/** As Docker shows it: without "docker.io/" and "library/". */
export function familiarText(reference: Reference): string {
  if (reference.domain !== "docker.io") return referenceText(reference);
  return referenceText({ ...reference, domain: "", path: reference.path.replace(/^library\//, "") });
}

/**
 * The name an image gets by `tag`, `load` or `commit`: short names at localhost, "latest" added, a tag beside a digest
 * dropped.
 *
 * @throws Fault "reference.malformed"
 */
export function nameToGive(text: string): Reference {
  return withDefaultTag(withoutTagBesideDigest(atLocalhost(parseReference(text))));
}
