// The one copy engine: any source to any sink, manifests and blobs byte for byte, layers in parallel, manifest last.

import { digestOf } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import type { Descriptor, Index } from "../base/oci-image.ts";
import { mediaTypes } from "../base/media-types.ts";
import { readConfig } from "./config.ts";
import { beginLayers } from "./copy-layers.ts";
import type { Moving } from "./copy-layers.ts";
import { convertIndex, convertManifest, sizeUnknown, uncompressedManifest, withLayers, withSizes } from "./convert.ts";
import type { Openers } from "./encryption/keys.ts";
import type { LockedCargo } from "./encryption/image.ts";
import type { LayerEncryption } from "./encryption/layers.ts";
import { layerCompression, needImageConfig, readManifest } from "./manifest.ts";
import type { ParsedManifest, RawManifest } from "./manifest.ts";
import { choosePlatform } from "./platform.ts";
import { packLayers, packingOf } from "./pack.ts";
import type { PackFormat, PackedLayers, Packing } from "./pack.ts";
import type { PlatformChoice } from "./platform.ts";
import type { OnProgress } from "./progress.ts";
import type { ReferrersWish } from "./referrers.ts";
import { isSchema1 } from "./schema1/schema1.ts";
import { mismatch, readBlob } from "./read-blob.ts";
import type { Cargo, Sink, Source } from "./source.ts";

