// Finding artifacts by name or digest, and bringing them from registries and back.
// Source: podman-artifact(1), podman-artifact-pull(1), podman-artifact-push(1).

import type { Digest } from "../../base/digest.ts";
import { hexOf, isDigest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { withRetries } from "../../base/retries.ts";
import type { Descriptor, Manifest } from "../../base/oci-image.ts";
import type { Store, StoredArtifact } from "../../storage/store.ts";
import { copyImage } from "../copy.ts";
import type { CopyOptions } from "../copy.ts";
import { rawManifest, readManifest } from "../manifest.ts";
import type { RawManifest } from "../manifest.ts";
import type { OnProgress } from "../progress.ts";
import { artifactReference, referenceText } from "../reference.ts";
import type { ImageSystem } from "../system.ts";
import { dockerReference, openSink, openSource } from "../transport.ts";

export const titleAnnotation = "org.opencontainers.image.title";

export interface Artifact extends StoredArtifact {
  readonly content: Manifest;
  readonly raw: RawManifest;
}

const notFound = (written: string): Fault =>
  new Fault("artifact.not-found", `${written}: artifact does not exist`, { hint: "list artifacts with: podman artifact ls" });

function read(store: Store, stored: StoredArtifact): Artifact {
  const raw = rawManifest(store.blobs.read(stored.manifest.digest), stored.manifest.mediaType);
  const parsed = readManifest(raw);
  if (parsed.kind === "index") throw new Fault("store.damaged", `cannot read artifact "${stored.name}": its manifest is an index`);
  return { ...stored, content: parsed.manifest, raw };
}

export const listArtifacts = (store: Store): Artifact[] => store.artifacts.list().map(stored => read(store, stored));

export const sizeOfArtifact = ({ content }: Artifact): number => content.layers.reduce((sum, { size }) => sum + size, 0);

/** All names with one manifest, by name or by (the beginning of) its digest. @throws Fault "artifact.ambiguous" for a beginning of several */
export function artifactsBy(store: Store, written: string): StoredArtifact[] {
  const hex = (isDigest(written) ? hexOf(written) : written).toLowerCase();
  const named = isDigest(written) ? undefined : findByName(store, written);
  if (named) return [named];
  if (!/^[0-9a-f]{1,128}$/.test(hex)) return [];
  const found = store.artifacts.list().filter(({ manifest }) => hexOf(manifest.digest).startsWith(hex));
  if (new Set(found.map(({ manifest }) => manifest.digest)).size > 1) {
    throw new Fault("artifact.ambiguous", `cannot choose artifact "${written}": the digests of ${found.map(({ name }) => name).join(", ")} begin so`, {
      hint: "give more digits",
    });
  }
  return found;
}

function findByName(store: Store, written: string): StoredArtifact | undefined {
  try {
    return store.artifacts.find(referenceText(artifactReference(written)));
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "reference.malformed") return undefined;
    throw thrown;
  }
}

/** @throws Fault "artifact.not-found", "artifact.ambiguous" */
export function getArtifact(store: Store, written: string): Artifact {
  const [found] = artifactsBy(store, written);
  if (found === undefined) throw notFound(written);
  return read(store, found);
}

/** By name or digest; a digest takes all its names. Returns the digest. @throws Fault "artifact.not-found", "artifact.ambiguous" */
export function removeArtifact(store: Store, written: string): Digest {
  const found = artifactsBy(store, written);
  if (found.length === 0) throw notFound(written);
  for (const { name } of found) store.artifacts.remove(name);
  return found[0]!.manifest.digest;
}

export interface ArtifactTransfer {
  readonly store: Store;
  readonly system: ImageSystem;
  readonly onProgress: OnProgress;
  /** Of a push. */
  readonly signing?: Pick<CopyOptions, "sign">;
}

const flow = ({ system, onProgress }: ArtifactTransfer): CopyOptions => ({
  onProgress,
  ...(system.platform ? { platform: system.platform } : {}),
  ...(system.layersInParallel === undefined ? {} : { parallel: system.layersInParallel }),
  ...(system.signal ? { signal: system.signal } : {}),
});

/** Short names are taken as Docker Hub's. Signatures are asked by the policy, and stay where they are. Returns the digest of what was kept. */
export async function pullArtifact(written: string, transfer: ArtifactTransfer): Promise<Digest> {
  return withRetries(transfer.system.again, () => pullArtifactOnce(written, transfer));
}

async function pullArtifactOnce(written: string, transfer: ArtifactTransfer): Promise<Digest> {
  const { store, system } = transfer;
  const { artifactSink } = await import("../transports/artifact.ts");
  const reference = artifactReference(written);
  const source = await openSource({ transport: "docker", rest: referenceText(reference) }, { store, system });
  const openers = system.decryptionKeys && (await import("../encryption/keys.ts")).readOpeners(system.decryptionKeys);
  const { raw } = await copyImage(source, artifactSink(store, reference), { ...flow(transfer), removeSignatures: true, ...(openers ? { openers } : {}) });
  return raw.digest;
}

/** To the registry its name says. Returns the digest of the manifest as it was written. */
export async function pushArtifact(written: string, transfer: ArtifactTransfer): Promise<Digest> {
  return withRetries(transfer.system.again, () => pushArtifactOnce(written, transfer));
}

async function pushArtifactOnce(written: string, transfer: ArtifactTransfer): Promise<Digest> {
  const { store, system } = transfer;
  const { artifactSource } = await import("../transports/artifact.ts");
  const artifact = getArtifact(store, written);
  const sink = await openSink({ transport: "docker", rest: referenceText(dockerReference(artifact.name)) }, { store, system });
  const { raw } = await copyImage(artifactSource(store, artifact), sink, { ...flow(transfer), ...transfer.signing });
  return raw.digest;
}

/** A blob's name among the files: its title, or its digest with "-" for ":". @throws Fault "input.malformed" for a title that leads elsewhere */
export function fileNameOf({ digest, annotations }: Descriptor): string {
  const title = annotations?.[titleAnnotation];
  if (title === undefined || title === "") return digest.replace(":", "-");
  if (title.includes("/")) throw new Fault("input.malformed", `invalid name: ${JSON.stringify(title)} cannot contain /`, { hint: "choose the blob by --digest" });
  if (title === "." || title === ".." || title.includes("\0")) throw new Fault("input.malformed", `invalid name: ${JSON.stringify(title)} is no file name`);
  return title;
}

export interface BlobChoice {
  readonly digest?: string | undefined;
  readonly title?: string | undefined;
}

/** All blobs, or the one that was asked for. @throws Fault "usage.invalid" for both, "artifact.not-found" for one that is not in it */
export function chooseBlobs({ content, name }: Artifact, { digest, title }: BlobChoice): readonly Descriptor[] {
  if (digest && title) throw new Fault("usage.invalid", "cannot specify both digest and title");
  if (!digest && !title) return content.layers;
  const found = content.layers.find(layer => (digest ? layer.digest === digest : layer.annotations?.[titleAnnotation] === title));
  if (found) return [found];
  const [what, value] = digest ? ["digest", digest] : ["title", title];
  throw new Fault("artifact.not-found", `no blob with the ${what} ${JSON.stringify(value)}`, { hint: `see what it holds with: podman artifact inspect ${name}` });
}
