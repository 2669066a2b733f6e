// Encrypting the layers of an image on its way, and opening encrypted ones: into scratch files, as their digests come last.
// Source: ocicrypt's docs; OCI media types with "+encrypted" and annotations org.opencontainers.image.enc.*.

import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { newHasher } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { mediaTypes } from "../../base/media-types.ts";
import type { Descriptor, Manifest } from "../../base/oci-image.ts";
import { scratch } from "../../base/scratch.ts";
import { verified, withFiles } from "../pack.ts";
import type { Source } from "../source.ts";
import { fileFault } from "../tree.ts";
import { newLayerKey, opened, privateOptions, publicOptions, readPrivateOptions, readPublicOptions, sealed } from "./cipher.ts";
import type { Openers, Recipients } from "./keys.ts";

const prefix = "org.opencontainers.image.enc.";
const names = { jwe: `${prefix}keys.jwe`, pkcs7: `${prefix}keys.pkcs7`, pgp: `${prefix}keys.pgp`, open: `${prefix}pubopts` } as const;
const suffix = "+encrypted";

export interface LayerEncryption {
  readonly recipients: Recipients;
  /** By place, from the end where negative; [] for all. */
  readonly layers: readonly number[];
}

export const isEncrypted = ({ mediaType }: Descriptor): boolean => mediaType.endsWith(suffix);

/** New layers for an image, in order, and a source that has them beside its own blobs. */
export interface MadeLayers {
  readonly layers: readonly Descriptor[];
  readonly source: Source;
  remove(): void;
}

interface Making {
  readonly source: Source;
  readonly tmpDir?: string | undefined;
}

/** undefined where nothing is to be encrypted. @throws Fault "usage.invalid" for a place that is none */
export async function encryptLayers(manifest: Manifest, encryption: LayerEncryption, making: Making): Promise<MadeLayers | undefined> {
  const places = chosenPlaces(encryption.layers, manifest.layers.length);
  const wanted = manifest.layers.map((layer, place) => places.has(place) && !isEncrypted(layer));
  if (!wanted.includes(true)) return undefined;
  return makeLayers(manifest.layers, making, async (layer, file, place) => {
    if (!wanted[place]) return layer;
    const key = newLayerKey();
    const { stream } = await making.source.blob(layer);
    const out = sealed(verified(stream, layer), key);
    const written = await keep(out.stream, file);
    const annotations = { ...layer.annotations, ...(await wrapped(privateOptions(key, layer.digest), encryption.recipients)) };
    return { ...layer, ...written, mediaType: encryptedType(layer.mediaType), annotations: { ...annotations, [names.open]: base64(publicOptions(out.hmac())) } };
  });
}

function chosenPlaces(given: readonly number[], count: number): ReadonlySet<number> {
  if (given.length === 0) return new Set(Array.from({ length: count }, (_, at) => at));
  return new Set(given.map(number => {
    const place = number < 0 ? number + count : number;
    if (place >= 0 && place < count) return place;
    throw new Fault("usage.invalid", `when choosing layers to encrypt, layer index ${number} out of range (${count} layers exist)`);
  }));
}

const ociLayers: readonly string[] = [mediaTypes.ociLayer, mediaTypes.ociLayerGzip, mediaTypes.ociLayerZstd];