export interface CopyOptions {
  /** "system": of an index the one for the platform (default); "all": every member and the index itself. */
  readonly instances?: "system" | "all" | "index-only";
  readonly platform?: PlatformChoice;
  /** Manifest type to convert to; absent: as it is, unless the sink cannot hold it. */
  readonly mediaType?: string;
  /** How layers are to be packed, where the sink packs any. */
  readonly packing?: Packing;
  /** Of an index copied whole: further instances with their layers packed so, for each platform that has none. */
  readonly addCompression?: readonly PackFormat[];
  /** Fail where the manifest would have to change. */
  readonly preserveDigests?: boolean;
  /** Bring what refers to what is copied: signatures, bills of materials, attestations. */
  readonly referrers?: ReferrersWish;
  /** Leave signatures behind. Absent: they come along, or the copy fails. */
  readonly removeSignatures?: boolean;
  /** Makes further signatures of a manifest as it was written. */
  readonly sign?: Sign;
  /** Encrypt layers, which makes the manifest an OCI one. */
  readonly encryption?: LayerEncryption;
  /** Open encrypted layers with these. Absent: they stay as they are, where the sink can hold them. */
  readonly openers?: Openers;
  readonly tmpDir?: string;
  /** Layers moved at a time; default 3, which two cores are full with. */
  readonly parallel?: number;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** `say` is told what is being done, in a few words. */
export type Sign = (raw: RawManifest, say: (text: string) => void) => Promise<readonly Uint8Array[]>;

/** What was written, as it was written. */
export interface Copied {
  readonly raw: RawManifest;
}

/** Closes both; the sink shows nothing unless all went well. */
export async function copyImage(source: Source, sink: Sink, wishes: CopyOptions = {}): Promise<Copied> {
  let ok = false;
  try {
    const options = wishes.encryption ? forEncryption(wishes, sink) : wishes;
    const copied = await (options.referrers ? copyWithReferrers(source, sink, options) : copyTop({ source, sink, options }));
    ok = true;
    return copied;
  } finally {
    try {
      await sink.close(ok);
    } finally {
      await source.close();
    }
  }
}

/** Only OCI manifests can say that a layer is encrypted. @throws Fault "usage.invalid" */
function forEncryption(options: CopyOptions, sink: Sink): CopyOptions {
  const { ociManifest } = mediaTypes;
  if (options.mediaType !== undefined && options.mediaType !== ociManifest) {
    throw new Fault("usage.invalid", `encryption required together with format ${options.mediaType}, which does not support encryption`, { hint: "use --format oci" });
  }
  if (sink.layers === "uncompressed" || !sink.anyConfig || (sink.mediaTypes && !sink.mediaTypes.includes(ociManifest))) {
    throw new Fault("usage.invalid", `cannot encrypt layers: ${sink.name} cannot hold encrypted ones`, { hint: "write to docker://, oci:, oci-archive: or dir:" });
  }
  return { ...options, mediaType: ociManifest };
}

/** Referrers name their subject by digest: where that changes they would refer to nothing. */
async function copyWithReferrers(source: Source, sink: Sink, options: CopyOptions): Promise<Copied> {
  const { checkReferrers, copyReferrers } = await import("./referrers.ts");
  const trip = { source, sink, wish: options.referrers!, onProgress: options.onProgress };
  checkReferrers(trip);
  const kept: Digest[] = [];
  const onWritten = (from: Digest, to: Digest): void => void (from === to && kept.push(from));
  const copied = await copyTop({ source, sink, options, onWritten });
  await copyReferrers(kept, trip);
  return copied;
}

async function copyTop(trip: Trip): Promise<Copied> {
  const { source, sink, options } = trip;
  const raw = await source.manifest();
  if (isSchema1(raw)) return copySchema1(raw, trip);
  const top = readManifest(raw);
  if (options.addCompression?.length) {
    const { checkVariantsFit } = await import("./compression-variants.ts");
    const isWhole = top.kind === "index" && options.instances === "all" && sink.takesIndex === true;
    checkVariantsFit({ mediaType: options.mediaType, isWhole, takes: sink.mediaTypes });
  }
  if (top.kind === "index" && options.instances !== undefined && options.instances !== "system") {
    if (sink.takesIndex) return copyIndex(top, trip);
    if (options.preserveDigests) throw cannotPreserve(top.raw, `${sink.name} takes no image index`);
  }
  if (top.kind === "image") return copyOne(top, trip);
  const chosen = choosePlatform(top.index, options.platform);
  return copyOne(await member(source, chosen), { ...trip, index: top.raw, instance: chosen.digest });
}

/** Nothing of ours writes schema 1, so it becomes schema 2, which is another digest. */
async function copySchema1(raw: RawManifest, trip: Trip): Promise<Copied> {
  const { source, options } = trip;
  await source.admit?.(raw);
  refuseChange(raw, { options, signatures: await signaturesOf(trip), why: "Docker schema 1 is made into schema 2" });
  log.warn(`${source.name} is an image of Docker schema 1: it is written as schema 2, under another digest`);
  const { asSchema2 } = await import("./schema1/convert.ts");
  const converted = await asSchema2(raw, { source, tmpDir: options.tmpDir });
  try {
    return await copyPlain(converted.image, { ...trip, source: converted.source }, { from: converted.image.raw, signatures: [] });
  } finally {
    converted.remove();
  }
}

const cannotPreserve = ({ digest }: RawManifest, why: string): Fault =>
  new Fault("usage.invalid", `cannot preserve digest "${digest}": ${why}`, { hint: "copy without --preserve-digests" });

async function member(source: Source, entry: Descriptor): Promise<ParsedManifest & { kind: "image" }> {
  const raw = await source.manifest(entry.digest);
  if (digestOf(raw.bytes, entry.digest.slice(0, entry.digest.indexOf(":"))) !== entry.digest) throw mismatch(entry.digest, "manifest");
  const parsed = readManifest(raw);
  if (parsed.kind === "image") return parsed;
  throw new Fault("image.unsupported", `cannot read image index: its entry ${entry.digest} is an index itself`);
}

interface Trip {
  readonly source: Source;
  readonly sink: Sink;
  readonly options: CopyOptions;
  readonly index?: RawManifest;
  /** What to ask the source's signatures and admission by; absent: it is the top. */
  readonly instance?: Digest;
  readonly isMember?: boolean;
  /** Told of every manifest: what it was and what was written for it. */
  readonly onWritten?: (from: Digest, to: Digest) => void;
}

async function copyIndex(top: ParsedManifest & { kind: "index" }, trip: Trip): Promise<Copied> {
  const { sink, options, source } = trip;
  await source.admit?.(top.raw);
  options.onProgress?.({ kind: "signatures", list: true });
  const signatures = await signaturesOf(trip);
  const entries: Index["manifests"] = options.instances === "all" ? top.index.manifests : [];
  options.onProgress?.({ kind: "instances", chosen: entries.length, all: top.index.manifests.length });
  const written = new Map<Digest, RawManifest>();
  for (const [at, entry] of entries.entries()) {
    options.onProgress?.({ kind: "instance", digest: entry.digest, number: at + 1, of: entries.length });
    const { raw } = await copyOne(await member(source, entry), { ...trip, instance: entry.digest, isMember: true });
    written.set(entry.digest, raw);
  }
  const added = await addVariants(entries, { trip, written });
  const raw = convertIndex(top, written, added.length > 0 ? { mediaType: mediaTypes.ociIndex, added } : { mediaType: indexType(top.raw, sink, options) });
  if (raw !== top.raw) refuseChange(top.raw, { options, signatures, why: "its members had to be converted" });
  options.onProgress?.({ kind: "manifest", list: true });
  await sink.finishIndex(raw);
  trip.onWritten?.(top.raw.digest, raw.digest);
  await putSignatures(signatures, raw, { trip, member: false });
  return { raw };
}

/** They are of OCI's type; signatures are those of other manifests, and stay behind. */
async function addVariants(entries: Index["manifests"], { trip, written }: { trip: Trip; written: ReadonlyMap<Digest, RawManifest> }): Promise<Index["manifests"]> {
  const { addCompression = [], referrers: _referrers, ...options } = trip.options;
  if (addCompression.length === 0) return [];
  const { missingVariants, variantEntry } = await import("./compression-variants.ts");
  const added: Index["manifests"][number][] = [];
  for (const variant of missingVariants(entries, written, addCompression)) {
    const { entry: { digest }, format } = variant;
    const { raw } = await copyOne(await member(trip.source, variant.entry), {
      ...trip, instance: digest, isMember: true,
      options: { ...options, preserveDigests: false, removeSignatures: true, mediaType: mediaTypes.ociManifest, packing: { format } },
    });
    added.push(variantEntry(variant, raw));
  }
  return added;
}

/** The index's type goes with its members'. */
function indexType(top: RawManifest, sink: Sink, options: CopyOptions): string {
  const wanted = options.mediaType ?? sinkType(sink, top.mediaType === mediaTypes.ociIndex ? mediaTypes.ociManifest : mediaTypes.dockerManifest);
  if (wanted === undefined || options.preserveDigests) return top.mediaType;
  return wanted === mediaTypes.dockerManifest ? mediaTypes.dockerList : mediaTypes.ociIndex;
}

const sinkType = (sink: Sink, have: string): string | undefined =>
  sink.mediaTypes && !sink.mediaTypes.includes(have) ? sink.mediaTypes[0] : undefined;

/** Those to be copied. A sink without a place for them, or for those to be made, refuses before anything moves. */
async function signaturesOf({ source, sink, options, instance }: Trip): Promise<readonly Uint8Array[]> {
  const signatures = options.removeSignatures ? [] : ((await source.signatures?.(instance)) ?? []);
  if (sink.putSignatures || (signatures.length === 0 && !options.sign)) return signatures;
  throw new Fault("usage.unsupported", `Can not copy signatures to ${sink.name}: it has no place for them`, {
    hint: options.sign ? "copy without signing" : "leave the signatures behind with --remove-signatures",
  });
}

/** A changed manifest is no longer what was signed, and not what was to be kept. */
function refuseChange(
  from: RawManifest,
  { options, signatures, why }: { options: CopyOptions; signatures: readonly Uint8Array[]; why: string },
): void {
  if (options.preserveDigests) throw cannotPreserve(from, why);
  if (options.referrers === "asked") {
    throw new Fault("usage.invalid", `cannot copy referrers of "${from.digest}": the manifest changes, as ${why}, and they refer to it by digest`, {
      hint: "copy without --referrers, or without what changes the image",
    });
  }
  if (signatures.length === 0) return;
  throw new Fault("usage.invalid", `cannot copy signatures of "${from.digest}": the manifest changes, as ${why}`, {
    hint: "leave the signatures behind with --remove-signatures",
  });
}

async function putSignatures(
  copied: readonly Uint8Array[],
  raw: RawManifest,
  { trip: { sink, options }, member }: { trip: Trip; member: boolean },
): Promise<void> {
  const made = (await options.sign?.(raw, text => options.onProgress?.({ kind: "signing", text }))) ?? [];
  if (copied.length + made.length > 0) await sink.putSignatures!([...copied, ...made], raw, member);
}

async function copyOne(image: ParsedManifest & { kind: "image" }, trip: Trip): Promise<Copied> {
  const { options } = trip;
  await trip.source.admit?.(image.raw, trip.instance);
  options.onProgress?.({ kind: "signatures", list: false });
  const signatures = await signaturesOf(trip);
  const open = options.openers && (await (await import("./encryption/image.ts")).openImage(image, options.openers, { source: trip.source, tmpDir: options.tmpDir }));
  const { index: _, ...rest } = trip;
  try {
    return await copyPlain(open?.image ?? image, open ? { ...rest, source: open.source } : trip, { from: image.raw, signatures });
  } finally {
    open?.remove();
  }
}

function withoutUsualPacking(trip: Trip): Trip {
  const { packing, ...options } = trip.options;
  return packing?.isUsual ? { ...trip, options } : trip;
}

interface Origin {
  /** As the source has it. */
  readonly from: RawManifest;
  readonly signatures: readonly Uint8Array[];
}

/** Layers that stay as they are need not wait for the config. */
async function copyPlain(image: ParsedManifest & { kind: "image" }, trip: Trip, origin: Origin): Promise<Copied> {
  const bare = { raw: image.raw, manifest: image.manifest, configBytes: new Uint8Array(0), config: undefined };
  const early = image.raw === origin.from && movesAsItIs(image, trip) ? beginLayers(bare, bare, trip) : undefined;
  try {
    return await copyLoaded(await loadCargo(image, trip), trip, { ...origin, early });
  } catch (thrown) {
    await early?.stop();
    throw thrown;
  }
}

/** Known by the manifest alone. Sinks that take any config do not look at it, as they take artifacts, which have none. */
function movesAsItIs({ manifest, raw }: ParsedManifest & { kind: "image" }, { source, sink, options }: Trip): boolean {
  const { mediaType = sinkType(sink, raw.mediaType) ?? raw.mediaType, packing, encryption } = options;
  if (!sink.anyConfig || sink.layers !== undefined || encryption || mediaType !== raw.mediaType) return false;
  if (manifest.layers.some(layer => layer.size === sizeUnknown || !isKnownLayer(layer.mediaType))) return false;
  return manifest.layers.every(layer => packingOf(layer, { source, sink, ...(packing ? { packing } : {}) }) === undefined);
}

async function copyLoaded(original: Cargo, trip: Trip, { from, signatures, early }: Origin & { readonly early: Moving | undefined }): Promise<Copied> {
  const { sink, options } = trip;
  const { cargo: packed, layers } = await withPackedLayers(original, signatures.length > 0 ? withoutUsualPacking(trip) : trip);
  let locked: LockedCargo | undefined;
  try {
    const adapted = adapt(packed, trip);
    if (adapted.raw !== from) refuseChange(from, { options, signatures, why: `${sink.name} needs another form of it` });
    const source = layers?.source ?? trip.source;
    locked = options.encryption && (await (await import("./encryption/image.ts")).lockCargo(adapted, options.encryption, { source, tmpDir: options.tmpDir }));
    if (locked) refuseChange(from, { options, signatures, why: "its layers are to be encrypted" });
    const moved = { ...trip, source: locked?.source ?? source, early };
    const raw = await copyCargo(locked?.cargo ?? packed, locked?.cargo ?? adapted, moved);
    await putSignatures(signatures, raw, { trip, member: trip.isMember ?? false });
    trip.onWritten?.(from.digest, raw.digest);
    return { raw };
  } finally {
    locked?.remove();
    layers?.remove();
  }
}

async function copyCargo(original: Cargo, adapted: Cargo, trip: Trip & { readonly early: Moving | undefined }): Promise<RawManifest> {
  const { sink, options, early } = trip;
  const sizes = await (early ?? beginLayers(original, adapted, trip)).sizes;
  const cargo = adapted === original ? adapted : withSizes(adapted, sizes);
  const configEvent = { kind: "config", descriptor: cargo.manifest.config, bytes: 0 } as const;
  const isThere = await sink.has(cargo.manifest.config, { kind: "config" }, cargo, trip.source);
  options.onProgress?.({ ...configEvent, state: "start" });
  if (!isThere) {
    const bytes = cargo.configBytes;
    await sink.put(cargo.manifest.config, { kind: "config" }, cargo, { open: async offset => once(bytes.subarray(offset)), onBytes() {} });
  }
  options.onProgress?.({ ...configEvent, state: "done", bytes: cargo.configBytes.length });
  options.onProgress?.({ kind: "manifest", list: false });
  await sink.finish(cargo, trip.isMember ?? false);
  return cargo.raw;
}

/** The cargo with its layers packed as the sink or the person wants them; the same one where nothing is to be packed. */
async function withPackedLayers(cargo: Cargo, { source, sink, options }: Trip): Promise<{ cargo: Cargo; layers?: PackedLayers }> {
  if (cargo.config === undefined || !sink.packsLayers) return { cargo };
  const { packing } = options;
  const all = cargo.manifest.layers.flatMap((layer, position) => {
    const format = packingOf(layer, { source, sink, ...(packing ? { packing } : {}) });
    return format === undefined ? [] : [{ layer, position, format }];
  });
  if (all.length === 0) return { cargo };
  if (options.preserveDigests) throw cannotPreserve(cargo.raw, "its layers are to be compressed otherwise");
  const { notePacked, packedBefore } = await import("./packed-before.ts");
  // What is to be encrypted must be here.
  const before = packing?.level === undefined && !options.encryption ? await packedBefore(all, { cargo, source, sink }) : new Map<Digest, Descriptor>();
  const wanted = all.filter(({ layer }) => !before.has(layer.digest));
  const layers = await packLayers(wanted, { source, level: packing?.level, tmpDir: options.tmpDir });
  try {
    notePacked(layers.packed);
    return { cargo: withLayers(cargo, new Map([...before, ...layers.packed]), options.mediaType), layers };
  } catch (thrown) {
    layers.remove();
    throw thrown;
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

async function loadCargo({ manifest, raw }: ParsedManifest & { kind: "image" }, { source, sink, index }: Trip): Promise<Cargo> {
  const isImage = !sink.anyConfig || manifest.layers.every(layer => isKnownLayer(layer.mediaType));
  if (!sink.anyConfig) {
    needImageConfig(manifest);
    for (const layer of manifest.layers) layerCompression(layer.mediaType);
  }
  const configBytes = await readBlob(source, manifest.config);
  const config = isImage && manifest.config.mediaType.match(/config|container\.image/) ? configOf(configBytes, sink) : undefined;
  if (!sink.anyConfig && config && config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new Fault(
      "image.malformed",
      `cannot read image: the manifest lists ${manifest.layers.length} layers, the config ${config.rootfs.diff_ids.length}`,
    );
  }
  return { raw, manifest, configBytes, config, ...(index ? { index } : {}) };
}

function configOf(bytes: Uint8Array, sink: Sink): Cargo["config"] {
  if (!sink.anyConfig) return readConfig(bytes);
  try {
    return readConfig(bytes);
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}

function isKnownLayer(mediaType: string): boolean {
  try {
    return layerCompression(mediaType) !== undefined;
  } catch {
    return false;
  }
}

/** The cargo as this sink can hold it: the same one, unless it needs another manifest type or plain layers. */
function adapt(cargo: Cargo, { source, sink, options }: Trip): Cargo {
  const plain = sink.layers === "uncompressed" ? uncompressedManifest(cargo, source) : cargo;
  const wanted = options.mediaType ?? sinkType(sink, plain.raw.mediaType);
  return wanted === undefined || wanted === plain.raw.mediaType ? plain : convertManifest(plain, wanted);
}
