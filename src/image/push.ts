// Pushing a stored image to a registry or any other transport.
// Source: podman-push(1).

import type { Digest } from "../base/digest.ts";
import { isIndexMediaType, mediaTypes } from "../base/media-types.ts";
import { Fault } from "../base/fault.ts";
import { withRetries } from "../base/retries.ts";
import type { Store } from "../storage/store.ts";
import { copyImage } from "./copy.ts";
import type { CopyOptions } from "./copy.ts";
import type { OnProgress } from "./progress.ts";
import type { Packing } from "./pack.ts";
import { findReference } from "./reference.ts";
import type { Reference } from "./reference.ts";
import { getFound, lookupAny } from "./resolve.ts";
import type { FoundImage } from "./resolve.ts";
import type { ImageSystem } from "./system.ts";
import { dockerReference, findImageName, openSink } from "./transport.ts";
import type { World } from "./transport.ts";
import { storageSource } from "./transports/storage.ts";

export interface PushRequest {
  readonly store: Store;
  readonly system?: ImageSystem;
  readonly onProgress?: OnProgress;
  /** Absent: as the image is. */
  readonly format?: string;
  /** How layers are packed on their way; absent: as they are. */
  readonly packing?: Packing;
  readonly removeSignatures?: boolean;
  readonly encryption?: CopyOptions["encryption"];
  /** Given the name it goes to, where it has one. */
  readonly signer?: (identity: Reference | undefined) => Promise<Pick<CopyOptions, "sign">>;
  readonly openStore?: World["openStore"];
  /** Of a manifest list: further instances with layers packed so. */
  readonly addCompression?: CopyOptions["addCompression"];
  /** Of a manifest list: its members too. */
  readonly all?: boolean;
}

/** Reads --format. @throws Fault "usage.invalid" with podman's words */
export function manifestTypeOf(format: string | undefined): string | undefined {
  if (format === undefined || format === "") return undefined;
  if (format === "oci") return mediaTypes.ociManifest;
  if (format === "v2s2" || format === "docker") return mediaTypes.dockerManifest;
  if (format === "v2s1") {
    throw new Fault("image.unsupported", "cannot write Docker schema 1 manifests", { hint: "use --format v2s2 or oci" });
  }
  const formats = "Choose on of the supported formats: 'oci', 'v2s1', or 'v2s2'";
  throw new Fault("usage.invalid", `unknown format ${JSON.stringify(format)}. ${formats}`);
}

/**
 * @param destination a name or transport; absent: the image's own name
 * @returns the digest of the manifest as it was written
 * @throws Fault "image.not-found", "registry.*"
 */
export async function push(image: string, destination: string | undefined, request: PushRequest): Promise<Digest> {
  return withRetries(request.system?.again, () => pushOnce(image, destination, request));
}

async function pushOnce(image: string, destination: string | undefined, request: PushRequest): Promise<Digest> {
  const { store, system, onProgress } = request;
  const any = lookupAny(store, image, system);
  if (any !== undefined && isIndexMediaType(any.image.manifest.mediaType)) return pushWhole(any, destination, request);
  const found = getFound(store, image, system);
  const target = destination || found.name;
  const name = findImageName(target) ?? { transport: "docker" as const, rest: target };
  const mediaType = manifestTypeOf(request.format);
  const own = findReference(found.name);
  const additionalNames = name.transport === "docker-archive" && own?.tag !== undefined ? [found.name] : [];
  const signing = (await request.signer?.(name.transport === "docker" ? dockerReference(name.rest) : undefined)) ?? {};
  const world: World = { store, ...(system ? { system } : {}), ...(request.openStore ? { openStore: request.openStore } : {}) };
  const sink = await openSink(name, world, { additionalNames, ...(request.packing ? { packsLayers: true } : {}) });
  const { raw } = await copyImage(storageSource(store, found.image, found.name), sink, {
    ...signing,
    ...(request.encryption ? { encryption: request.encryption } : {}),
    ...(request.removeSignatures ? { removeSignatures: true } : {}),
    ...(mediaType === undefined ? {} : { mediaType }),
    ...(request.packing ? { packing: request.packing } : {}),
    ...(onProgress ? { onProgress } : {}),
    ...(system?.layersInParallel === undefined ? {} : { parallel: system.layersInParallel }),
    ...(system?.signal ? { signal: system.signal } : {}),
  });
  return raw.digest;
}

async function pushWhole({ image, name: own }: FoundImage, destination: string | undefined, request: PushRequest): Promise<Digest> {
  const [{ pushList }, { read }] = await Promise.all([import("./manifest-list-push.ts"), import("./manifest-list.ts")]);
  const { store, system = {}, signer, format, all = true, ...rest } = request;
  const target = destination || own;
  const name = findImageName(target) ?? { transport: "docker" as const, rest: target };
  const mediaType = manifestTypeOf(format);
  const signing = (await signer?.(name.transport === "docker" ? dockerReference(name.rest) : undefined)) ?? {};
  return pushList(read(store, image), name, { ...rest, store, system, all, signing, ...(mediaType ? { mediaType } : {}) });
}
