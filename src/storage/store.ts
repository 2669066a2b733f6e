// The store: one directory with blobs, unpacked layers, images and container roots, and one database that says what counts.
// Everything is made in a staging directory under a lease and becomes visible by one transaction.

import type { Database } from "bun:sqlite";
import type { Digest } from "../base/digest.ts";
import type { IdMapping } from "../base/container-spec.ts";
import type { FilePart } from "../base/file-part.ts";
import type { Compression } from "../base/media-types.ts";
import type { ChangesHow } from "./changes.ts";
import type { Driver } from "./driver.ts";
import type { TreeOptions } from "./tar/tree.ts";

export interface StoreOptions {
  /** Roots of further stores, whose images are used where they lie. */
  readonly additional?: readonly string[];
  /** Absolute; made when first written to. */
  readonly root: string;
  /** Absolute; what lies here is lost with a reboot. */
  readonly runroot: string;
  /** This process is one command's and ends with it: it need not close the database in an orderly way. */
  readonly ownsProcess?: boolean;
  /** Found out by trying, where it is not given. */
  readonly layerForm?: LayerForm;
}

/** A large layer's tree: an unpacked directory, or a file system in one file, mounted where it is needed. */
export type LayerForm = "directory" | "erofs";

export interface Store {
  readonly root: string;
  readonly runroot: string;
  readonly db: Database;
  /** Runs `act` inside BEGIN IMMEDIATE; nested calls join the outer one. Keep it short: all writers wait. */
  transaction<T>(act: () => T): T;
  /** Everything that `act` reads is of one moment, and costs no lock for each question. It must not write. */
  reading<T>(act: () => T): T;
  /**
   * What this process writes need not outlive a power cut of the machine: where it owns the process, it ends without copying
   * the database's log into its file, which takes four flushes of the disk. Others read the log, and a later process copies it.
   */
  passing(): void;
  /** What was written must outlive a power cut, whatever `passing` said. */
  lasting(): void;
  /** Brings the tables of one room up to `version` by running `sql` once; older versions of `name` are an error. */
  migrate(name: string, version: number, sql: string): void;
  readonly blobs: Blobs;
  readonly layers: Layers;
  readonly images: Images;
  readonly artifacts: Artifacts;
  readonly roots: Roots;
  /** Protects what is being made; end it by `using` or `release`. */
  lease(): Lease;
  /** Removes blobs, layers and leavings that nothing needs; says what went. */
  collect(options?: CollectOptions): Collected;
  /** Files and trees that no row counts, as paths in the store; none where no process has died in a bad moment. */
  orphans(): string[];
  /** Bytes and counts, for `system df` and `info`. */
  usage(): StoreUsage;
  /** How roots come together from layers here; found out by trying where it is not known yet. */
  driver(): Driver;
  /** How a large layer that comes now is kept; found out by trying where it is not known yet. */
  layerForm(): LayerForm;
  /** The next mount finds it out anew. */
  forgetDriver(): void;
  close(): void;
}

export interface CollectOptions {
  /** Partial downloads older than this are dropped; default a day. */
  readonly partialAgeMaxMs?: number;
  /** Also drops files and trees that have no row, as `orphans` lists them, and unmounts trees that no container has. */
  readonly orphans?: boolean;
}

export interface Collected {
  readonly blobs: number;
  readonly layers: number;
  /** Of the blobs and the files in the layers. */
  readonly bytes: number;
}

export interface StoreUsage {
  readonly images: number;
  readonly blobBytes: number;
  readonly layerBytes: number;
}

/** While it is held, what it names or has made is not collected. Ends with the process at the latest. */
export interface Lease extends Disposable {
  readonly id: string;
  /** A directory of its own inside the store, removed with the lease. */
  readonly directory: string;
  holdBlob(digest: Digest): void;
  holdLayer(chainId: Digest): void;
  /** A root that goes with the lease: at its end, or at the next sweep where its process died. */
  holdRoot(id: string): void;
  /** Lets go of a root that it holds: it stays, by what now names it. */
  keepRoot(id: string): void;
  /**
   * At its end this path goes, after what the database says by then is on the disk: no loss of power brings a row back without its
   * files. Where its process dies before, the next sweep finds it.
   */
  drop(path: string): void;
  /**
   * Ends it. What it made and no image names goes too, unless `keep` (so that a broken pull resumes). With `afterwards` what
   * its directory holds is removed by another process, which outlives this one: for much.
   */
  release(options?: { readonly keep?: boolean; readonly afterwards?: boolean }): void;
}

