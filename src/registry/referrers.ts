// What refers to a manifest: signatures, attestations and other artifacts, by the API or by the tag that stands in for it.
// Source: OCI distribution-spec 1.1, "Listing Referrers", "Referrers Tag Schema".

import { isDigest, type Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { mediaTypes } from "../base/media-types.ts";
import type { Descriptor } from "../base/oci-image.ts";
import { fetchManifest, mediaTypeOf, nameOf } from "./manifest.ts";
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

/** For registries without the API: an index tagged ALGORITHM-HEX. */
async function listByTag(session: Session, wish: ReferrersWish, doing: string): Promise<Descriptor[]> {
  const reference = wish.digest.replace(":", "-").slice(0, 128);
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
