// Bringing along what refers to an image: signatures, bills of materials, attestations, and what refers to those.
// Source: OCI image-spec manifest.md, "subject"; distribution-spec 1.1, "Listing Referrers".

import { digestOf } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import type { Descriptor } from "../base/oci-image.ts";
import { readManifest } from "./manifest.ts";
import type { RawManifest } from "./manifest.ts";
import type { OnProgress } from "./progress.ts";
import type { Cargo, Sink, Source } from "./source.ts";

/** "asked": by name, so that failing is a fault. "implied": with all of an index, so that failing is told. */
export type ReferrersWish = "asked" | "implied";

export interface ReferrersTrip {
  readonly source: Source;
  readonly sink: Sink;
  readonly wish: ReferrersWish;
  readonly onProgress?: OnProgress | undefined;
}

/** More belong to no image that a person made. */
const referrersMax = 1000;

/** @throws Fault "usage.unsupported" where referrers are asked for by name and one side has no place for them */
export function checkReferrers({ source, sink, wish }: ReferrersTrip): void {
  if (wish !== "asked") return;
  const lacking = source.referrers === undefined ? `copy referrers of ${source.name}` : sink.putReferrer === undefined ? `copy referrers to ${sink.name}` : "";
  if (lacking === "") return;
  throw new Fault("usage.unsupported", `cannot ${lacking}: it has no place for them`, { hint: "use docker://, oci: or dir:, or leave out --referrers" });
}

/** Everything that refers to one of `subjects`, or to what does; each manifest once. Returns how many were brought. */
export async function copyReferrers(subjects: readonly Digest[], trip: ReferrersTrip): Promise<number> {
  const { source, sink, wish } = trip;
  if (source.referrers === undefined || sink.putReferrer === undefined) return 0;
  if (wish === "implied" && sink.isConfusedByReferrers) return 0;
  try {
    return await copyAll(subjects, trip);
  } catch (thrown) {
    if (wish === "asked" || !(thrown instanceof Fault)) throw thrown;
    trip.onProgress?.({ kind: "warning", text: `Leaving referrers of ${source.name} behind: ${thrown.message}` });
    return 0;
  }
}

async function copyAll(subjects: readonly Digest[], { source, sink, onProgress }: ReferrersTrip): Promise<number> {
  const seen = new Set<Digest>(subjects);
  const queue = [...subjects];
  let count = 0;
  for (let subject = queue.shift(); subject !== undefined; subject = queue.shift()) {
    for (const { digest } of await source.referrers!(subject)) {
      if (seen.has(digest)) continue;
      if (++count > referrersMax) throw new Fault("input.too-large", `cannot copy referrers: more than ${referrersMax} of them`);
      seen.add(digest);
      queue.push(digest);
      onProgress?.({ kind: "referrer", digest, subject });
      await copyManifest({ source, sink, digest, subject });
    }
  }
  return count;
}

interface One {
  readonly source: Source;
  readonly sink: Sink;
  readonly digest: Digest;
  /** Absent: a member of an index that refers. */
  readonly subject?: Digest;
}

async function copyManifest({ source, sink, digest, subject }: One, depth = 0): Promise<void> {
  const raw = await source.manifest(digest);
  if (digestOf(raw.bytes, digest.slice(0, digest.indexOf(":"))) !== digest) {
    throw new Fault("digest.mismatch", `cannot read referrer "${digest}": its bytes have another digest`);
  }
  const parsed = readManifest(raw);
  if (parsed.kind === "index") {
    if (depth > 0) throw new Fault("image.unsupported", `cannot copy referrer "${digest}": an index within an index`);
    for (const entry of parsed.index.manifests) await copyManifest({ source, sink, digest: entry.digest }, depth + 1);
    return sink.putReferrer!(raw, subject!);
  }
  const cargo: Cargo = { raw, manifest: parsed.manifest, configBytes: new Uint8Array(0), config: undefined };
  await copyBlob(parsed.manifest.config, { cargo, source, sink, position: undefined });
  for (const [position, layer] of parsed.manifest.layers.entries()) await copyBlob(layer, { cargo, source, sink, position });
  if (subject === undefined) await sink.finish(cargo, true);
  else await sink.putReferrer!(raw, subject);
}

interface BlobTrip {
  readonly cargo: Cargo;
  readonly source: Source;
  readonly sink: Sink;
  /** Absent: the config. */
  readonly position: number | undefined;
}

async function copyBlob(blob: Descriptor, { cargo, source, sink, position }: BlobTrip): Promise<void> {
  const place = position === undefined ? { kind: "config" as const } : { kind: "layer" as const, position };
  if (await sink.has(blob, place, cargo, source)) return;
  await sink.put(blob, place, cargo, { open: async offset => (await source.blob(blob, offset)).stream, onBytes() {} });
}

/** The descriptor by which a list of referrers names a manifest; undefined where it refers to nothing. */
export function referrerOf(raw: RawManifest): { readonly subject: Digest; readonly descriptor: Descriptor } | undefined {
  const parsed = readManifest(raw);
  const content = parsed.kind === "image" ? parsed.manifest : parsed.index;
  if (content.subject === undefined) return undefined;
  const artifactType = content.artifactType ?? (parsed.kind === "image" ? parsed.manifest.config.mediaType : undefined);
  const descriptor: Descriptor = {
    mediaType: raw.mediaType,
    digest: raw.digest,
    size: raw.bytes.length,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(content.annotations === undefined ? {} : { annotations: content.annotations }),
  };
  return { subject: content.subject.digest, descriptor };
}
