// What goes into a registry's paths, checked before it goes there.
// Source: OCI distribution-spec 1.1, "Pulling manifests": <name> and <reference>.

import { isDigest, type Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";

/** @throws Fault "reference.malformed" */
export function checkedRepository(repository: string): string {
  const isName = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
  if (repository.length <= 255 && isName.test(repository)) return repository;
  throw new Fault("reference.malformed", `cannot use repository ${JSON.stringify(repository.slice(0, 260))}: not a repository name`);
}

/** A tag or a digest. @throws Fault "reference.malformed" */
export function checkedReference(reference: string): string {
  if (isDigest(reference) || /^\w[\w.-]{0,127}$/.test(reference)) return reference;
  throw new Fault("reference.malformed", `cannot use reference ${JSON.stringify(reference.slice(0, 160))}: neither tag nor digest`);
}

/** @throws Fault "digest.malformed" */
export function checkedDigest(digest: string): Digest {
  if (isDigest(digest)) return digest;
  throw new Fault("digest.malformed", `cannot use digest ${JSON.stringify(digest.slice(0, 160))}: not ALGORITHM:HEX`);
}

export const pullScope = (repository: string): string => `repository:${repository}:pull`;
export const pushScope = (repository: string): string => `repository:${repository}:pull,push`;
export const deleteScope = (repository: string): string => `repository:${repository}:*`;