function encryptedType(mediaType: string): string {
  if (ociLayers.includes(mediaType) || mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.v1.tar")) return mediaType + suffix;
  throw new Fault("image.unsupported", `cannot encrypt layer: ${JSON.stringify(mediaType.slice(0, 200))} has no encrypted form`);
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

async function wrapped(options: Uint8Array, { jwe, pkcs7, pgp }: Recipients): Promise<Record<string, string>> {
  return {
    ...(jwe.length > 0 ? { [names.jwe]: base64((await import("./jwe.ts")).encryptJwe(options, jwe)) } : {}),
    ...(pkcs7.length > 0 ? { [names.pkcs7]: base64((await import("./pkcs7.ts")).encryptPkcs7(options, pkcs7)) } : {}),
    ...(pgp.length > 0 ? { [names.pgp]: base64((await import("./pgp.ts")).encryptPgp(options, pgp)) } : {}),
  };
}

/** undefined where no layer is encrypted. @throws Fault "image.unsupported" where no key fits, "digest.mismatch" where a layer was damaged */
export async function decryptLayers(manifest: Manifest, openers: Openers, making: Making): Promise<MadeLayers | undefined> {
  if (!manifest.layers.some(isEncrypted)) return undefined;
  return makeLayers(manifest.layers, making, async (layer, file) => {
    if (!isEncrypted(layer)) return layer;
    const seal = readPublicOptions(new Uint8Array(Buffer.from(layer.annotations?.[names.open] ?? "", "base64")));
    const key = readPrivateOptions(await unwrapped(layer, openers), seal);
    const { stream } = await making.source.blob(layer);
    const written = await keep(opened(verified(stream, layer), key, seal.hmac), file);
    const kept = Object.entries(layer.annotations ?? {}).filter(([name]) => !name.startsWith(prefix));
    const { annotations: _, ...rest } = layer;
    return { ...rest, ...written, mediaType: layer.mediaType.slice(0, -suffix.length), ...(kept.length > 0 ? { annotations: Object.fromEntries(kept) } : {}) };
  });
}

async function unwrapped({ digest, annotations = {} }: Descriptor, openers: Openers): Promise<Uint8Array> {
  for (const [name, open] of [[names.jwe, byJwe], [names.pkcs7, byPkcs7], [names.pgp, byPgp]] as const) {
    for (const text of (annotations[name] ?? "").split(",").filter(Boolean)) {
      const plain = await open(new Uint8Array(Buffer.from(text, "base64")), openers);
      if (plain) return plain;
    }
  }
  throw new Fault("image.unsupported", `decrypting layer ${digest}: no suitable key unwrapper found or none of the private keys could be used for decryption`, {
    hint: "give the private key of one of the image's recipients",
  });
}

const byJwe = async (message: Uint8Array, { keys }: Openers): Promise<Uint8Array | undefined> =>
  keys.length === 0 ? undefined : (await import("./jwe.ts")).decryptJwe(message, keys);
const byPkcs7 = async (message: Uint8Array, { keys, certificates }: Openers): Promise<Uint8Array | undefined> =>
  keys.length === 0 ? undefined : (await import("./pkcs7.ts")).decryptPkcs7(message, { keys, certificates });
const byPgp = async (message: Uint8Array, { pgp }: Openers): Promise<Uint8Array | undefined> =>
  pgp.length === 0 ? undefined : (await import("./pgp.ts")).decryptPgp(message, pgp);

type MakeLayer = (layer: Descriptor, file: string, place: number) => Promise<Descriptor>;

async function makeLayers(layers: readonly Descriptor[], { source, tmpDir }: Making, make: MakeLayer): Promise<MadeLayers> {
  const aside = scratch(tmpDir);
  const files = new Map<Digest, string>();
  const made: Descriptor[] = [];
  try {
    for (const [place, layer] of layers.entries()) {
      const file = join(aside.path, String(place));
      const one = await make(layer, file, place);
      if (one !== layer) files.set(one.digest, file);
      made.push(one);
    }
  } catch (thrown) {
    aside.remove();
    throw fileFault("cannot write layers aside", thrown);
  }
  return { layers: made, source: withFiles(source, files), remove: aside.remove };
}

async function keep(stream: AsyncIterable<Uint8Array>, file: string): Promise<{ digest: Digest; size: number }> {
  const [{ Readable }, { pipeline }] = await Promise.all([import("node:stream"), import("node:stream/promises")]);
  const hasher = newHasher();
  let size = 0;
  const counted = async function* (pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const piece of pieces) {
      hasher.update(piece);
      size += piece.length;
      yield piece;
    }
  };
  await pipeline(Readable.from(stream, { objectMode: false }), counted, createWriteStream(file, { mode: 0o600 }));
  return { digest: hasher.digest(), size };
}
