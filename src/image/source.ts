// The nouns every transport offers: a Source gives manifests and blobs by digest, a Sink takes them, manifest last.

import type { FilePart } from "../base/file-part.ts";
import type { Digest } from "../base/digest.ts";
import type { Descriptor, ImageConfig, Manifest } from "../base/oci-image.ts";
import type { RawManifest } from "./manifest.ts";
import type { Reference } from "./reference.ts";

export interface BlobStream {
  /** From the asked offset on; unverified unless the source says otherwise: the sink verifies. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** Of the whole blob, when known. */
  readonly size: number | undefined;
}

export interface Source {
  /** As a person would write it, such as "docker://quay.io/a/b:1". */
  readonly name: string;
  /** The registry name behind it, where there is one; policy and default names go by it. */
  readonly reference?: Reference;
  /** Without a digest: what the name leads to. */
  manifest(instance?: Digest): Promise<RawManifest>;
  blob(descriptor: Descriptor, offset?: number): Promise<BlobStream>;
  /** A regular file that is the blob, where there is one of that size. */
  file?(descriptor: Descriptor): string | undefined;
  /** Where the blob's bytes lie in a file, which may hold others too. */
  part?(descriptor: Descriptor): FilePart | undefined;
  /** Bytes of a layer's plain tar, where that is known without reading it. */
  plainSize?(diffId: Digest): number | undefined;
  /** Whether the manifest was made up on reading, so that its digest is nobody's to keep. */
  readonly isSynthesized?: boolean;
  /** Simple signatures of the top manifest, or of one instance. */
  signatures?(instance?: Digest): Promise<readonly Uint8Array[]>;
  /** What refers to a manifest by digest. Absent: the transport keeps no such list. */
  referrers?(subject: Digest): Promise<readonly Descriptor[]>;
  /** Asked once for every manifest before anything else of it is read. @throws Fault "policy.rejected" */
  admit?(raw: RawManifest, instance?: Digest): Promise<void>;
  close(): Promise<void>;
}

/** One image on its way into a sink. */
export interface Cargo {
  readonly raw: RawManifest;
  readonly manifest: Manifest;
  /** Config bytes, verified; undefined for artifacts. */
  readonly configBytes: Uint8Array;
  /** undefined for artifacts, which only sinks with `anyConfig` take. */
  readonly config: ImageConfig | undefined;
  /** The index it was chosen from, kept beside it so that both digests are known. */
  readonly index?: RawManifest;
}

/** Which blob of a cargo: the config, or a layer by place. */
export type BlobPlace = { readonly kind: "config" } | { readonly kind: "layer"; readonly position: number };

/** A blob on offer to a sink. */
export interface BlobContent {
  /** The bytes from `offset` on; a sink that kept some of an interrupted attempt starts there. Called again only where what came was of no use. */
  open(offset: number): Promise<AsyncIterable<Uint8Array>>;
  /** The blob as a file, to be sent without passing through this process; given where nobody follows the bytes. */
  readonly file?: { readonly path: string; readonly signal: AbortSignal };
  /** Where the bytes lie, for a sink that can take them from there; it looks at the signal now and then. */
  readonly part?: { readonly lies: FilePart; readonly signal: AbortSignal };
  /** A file that holds the blob packed, where it is to be inflated and nobody follows its bytes: a sink may do that by itself. */
  readonly packed?: { readonly path: string; readonly size: number };
  /** To be told the bytes so far, those kept included, where the sink does not read `open` from the start. */
  onBytes(bytes: number): void;
}

export interface Sink {
  readonly name: string;
  /** Whether all members of an index may be put, and the index after them. */
  readonly takesIndex: boolean;
  /** Whether artifacts, whose config is not an image's, are taken. */
  readonly anyConfig: boolean;
  /** Manifest types it can hold; absent: all. */
  readonly mediaTypes?: readonly string[];
  /** "uncompressed": layers must come as plain tar, as docker-archive wants. Absent: as they are. */
  readonly layers?: "uncompressed";
  /** Layers are put one after the other, in their order. */
  readonly takesOneAtATime?: boolean;
  /** Whether layers are sent compressed where nobody's digest is hurt by it, and may be packed otherwise on demand. */
  readonly packsLayers?: boolean;
  /** Whether the very manifest is here under the sink's name, with all that belongs to it. */
  holds?(manifest: Pick<RawManifest, "digest" | "mediaType">): Promise<boolean>;
  /** Absent: signatures have no place here. Called after the manifest was put. */
  putSignatures?(signatures: readonly Uint8Array[], raw: RawManifest, member: boolean): Promise<void>;
  /** Takes the manifest of an artifact that refers to another one, its blobs put before. Absent: there is no place for such. */
  putReferrer?(raw: RawManifest, subject: Digest): Promise<void>;
  /** Whether other readers could take a referrer for the image itself, so that they come only when asked for. */
  readonly isConfusedByReferrers?: boolean;
  /** Whether the blob need not be sent; may make it so (a mount from another repository of the registry). */
  has(blob: Descriptor, place: BlobPlace, cargo: Cargo, source: Source): Promise<boolean>;
  /**
   * Takes a blob whole and verifies it; rejects with Fault "digest.mismatch" and leaves nothing visible.
   * Returns the blob's bytes, which the descriptor does not know where a layer is unpacked on the way (size -1).
   */
  put(blob: Descriptor, place: BlobPlace, cargo: Cargo, content: BlobContent): Promise<number>;
  /** After all blobs; makes the image visible. `member`: belongs to an index that follows. */
  finish(cargo: Cargo, member: boolean): Promise<void>;
  /** After all members. */
  finishIndex(index: RawManifest): Promise<void>;
  /** Always called once: writes what is pending when `ok`, drops it otherwise. */
  close(ok: boolean): Promise<void>;
}