export interface Blobs {
  has(digest: Digest): boolean;
  /** Bytes, or undefined when it is not here. */
  size(digest: Digest): number | undefined;
  /** Whether the file is there too, with as many bytes as it should have: what was lost or cut off is to be got anew. */
  isWhole(digest: Digest): boolean;
  /** Where the bytes lie, whether or not they are here. */
  path(digest: Digest): string;
  /** All of it, at most `bytesMax` (default 16 MiB). @throws Fault "store.damaged" when it is not here */
  read(digest: Digest, bytesMax?: number): Uint8Array;
  stream(digest: Digest, offset?: number): AsyncIterable<Uint8Array>;
  /** Stores bytes held in memory; returns their digest. */
  put(bytes: Uint8Array, lease?: Lease): Digest;
  /** A blob whose digest is not known yet. */
  stage(lease?: Lease): BlobWriter;
  /**
   * A blob to be downloaded: continues what an interrupted download left. Waits while another process downloads
   * the same blob; undefined when it is here by then.
   */
  resume(digest: Digest, lease?: Lease): Promise<BlobWriter | undefined>;
}

export interface BlobWriter {
  /** Bytes that are there already; the next write goes here. */
  readonly offset: number;
  readonly path: string;
  write(chunk: Uint8Array): void;
  /** Copies at most so many bytes from an open file; returns how many, 0 at its end. They are hashed when it is committed. */
  copy(from: { readonly fd: number; readonly position: number; readonly bytes: number }): number;
  /** Starts again from nothing, when a source cannot continue at an offset. */
  restart(): void;
  /**
   * Makes the blob visible. Without `expected` the digest is computed; `found` is that of the whole file where someone else has read it.
   * @throws Fault "digest.mismatch", after which nothing of it is left
   */
  commit(expected?: { readonly digest?: Digest; readonly size?: number; readonly found?: Digest }): Digest;
  /** Stops; a resumable blob keeps its bytes for the next try unless `drop`. */
  abort(options?: { readonly drop?: boolean }): void;
}

export interface LayerSource {
  /** Of the blob as it travels. */
  readonly digest: Digest;
  /** Bytes; checked where given. */
  readonly size?: number;
  readonly compression: Compression;
  /**
   * Opens the bytes from `offset` on; called at most once, and not when the blob is here already.
   * May answer with the offset it really starts at, which must be `offset` or 0.
   */
  readonly open?: (offset: number) => Promise<AsyncIterable<Uint8Array> | { stream: AsyncIterable<Uint8Array>; offset: number }>;
  /** Where the same bytes lie in a file: taken from there, and `open` is not called. */
  readonly part?: { readonly lies: FilePart; readonly signal: AbortSignal; onBytes(bytes: number): void };
}

export interface ApplyLayer {
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly parent?: Digest;
  readonly source: LayerSource;
  readonly lease?: Lease;
  /** Bytes of the blob so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** A tree that lies unpacked in the lease's directory, in overlay's form, and the archive made of it. */
export interface AdoptLayer {
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly parent?: Digest;
  /** The archive's; it must be here. */
  readonly blob: Digest;
  /** Bytes of the archive, unpacked. */
  readonly size: number;
  readonly tree: string;
  readonly lease: Lease;
}

export interface StoredLayer {
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly parent: Digest | undefined;
  /** Bytes of the tar stream, which is what podman shows as size. */
  readonly size: number;
  /** As the blob travelled. */
  readonly blob: Digest;
}

export interface Layers {
  has(chainId: Digest): boolean;
  find(chainId: Digest): StoredLayer | undefined;
  /** Whether the tree is there too. */
  isWhole(chainId: Digest): boolean;
  /** Its tree went with a crash of the machine, and is unpacked again from its blob by whoever needs it. */
  isAwaited(chainId: Digest): boolean;
  /** How the tree differs from the layer's own archive, which is unpacked anew for it. @throws Fault "digest.mismatch", "store.damaged" of the archive */
  damage(chainId: Digest): Promise<Change[]>;
  /** Unpacks it anew from its archive and puts it in the place of the tree there is, which nobody may have mounted. @throws as `damage` */
  mend(chainId: Digest): Promise<void>;
  /**
   * Downloads (or reads), verifies and unpacks one layer in one pass; the blob is kept too. Layers may be applied at
   * the same time and in any order; a layer that is here already returns at once.
   * @throws Fault "digest.mismatch", "layer.malformed", "layer.escapes", "system.no-space"; nothing is left then
   */
  apply(layer: ApplyLayer): Promise<StoredLayer>;
  /** Makes a tree a layer by one rename, with no second unpacking. The caller answers for it being what the archive says. */
  adopt(layer: AdoptLayer): StoredLayer;
  /** Where the tree lies, or shows once it is mounted; it may be missing, see `trees`. */
  diffPath(chainId: Digest): string;
  /** From the top layer down to the base. */
  chain(top: Digest): StoredLayer[];
  /**
   * The trees of the chain, as overlay takes them: what is a file is mounted, what a crash of the machine has taken is first unpacked again.
   * @throws as `damage`
   */
  trees(top: Digest): string[];
  /** Any layer unpacked from this blob: its diff ID is then known without the blob. */
  findByBlob(blob: Digest): StoredLayer | undefined;
  findByDiffId(diffId: Digest): StoredLayer[];
}

/** A manifest or index by which an image was got, kept as it came. */
export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
}

