// Manifests: fetched, looked for, put and deleted, exact bytes and digests that hold.
// Source: OCI distribution-spec 1.1, "Pulling manifests", "Pushing Manifests", "Deleting Manifests".

import { algorithmOf, isDigest, loadHasher, type Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { manifestMediaTypes, mediaTypes } from "../base/media-types.ts";
import { lengthOf } from "./body.ts";
import type { ManifestAnswer, ManifestHead } from "./client.ts";
import { checkedReference, checkedRepository, deleteScope, pullScope, pushScope } from "./names.ts";
import { request, requestHead, requestWhole, type Ask, type Session } from "./session.ts";

export interface ManifestWish {
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
  readonly accept?: readonly string[];
}

const pathOf = ({ repository, reference }: ManifestWish): string =>
  `/v2/${checkedRepository(repository)}/manifests/${checkedReference(reference)}`;

export const nameOf = (session: Session, repository: string): string => `${session.host}/${repository}`;

const scopeOf = (session: Session, repository: string): string =>
  session.intent === "push" ? pushScope(repository) : pullScope(repository);

function askFor(session: Session, wish: ManifestWish, method: string): Omit<Ask, "ok"> {
  return {
    doing: `reading manifest ${wish.reference} in ${nameOf(session, wish.repository)}`,
    method,
    target: pathOf(wish),
    scopes: [scopeOf(session, wish.repository)],
    headers: { Accept: (wish.accept ?? manifestMediaTypes).join(", ") },
  };
}

/** @throws Fault "registry.not-found", "digest.mismatch", "input.too-large" */
export async function fetchManifest(session: Session, wish: ManifestWish): Promise<ManifestAnswer> {
  const ask = { ...askFor(session, wish, "GET"), ok: [200] };
  const reply = await requestWhole(session, ask, limits.manifestBytesMax);
  const mediaType = mediaTypeOf(reply.headers);
  const said = reply.headers.get("docker-content-digest");
  const isAsked = isDigest(wish.reference);
  const expected = isAsked ? (wish.reference as Digest) : isDigest(said) && !isSigned(mediaType) ? said : undefined;
  const hasher = await loadHasher(expected ? algorithmOf(expected) : "sha256");
  hasher.update(reply.bytes);
  const digest = hasher.digest();
  // A signed schema 1 manifest is digested without its signatures, which is for its reader to do.
  if (expected && digest !== expected && !isSigned(mediaType)) {
    throw new Fault("digest.mismatch", `${ask.doing}: manifest has digest ${digest}, not ${expected}`, {
      hint: "the registry or something on the way changed it: pull from another place, and do not trust this one",
    });
  }
  return { bytes: reply.bytes, mediaType, digest: isAsked ? (wish.reference as Digest) : digest };
}

const isSigned = (mediaType: string): boolean => mediaType === mediaTypes.dockerManifestV1Signed;

/** undefined when there is none. */
export async function fetchManifestHead(session: Session, wish: ManifestWish): Promise<ManifestHead | undefined> {
  const reply = await request(session, { ...askFor(session, wish, "HEAD"), ok: [200, 404] });
  reply.release();
  if (reply.status === 404) return undefined;
  const digest = reply.headers.get("docker-content-digest");
  const size = lengthOf(reply.response);
  return {
    mediaType: mediaTypeOf(reply.headers),
    ...(isDigest(digest) && { digest }),
    ...(size !== undefined && { size }),
  };
}

export interface StoredManifest {
  readonly digest: Digest;
  /** Whether the registry has put it on its subject's list of referrers. */
  readonly isListed: boolean;
}

export async function storeManifest(
  session: Session,
  wish: ManifestWish,
  { bytes, mediaType }: Omit<ManifestAnswer, "digest">,
): Promise<StoredManifest> {
  const doing = `uploading manifest ${wish.reference} to ${nameOf(session, wish.repository)}`;
  const hasher = await loadHasher(isDigest(wish.reference) ? algorithmOf(wish.reference) : "sha256");
  hasher.update(bytes);
  const digest = hasher.digest();
  if (isDigest(wish.reference) && digest !== wish.reference) {
    throw new Fault("digest.mismatch", `${doing}: manifest has digest ${digest}`);
  }
  const reply = await requestHead(session, {
    doing,
    method: "PUT",
    target: pathOf(wish),
    scopes: [pushScope(wish.repository)],
    headers: { "Content-Type": mediaType },
    body: bytes,
    ok: [200, 201, 202],
  });
  return { digest, isListed: isDigest(reply.headers.get("oci-subject")) };
}

/** Deletes by digest, as registries want it; a tag's digest is asked for first. */
export async function removeManifest(session: Session, wish: ManifestWish): Promise<Digest> {
  const name = `${nameOf(session, wish.repository)}${isDigest(wish.reference) ? "@" : ":"}${wish.reference}`;
  const head = await fetchManifestHead(session, wish);
  if (!head) {
    throw new Fault(
      "registry.not-found",
      `Unable to delete ${name}. Image may not exist or is not stored with a v2 Schema in a v2 registry`,
    );
  }
  const digest = isDigest(wish.reference) ? wish.reference : (head.digest ?? (await fetchManifest(session, wish)).digest);
  await requestHead(session, {
    doing: `deleting ${name}`,
    method: "DELETE",
    target: pathOf({ repository: wish.repository, reference: digest }),
    scopes: [deleteScope(wish.repository)],
    ok: [200, 202, 204],
  });
  return digest;
}

/** Content-Type without parameters, lower case; "" when absent. */
export const mediaTypeOf = (headers: Headers): string =>
  (headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
