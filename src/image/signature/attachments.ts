// Sigstore signatures in the registry, beside their image: layers of an image tagged by the signed manifest's digest.
// Source: cosign's SIGNATURE_SPEC.md, "Storage", "Tag-based discovery".

import { algorithmOf, digestOf, hexOf } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { mediaTypes } from "../../base/media-types.ts";
import type { Descriptor, Manifest } from "../../base/oci-image.ts";
import { asRecord, findList, findRecord, parseJson } from "../../base/shape.ts";
import type { Fields, Subject } from "../../base/shape.ts";
import type { RegistryClient } from "../../registry/client.ts";
import { rawManifest, readManifest } from "../manifest.ts";
import { signatureBytes, signatureBytesMax, signaturesMax } from "./form.ts";
import type { SigstoreSignature } from "./form.ts";

const subject: Subject = { what: "sigstore attachment", code: "registry.malformed" };

/** Such as "sha256-6c3c….sig". */
export const attachmentTag = (digest: Digest): string => `${algorithmOf(digest)}-${hexOf(digest)}.sig`;

export interface Shelf {
  readonly client: RegistryClient;
  readonly repository: string;
}

async function findAttachments({ client, repository }: Shelf, digest: Digest): Promise<Manifest | undefined> {
  const tag = attachmentTag(digest);
  try {
    const { bytes } = await client.manifest(repository, tag, [mediaTypes.ociManifest]);
    const parsed = readManifest(rawManifest(bytes, mediaTypes.ociManifest));
    if (parsed.kind !== "image") throw new Fault("registry.malformed", `cannot read sigstore attachments ${tag}: not an image manifest`);
    if (parsed.manifest.layers.length > signaturesMax) {
      throw new Fault("input.too-large", `cannot read sigstore attachments ${tag}: more than ${signaturesMax}`);
    }
    return parsed.manifest;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "registry.not-found") return undefined;
    throw thrown;
  }
}

/** In the form that is kept. Other attachments come too: who reads them tells them by their media type. */
export async function readAttachments(shelf: Shelf, digest: Digest): Promise<Uint8Array[]> {
  const manifest = await findAttachments(shelf, digest);
  const found: Uint8Array[] = [];
  for (const layer of manifest?.layers ?? []) {
    const payload = await smallBlob(shelf, layer);
    found.push(signatureBytes({ kind: "sigstore", mediaType: layer.mediaType, payload, annotations: layer.annotations ?? {} }));
  }
  return found;
}

async function smallBlob({ client, repository }: Shelf, { digest, size }: Descriptor): Promise<Uint8Array> {
  const attempt = `cannot read sigstore attachment "${digest}"`;
  if (size > signatureBytesMax) throw new Fault("input.too-large", `${attempt}: larger than ${signatureBytesMax} bytes`);
  const { stream } = await client.blob(repository, digest, { size });
  const pieces: Uint8Array[] = [];
  let count = 0;
  for await (const piece of stream) {
    count += piece.length;
    if (count > size) throw new Fault("digest.mismatch", `${attempt}: it is longer than its manifest says`);
    pieces.push(piece.slice());
  }
  const bytes = new Uint8Array(Buffer.concat(pieces));
  if (digestOf(bytes, algorithmOf(digest)) !== digest) throw new Fault("digest.mismatch", `${attempt}: its bytes have another digest`);
  return bytes;
}

/** Adds those that are not there yet. */
export async function writeAttachments(shelf: Shelf, digest: Digest, signatures: readonly SigstoreSignature[]): Promise<void> {
  const { client, repository } = shelf;
  const before = await findAttachments(shelf, digest);
  const layers = [...(before?.layers ?? [])];
  const config = before ? asRecord(parseJson(await smallBlob(shelf, before.config), subject, signatureBytesMax), subject) : newConfig();
  const diffIds = [...findList(findRecord(config, "rootfs", subject) ?? {}, "diff_ids", subject, signaturesMax)];
  for (const { mediaType, payload, annotations } of signatures) {
    const layer = { mediaType, digest: digestOf(payload), size: payload.length, annotations };
    if (layers.some(one => isSame(one, layer))) continue;
    await client.pushBlob(repository, payload, { digest: layer.digest, size: layer.size });
    layers.push(layer);
    diffIds.push(layer.digest);
  }
  const configBytes = encode({ ...config, rootfs: { type: "layers", diff_ids: diffIds } });
  const configDigest = digestOf(configBytes);
  await client.pushBlob(repository, configBytes, { digest: configDigest, size: configBytes.length });
  const manifest = encode({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: configDigest, size: configBytes.length },
    layers,
  });
  await client.putManifest(repository, attachmentTag(digest), { bytes: manifest, mediaType: mediaTypes.ociManifest });
}

const newConfig = (): Fields => ({ architecture: "", os: "", config: {} });
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A signature may have got further annotations, such as a log's promise; the same payload with another signature is another. */
function isSame(there: Descriptor, layer: Descriptor): boolean {
  if (there.mediaType !== layer.mediaType || there.digest !== layer.digest) return false;
  return Object.entries(layer.annotations ?? {}).every(([name, text]) => there.annotations?.[name] === text);
}