export interface StoredImage {
  /** Hex of the config's digest. */
  readonly id: string;
  /** Whole references, newest first. */
  readonly names: readonly string[];
  /** All names it ever had, newest first. */
  readonly namesHistory: readonly string[];
  readonly config: Digest;
  /** The image manifest. */
  readonly manifest: StoredManifest;
  /** All manifests and indexes that led to it, the image manifest among them. */
  readonly manifests: readonly StoredManifest[];
  /** RFC 3339 as in the config; "" where it has none. */
  readonly created: string;
  /** Milliseconds since 1970 of the first put. */
  readonly addedAt: number;
  /** Chain IDs from the base up; equal ones may repeat when empty layers do. */
  readonly layers: readonly Digest[];
  /** Bytes: the layers' tar streams plus manifest and config, as podman counts. */
  readonly size: number;
  /** Of an additional store: to be used, not to be changed. */
  readonly isReadOnly?: boolean;
}

export interface PutImage {
  readonly config: Digest;
  readonly manifest: StoredManifest;
  /** Indexes that led here. */
  readonly indexes?: readonly StoredManifest[];
  readonly created?: string;
  readonly layers: readonly Digest[];
  /** Compressed layers, as the manifest lists them. */
  readonly blobs: readonly Digest[];
  /** Taken from other images that have them. */
  readonly names?: readonly string[];
  /** Not waited for to reach the disk: after a crash of the machine the image is gone. For what can be made again. */
  readonly unsynced?: boolean;
}

export interface ManifestSignatures {
  /** Of one of the image's manifests. */
  readonly digest: Digest;
  readonly signatures: readonly Uint8Array[];
}

export interface PutList {
  /** 64 hex digits. */
  readonly id: string;
  /** The index, in the store already. */
  readonly manifest: StoredManifest;
  readonly names: readonly string[];
  /** Further blobs that are to stay as long as the list does; those of earlier writings stay too. */
  readonly blobs: readonly Digest[];
}

export interface RemovedImage {
  readonly image: StoredImage;
  readonly collected: Collected;
}

export interface Images {
  list(): StoredImage[];
  get(id: string): StoredImage | undefined;
  /** All whose ID starts so; at most 16. */
  findByPrefix(prefix: string): StoredImage[];
  findByName(name: string): StoredImage | undefined;
  /** By digest of any of its manifests. */
  findByDigest(digest: Digest): StoredImage[];
  /**
   * Makes an image visible, or adds to one that is here. Config, manifests, blobs and layers must be in the store.
   * What it replaces (names moved away) stays as a dangling image.
   */
  put(image: PutImage): StoredImage;
  /** A manifest list made by hand, under an ID of its own; what an earlier writing had and this one has not, goes. */
  putList(list: PutList): StoredImage;
  tag(id: string, name: string): void;
  /** The image stays, dangling where it was the last name. False when the image has no such name. */
  untag(id: string, name: string): boolean;
  /** The image and what only it needed go. undefined when it is not here. */
  remove(id: string): RemovedImage | undefined;
  /** In the order they were kept in; [] where there are none. */
  signatures(id: string, digest: Digest): Uint8Array[];
  /** Takes the place of those kept before. They go with the image. */
  keepSignatures(id: string, kept: ManifestSignatures): void;
  manifest(image: StoredImage): Uint8Array;
  configBytes(image: StoredImage): Uint8Array;
  /** Images whose layers go on from all of this one's, whose parent it therefore may be. */
  children(id: string): StoredImage[];
  parent(id: string): StoredImage | undefined;
}

