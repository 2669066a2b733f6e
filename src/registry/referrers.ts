// What refers to a manifest: signatures, attestations and other artifacts, by the API or by the tag that stands in for it.
// Source: OCI distribution-spec 1.1, "Listing Referrers", "Referrers Tag Schema".

import { isDigest, type Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { mediaTypes } from "../base/media-types.ts";
import type { Descriptor } from "../base/oci-image.ts";
import type { ManifestAnswer } from "./client.ts";
import { fetchManifest, mediaTypeOf, nameOf, storeManifest } from "./manifest.ts";
import { checkedDigest, checkedRepository, pullScope } from "./names.ts";
import { requestWhole, type Session } from "./session.ts";
import { jsonObject, nextTarget } from "./tags.ts";

export interface ReferrersWish {
  readonly repository: string;
  readonly digest: Digest;
  readonly artifactType?: string;
}

const pagesMax = 1000;

export async function listReferrers(session: Session, wish: ReferrersWish): Promise<Descriptor[]> {
  const doing = `listing referrers of ${wish.digest} in ${nameOf(session, wish.repository)}`;
  const query = wish.artifactType ? `?${new URLSearchParams({ artifactType: wish.artifactType })}` : "";
  let target: string | undefined = `/v2/${checkedRepository(wish.repository)}/referrers/${checkedDigest(wish.digest)}${query}`;
  const found: Descriptor[] = [];
  for (let pages = 0; target !== undefined && pages < pagesMax; pages++) {
    const ask = { doing, method: "GET", target, scopes: [pullScope(wish.repository)], headers: { Accept: mediaTypes.ociIndex } };
    const bytes = await requestWhole(session, { ...ask, ok: [200, 404] }, limits.manifestBytesMax);
    const isIndex = bytes.status === 200 && mediaTypeOf(bytes.headers) === mediaTypes.ociIndex;
    if (!isIndex) return pages === 0 ? listByTag(session, wish, doing) : found;
    found.push(...descriptorsOf(bytes.bytes, doing));
    target = nextTarget(bytes.headers, bytes.url);
  }
  return filtered(found, wish);
}

/** Of "Referrers Tag Schema": each part cut to its bound. */
function tagOf(digest: Digest): string {
  const [algorithm = "", encoded = ""] = digest.split(":");
  return `${algorithm.slice(0, 32)}-${encoded.slice(0, 64)}`;
}

/** What a manifest says of itself and of the one it refers to; undefined where it refers to none. */
function referrerIn({ bytes, mediaType, digest }: ManifestAnswer): { subject: Digest; descriptor: Descriptor } | undefined {
  // Nearly no manifest has a subject: the text is looked at before it is read.
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('"subject"')) return undefined;
  const fields = jsonObject(bytes, "reading the manifest that was put");
  const subject = fields["subject"];
  if (!isDescriptor(subject)) return undefined;
  const config = fields["config"];
  const artifactType = fields["artifactType"] ?? (isDescriptor(config) ? config.mediaType : undefined);
  const annotations = fields["annotations"];
  const descriptor = {
    mediaType, digest, size: bytes.length,
    ...(typeof artifactType === "string" && { artifactType }),
    ...(annotations !== null && typeof annotations === "object" && { annotations: annotations as Record<string, string> }),
  };
  return { subject: subject.digest, descriptor };
}

/** Adds a manifest with a subject to the list that is kept under a tag, for registries that keep none themselves. */
export async function noteReferrer(session: Session, repository: string, manifest: ManifestAnswer): Promise<void> {
  const found = referrerIn(manifest);
  if (found === undefined) return;
  const doing = `listing ${manifest.digest} as a referrer in ${nameOf(session, repository)}`;
  const known = await listByTag(session, { repository, digest: found.subject }, doing);
  if (known.some(one => one.digest === manifest.digest)) return;
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [...known, found.descriptor] };
  const bytes = new TextEncoder().encode(JSON.stringify(index));
  await storeManifest(session, { repository, reference: tagOf(found.subject) }, { bytes, mediaType: mediaTypes.ociIndex });
}

/** For registries without the API: an index tagged ALGORITHM-HEX. */
async function listByTag(session: Session, wish: ReferrersWish, doing: string): Promise<Descriptor[]> {
  const reference = tagOf(wish.digest);
  try {
    const answer = await fetchManifest(session, { repository: wish.repository, reference, accept: [mediaTypes.ociIndex] });
    return filtered(descriptorsOf(answer.bytes, doing), wish);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "registry.not-found") return [];
    throw thrown;
  }
}

const filtered = (found: Descriptor[], { artifactType }: ReferrersWish): Descriptor[] =>
  artifactType ? found.filter(descriptor => descriptor.artifactType === artifactType) : found;

function descriptorsOf(bytes: Uint8Array, doing: string): Descriptor[] {
  const manifests = jsonObject(bytes, doing)["manifests"];
  if (!Array.isArray(manifests) || manifests.length > limits.indexEntriesMax || !manifests.every(isDescriptor)) {
    throw new Fault("registry.malformed", `${doing}: "manifests" is not a list of descriptors`);
  }
  return manifests;
}

function isDescriptor(value: unknown): value is Descriptor {
  const { mediaType, digest, size } = (value ?? {}) as Partial<Record<keyof Descriptor, unknown>>;
  return typeof mediaType === "string" && isDigest(digest) && typeof size === "number" && Number.isSafeInteger(size) && size >= 0;
}
