// commit: a container's changes as one more layer over its image, with what the container starts with as the config.
// Source: podman-commit(1).

import type { ContainerSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import type { ImageConfig, ImageDefaults } from "../../base/oci-image.ts";
import { inPieces } from "../../base/pieces.ts";
import { nowNs, rfc3339Nano } from "../../base/time.ts";
import { releaseOwnCode } from "../../kernel/own-pages.ts";
import { assembleImage } from "../../image/assemble.ts";
import type { MadeLayer } from "../../image/assemble.ts";
import { changeDefaults } from "../../image/instructions.ts";
import { layerCompression } from "../../image/manifest.ts";
import { hostPlatform } from "../../image/platform.ts";
import type { OnProgress } from "../../image/progress.ts";
import { storedConfig, storedManifest } from "../../image/stored-config.ts";
import type { Lease, StoredImage } from "../../storage/store.ts";
import type { Host } from "../host.ts";
import { nameForNew } from "../images-name.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { withInsideOwners } from "../users/inside-owners.ts";
import { readRoot } from "./export.ts";
import { pauseProcesses, resumeProcesses } from "./launch.ts";
import { get } from "./lookup.ts";
import { observe } from "./observe.ts";
import { containerEvent } from "./container-event.ts";

export interface CommitOptions {
  /** The new image's name as written; absent gives it none. */
  readonly name?: string;
  readonly author?: string;
  readonly message?: string;
  /** Instructions, as --change takes them. */
  readonly changes?: readonly string[];
  /** Laid over the config, field by field. */
  readonly config?: ImageDefaults;
  readonly format?: "oci" | "docker";
  readonly includeVolumes?: boolean;
  readonly pause?: boolean;
  /** One layer in all. */
  readonly squash?: boolean;
  readonly onProgress?: OnProgress;
}

/** @throws Fault "container.not-found", "usage.invalid" for a change that cannot be read */
export async function commit(host: Host, nameOrId: string, options: CommitOptions = {}): Promise<StoredImage> {
  const { id } = get(host, nameOrId);
  const format = options.format ?? "oci";
  if (format === "oci" && options.message) {
    throw new Fault("usage.invalid", "messages are only compatible with the docker image format (-f docker)");
  }
  const name = options.name === undefined ? undefined : nameForNew(host, options.name);
  return locked(host, id, async () => {
    const record = fresh(host, id);
    if (record.spec.rootfs) throw new Fault("usage.unsupported", "cannot commit a container that uses an exploded rootfs");
    const base = record.spec.imageId === undefined ? undefined : host.store.images.get(record.spec.imageId);
    const config = configOf(record.spec, base && storedConfig(host.store, base), options);
    letCodeGo(host);
    using lease = host.store.lease();
    const made = await layersOf(host, { record, base: options.squash ? undefined : base, lease, options });
    letCodeGo(host);
    options.onProgress?.({ kind: "manifest", list: false });
    const image = await assembleImage(host.store, lease, { format, config, layers: made, names: name === undefined ? [] : [name] });
    containerEvent(host, record, "commit");
    return image;
  });
}

/** Before and after a layer is made, which needs little of what ran before, and what follows little of that: a tenth of the peak. */
export function letCodeGo({ options }: Host): void {
  if (options.ownsProcess) releaseOwnCode();
}

interface Layering {
  readonly record: ContainerRecord;
  /** Whose layers stay under the new one. */
  readonly base: StoredImage | undefined;
  readonly lease: Lease;
  readonly options: CommitOptions;
}

async function layersOf(host: Host, { record, base, lease, options }: Layering): Promise<MadeLayer[]> {
  const pauses = options.pause === true && observe(host, record).state.status === "running";
  options.onProgress?.({ kind: "signatures", list: false });
  if (pauses) await pauseProcesses(host, record);
  try {
    const squashes = record.spec.imageId !== undefined && options.squash;
    const own = squashes ? storeRoot(host, record, lease) : storeBlob(host, host.store.roots.diff(record.id, withInsideOwners(record.spec)), lease);
    const below = base === undefined ? [] : layersBelow(host, base);
    const layers = [...below, own];
    for (const { blob, size } of layers) {
      const descriptor = { mediaType: "", digest: blob, size };
      options.onProgress?.({ kind: "blob", state: blob === own.blob ? "start" : "reused", descriptor, bytes: size });
    }
    return layers;
  } finally {
    if (pauses) await resumeProcesses(host, record);
  }
}

function storeRoot(host: Host, record: ContainerRecord, lease: Lease): MadeLayer {
  using root = readRoot(host, record);
  return storeBlob(host, root.tar(), lease);
}

const pieceBytes = 256 * 1024;

/** Hashed and stored while it is archived. */
export function storeBlob(host: Host, chunks: Iterable<Uint8Array>, lease: Lease): MadeLayer {
  const writer = host.store.blobs.stage(lease);
  try {
    for (const piece of inPieces(chunks, pieceBytes)) writer.write(piece);
    const size = writer.offset;
    const blob = writer.commit();
    return { diffId: blob, blob, size, compression: "none" };
  } catch (thrown) {
    writer.abort({ drop: true });
    throw thrown;
  }
}

export function layersBelow(host: Host, base: StoredImage): MadeLayer[] {
  const { layers } = storedManifest(host.store, base);
  const { diff_ids: diffIds } = storedConfig(host.store, base).rootfs;
  if (layers.length !== diffIds.length) throw new Fault("store.damaged", `cannot commit: image ${base.id} has other layers than its config says`);
  return layers.map(({ digest, size, mediaType }, position) =>
    ({ diffId: diffIds[position]!, blob: digest, size, compression: layerCompression(mediaType) }));
}

function configOf(spec: ContainerSpec, base: ImageConfig | undefined, options: CommitOptions): Omit<ImageConfig, "rootfs"> {
  const created = rfc3339Nano(nowNs(), "utc");
  const { rootfs: _rootfs, history = [], config: _defaults, comment: _comment, ...rest }: Partial<ImageConfig> = base ?? {};
  const { os, architecture } = base ?? hostPlatform();
  const author = options.author ?? base?.author;
  const comment = options.message;
  const from = spec.imageReference === undefined || base === undefined ? undefined : `FROM ${spec.imageReference}`;
  const step = [comment, from].filter(Boolean).join(" ");
  const entry = { created, created_by: "/bin/sh", ...(author ? { author } : {}), ...(step ? { comment: step } : {}) };
  const defaults = changeDefaults(defaultsOf(spec, base?.config ?? {}, options), options.changes ?? []);
  return {
    ...rest,
    os,
    architecture,
    created,
    ...(author ? { author } : {}),
    config: withoutEmpty({ ...defaults, ...options.config, ...merged(defaults, options.config) }),
    history: [...(options.squash ? [] : history), entry],
    ...(options.format === "docker" && comment ? { comment } : {}),
  };
}

/** Maps and lists of --config add to what is there. */
function merged(defaults: ImageDefaults, over: ImageDefaults = {}): ImageDefaults {
  return {
    ...(over.Labels ? { Labels: { ...defaults.Labels, ...over.Labels } } : {}),
    ...(over.Volumes ? { Volumes: { ...defaults.Volumes, ...over.Volumes } } : {}),
    ...(over.ExposedPorts ? { ExposedPorts: { ...defaults.ExposedPorts, ...over.ExposedPorts } } : {}),
    ...(over.Env ? { Env: [...(defaults.Env ?? []), ...over.Env] } : {}),
  };
}

function defaultsOf(spec: ContainerSpec, base: ImageDefaults, { includeVolumes }: CommitOptions): ImageDefaults {
  const ports = (spec.ports ?? []).flatMap(({ containerPort, range, protocol }) =>
    Array.from({ length: range }, (_, offset) => `${containerPort + offset}/${protocol}`));
  const mounts = (spec.mounts ?? []).filter(({ kind, anonymous }) => (includeVolumes ? kind === "bind" || kind === "volume" : anonymous === true));
  const keys = (names: readonly string[]) => Object.fromEntries(names.map(name => [name, {}]));
  return {
    ...base,
    Entrypoint: spec.entrypoint ?? base.Entrypoint ?? [],
    Cmd: spec.command ?? base.Cmd ?? [],
    // Each container has a HOSTNAME of its own.
    Env: Object.entries(spec.env ?? {}).filter(([name]) => name !== "HOSTNAME").map(([name, value]) => `${name}=${value}`),
    ExposedPorts: { ...base.ExposedPorts, ...keys([...(spec.expose ?? []), ...ports]) },
    Labels: { ...base.Labels, ...spec.labels },
    Volumes: { ...base.Volumes, ...keys(mounts.map(({ target }) => target)) },
    ...(spec.user ? { User: spec.user } : {}),
    WorkingDir: spec.workdir ?? base.WorkingDir ?? "/",
  };
}

function withoutEmpty(defaults: ImageDefaults): ImageDefaults {
  const isFull = (value: unknown) => typeof value !== "object" || value === null || Object.keys(value).length > 0;
  return Object.fromEntries(Object.entries(defaults).filter(([, value]) => isFull(value)));
}