/** Files under one manifest, which are no image. */
export interface StoredArtifact {
  /** A whole reference. */
  readonly name: string;
  readonly manifest: StoredManifest;
}

export interface PutArtifact extends StoredArtifact {
  /** All the manifest lists, its config too. */
  readonly blobs: readonly Digest[];
  /** The manifest it had before; undefined: none, "any": whatever it had. @throws Fault "artifact.exists", "store.busy" otherwise */
  readonly expected: Digest | "any" | undefined;
}

export interface Artifacts {
  /** In the order they were put. */
  list(): StoredArtifact[];
  find(name: string): StoredArtifact | undefined;
  /** Makes it visible; its blobs must be here. What it replaces goes. */
  put(artifact: PutArtifact): void;
  /** With what only it needed; false when it was not here. */
  remove(name: string): boolean;
}

export interface CreateRoot {
  readonly id: string;
  /** Chain ID of the image's last layer; absent for an empty root. */
  readonly topLayer?: Digest;
  /** Much will be written into it. */
  readonly large?: boolean;
  /** Where it is made; absent: under a lease of its own. */
  readonly lease?: Lease;
}

export interface MountRoot {
  /** Skips syncing: for roots that go with their container. */
  readonly volatile?: boolean;
  /** SELinux label of the mount. */
  readonly label?: string;
  readonly readOnly?: boolean;
  /** Owners as the users of a container's own user namespace have them. */
  readonly uidMap?: readonly IdMapping[];
  readonly gidMap?: readonly IdMapping[];
  /** What is written keeps the owners it has inside, as is needed of a root that is not always mounted with the same users. */
  readonly keepsOwners?: boolean;
  /** A path to a user namespace of these maps, where there is one already. */
  readonly userNamespace?: string;
  /** Told where layers must be copied for the maps: before each, and at the end. */
  readonly onCopy?: (done: number, total: number) => void;
}

export interface StoredRoot {
  readonly id: string;
  readonly topLayer: Digest | undefined;
  /** Users of the mount; 0 after a reboot. */
  readonly mountCount: number;
}

/** "A" added, "C" changed, "D" deleted; the path is absolute inside the root. */
export interface Change {
  readonly kind: "A" | "C" | "D";
  readonly path: string;
}

export interface Roots {
  /** @throws Fault "store.damaged" when the layer is not here, "system.exists" when the ID is taken */
  create(root: CreateRoot): void;
  find(id: string): StoredRoot | undefined;
  list(): StoredRoot[];
  /** Mounts it, or counts one user more; returns where. */
  mount(id: string, how?: MountRoot): string;
  /** One user less; the last one, or `force`, unmounts. Returns whether it is still mounted. */
  unmount(id: string, how?: { readonly force?: boolean }): boolean;
  /** A handle on what a container would see, for reading alone, where nothing can be written or counted; undefined where that takes a mount. The caller closes. */
  open(id: string): number | undefined;
  isMounted(id: string): boolean;
  /** Of one that is mounted. */
  isVolatile(id: string): boolean;
  /** Where it is or would be mounted. */
  path(id: string): string;
  /** The writable layer's own directory. */
  upperPath(id: string): string;
  /** How it is or would be mounted: a root that is a copy stays one. */
  driver(id: string): Driver;
  /** The directories of an overlay mount of it; `lower` uppermost first, empty for a root of no image. */
  overlayPaths(id: string): { readonly lower: readonly string[]; readonly upper: string; readonly work: string };
  /** Unmounts by force and removes; true when it was there. */
  remove(id: string, trash?: Lease): boolean;
  /**
   * Unmounts by force, moves the writable directory into the lease and removes the rest. Where the directory is now;
   * directories that were only copied up are gone from it.
   */
  takeUpper(id: string, lease: Lease): string;
  /** Takes away the files of a root whose row did not come: the transaction it was made in was given up. */
  forget(id: string): void;
  /** What differs from the image, parents before children. */
  changes(id: string, how?: ChangesHow): Change[];
  /** The difference as a layer's tar stream, whiteouts included. */
  diff(id: string, options?: Pick<TreeOptions, "alter">): Iterable<Uint8Array>;
  /** Bytes in the writable layer. */
  size(id: string): number;
  /** The top layer of an image, read-only, at `target`. */
  mountLayers(top: Digest, target: string): void;
}

export { openStore } from "./open.ts";
