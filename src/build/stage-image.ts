// What a stage has made so far, and its becoming an image of the store.
// Source: OCI image-spec config.md, annotations.md; buildah-build(1).

import { nowNs, rfc3339Nano } from "../base/time.ts";
import type { History, ImageConfig, ImageDefaults, Manifest } from "../base/oci-image.ts";
import type { Host } from "../engine/host.ts";
import { assembleImage, type MadeLayer } from "../image/assemble.ts";
import { layerCompression } from "../image/manifest.ts";
import { storedConfig, storedManifest } from "../image/stored-config.ts";
import type { Lease, StoredImage } from "../storage/store.ts";
import { Fault } from "../base/fault.ts";
import { fixedHostname, fixedTime, type BuildRequest } from "./request.ts";
import type { StageConfig } from "./stage-config.ts";

/** What later steps stand on. */
export interface Standing {
  /** The image that is exactly this; absent before the first commit. */
  readonly image?: StoredImage;
  readonly layers: readonly MadeLayer[];
  readonly history: readonly History[];
  /** Of the base's config: what stages do not change. */
  readonly platform: Pick<ImageConfig, "os" | "architecture" | "variant" | "os.version" | "os.features">;
  readonly annotations: Readonly<Record<string, string>>;
}

const identity = "io.buildah.version";

export const layersOfImage = (host: Host, image: StoredImage): MadeLayer[] => layersIn(image, storedManifest(host.store, image), storedConfig(host.store, image));

function layersIn(image: StoredImage, { layers }: Manifest, { rootfs: { diff_ids: diffIds } }: ImageConfig): MadeLayer[] {
  if (layers.length !== diffIds.length) throw new Fault("store.damaged", `cannot build on image ${image.id}: it has other layers than its config says`);
  return layers.map(({ digest, size, mediaType }, at) => ({ diffId: diffIds[at]!, blob: digest, size, compression: layerCompression(mediaType) }));
}

export function standingOf(host: Host, image: StoredImage): Standing {
  const config = storedConfig(host.store, image);
  const manifest = storedManifest(host.store, image);
  const { os, architecture, variant } = config;
  return {
    image,
    layers: layersIn(image, manifest, config),
    history: config.history ?? [],
    platform: {
      os, architecture, ...(variant ? { variant } : {}),
      ...(config["os.version"] ? { "os.version": config["os.version"] } : {}),
      ...(config["os.features"] ? { "os.features": config["os.features"] } : {}),
    },
    annotations: manifest.annotations ?? {},
  };
}

export interface Commit {
  readonly request: BuildRequest;
  readonly stage: StageConfig;
  readonly standing: Standing;
  /** New on top of what stands. */
  readonly layer?: MadeLayer;
  /** New on top of what stands; the last one says what this step was. */
  readonly entries: readonly History[];
  readonly names: readonly string[];
  /** The last of the build. */
  readonly isFinal: boolean;
  /** All layers as one that stands alone. */
  readonly squashed?: MadeLayer;
}

export async function commitStage(host: Host, lease: Lease, commit: Commit): Promise<StoredImage> {
  const { request, stage, standing, layer, entries, names, isFinal, squashed } = commit;
  const created = fixedTime(request) ?? rfc3339Nano(nowNs(), "utc");
  const layers = squashed ? [squashed] : [...standing.layers, ...(layer ? [layer] : [])];
  const history = squashed ? [{ created, created_by: entries.at(-1)?.created_by ?? "/bin/sh" }] : [...standing.history, ...entries];
  return assembleImage(host.store, lease, {
    format: request.format,
    layers,
    names,
    unsynced: !isFinal,
    ...annotationsOf(commit, created),
    config: {
      created,
      ...(stage.author ? { author: stage.author } : {}),
      ...platformOf(request, standing),
      config: withoutEmpty(defaultsOf(commit)),
      ...(request.omitHistory ? {} : { history }),
    },
  });
}

function platformOf({ platform, osVersion, osFeatures }: BuildRequest, { platform: base }: Standing): Standing["platform"] {
  const { variant: baseVariant, ...rest } = base;
  const isOther = platform?.architecture !== undefined && platform.architecture !== base.architecture;
  const variant = platform?.variant ?? (isOther ? undefined : baseVariant);
  const features = new Set(base["os.features"] ?? []);
  for (const feature of osFeatures) {
    if (feature.endsWith("-")) features.delete(feature.slice(0, -1));
    else features.add(feature);
  }
  const { "os.features": _features, ...others } = rest;
  return {
    ...others,
    ...(platform?.os ? { os: platform.os } : {}),
    ...(platform?.architecture ? { architecture: platform.architecture } : {}),
    ...(variant ? { variant } : {}),
    ...(osVersion ? { "os.version": osVersion } : {}),
    ...(features.size > 0 ? { "os.features": [...features] } : {}),
  };
}

function defaultsOf({ request, stage, names, isFinal }: Commit): ImageDefaults {
  const { Healthcheck, Shell, OnBuild, ...common } = stage.defaults;
  const isDocker = request.format === "docker";
  const unset = new Set(request.unsetEnv);
  const layerLabels = names.length === 0 && !isFinal ? Object.fromEntries(request.layerLabels.map(splitLabel)) : {};
  const labels: Record<string, string> = { ...layerLabels, ...common.Labels };
  const identifies = request.identityLabel ?? fixedTime(request) === undefined;
  if (identifies) labels[identity] = request.builderVersion;
  for (const name of request.unsetLabels) delete labels[name];
  return {
    ...common,
    Env: stage.env.filter(line => !unset.has(line.slice(0, line.indexOf("=")))),
    Labels: labels,
    // OCI's config has no room for these; Docker's has.
    ...(isDocker ? { ...(Healthcheck ? { Healthcheck } : {}), ...(Shell ? { Shell } : {}), ...(OnBuild ? { OnBuild } : {}) } : {}),
    ...(isDocker && fixedTime(request) !== undefined ? { Hostname: fixedHostname, Domainname: "" } : {}),
    WorkingDir: common.WorkingDir || "/",
  };
}

export function splitLabel(written: string): [string, string] {
  const equals = written.indexOf("=");
  return equals < 0 ? [written, ""] : [written.slice(0, equals), written.slice(equals + 1)];
}

function withoutEmpty(defaults: ImageDefaults): ImageDefaults {
  const isFull = (value: unknown) => value !== undefined && (typeof value !== "object" || value === null || Object.keys(value).length > 0);
  return Object.fromEntries(Object.entries(defaults).filter(([, value]) => isFull(value)));
}

const createdKey = "org.opencontainers.image.created";

function annotationsOf({ request, standing, isFinal }: Commit, created: string): { annotations?: Record<string, string> } {
  if (request.format === "docker") return {};
  const annotations: Record<string, string> = isFinal && !request.inheritAnnotations ? {} : { ...standing.annotations };
  if (isFinal) {
    for (const [key, value] of request.annotations.map(splitLabel)) annotations[key] = value;
    for (const key of request.unsetAnnotations) delete annotations[key];
  }
  delete annotations[createdKey];
  if (request.createdAnnotation && !request.unsetAnnotations.includes(createdKey)) annotations[createdKey] = created;
  return { annotations };
}
