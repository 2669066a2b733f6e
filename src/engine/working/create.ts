// from: a working container over an image, or over nothing.
// Source: buildah-from(1).

import type { ContainerSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import type { ImageConfig } from "../../base/oci-image.ts";
import { nowNs, nowRfc3339Nano, rfc3339Nano } from "../../base/time.ts";
import { normalPlatform, type PlatformChoice } from "../../image/platform.ts";
import type { PullRequest } from "../../image/pull.ts";
import { storedConfig, storedManifest } from "../../image/stored-config.ts";
import type { StoredImage } from "../../storage/store.ts";
import { randomId } from "../containers/names.ts";
import type { Host } from "../host.ts";
import { insertWorking, isNameTaken, type WorkingContainer } from "./records.ts";

export interface CreateWorking {
  /** A name as written, of any transport; "scratch" for none. */
  readonly image: string;
  /** Absent: made from the image's. */
  readonly name?: string;
  /** In place of "working-container". */
  readonly suffix?: string;
  readonly format: "oci" | "docker";
  readonly run?: ContainerSpec;
  readonly isolation?: string;
  readonly cni?: WorkingContainer["cni"];
  readonly pull: Omit<PullRequest, "store">;
}

/** @throws Fault of pulling; "container.name-in-use" */
export async function createWorking(host: Host, asked: CreateWorking): Promise<WorkingContainer> {
  const image = asked.image === "scratch" ? undefined : await pulled(host, asked);
  const imageName = image === undefined ? "" : nameOf(image, asked.image);
  const platform = asked.pull.system?.platform;
  return insertNew(host, asked, {
    ...recordOver(host, { image, imageName, format: asked.format, ...(platform ? { platform } : {}) }),
    run: asked.run ?? {},
    ...(asked.cni ? { cni: asked.cni } : {}),
    ...(asked.isolation ? { isolation: asked.isolation } : {}),
  });
}

interface Over {
  readonly image: StoredImage | undefined;
  readonly imageName: string;
  readonly format: "oci" | "docker";
  readonly platform?: PlatformChoice;
}

const recordOver = (host: Host, { image, imageName, format, platform }: Over): Omit<WorkingContainer, "name"> => ({
  id: randomId(),
  createdAt: nowRfc3339Nano(),
  imageId: image?.id ?? "",
  imageName,
  imageDigest: image?.manifest.digest ?? "",
  format,
  config: withPlatform(image === undefined ? scratchConfig() : storedConfig(host.store, image), platform, format),
  annotations: annotationsOf(host, image, imageName),
  run: {},
  isMounted: false,
});

export interface KeptStep extends Over {
  readonly run: ContainerSpec;
  /** Its root, unmounted, which is let go by whoever had it; absent: one anew over the image. */
  readonly root?: { readonly id: string; release(): void };
}

/** What a step of a build has left, as a working container to look into. */
export function keepStep(host: Host, { root, run, ...over }: KeptStep): WorkingContainer {
  const record = { ...recordOver(host, over), run };
  return root === undefined ? insertNew(host, {}, record) : insertNew(host, {}, { ...record, id: root.id }, root.release);
}

async function pulled(host: Host, { image, pull: request }: CreateWorking): Promise<StoredImage> {
  const { pull } = await import("../../image/pull.ts");
  const [found] = await pull(image, { store: host.store, ...request });
  if (found === undefined) throw new Fault("image.not-found", `${image}: image not known`);
  return found;
}

/** Of the image's names the one that was meant; its first otherwise. */
function nameOf(image: StoredImage, asked: string): string {
  if (image.names.length === 0) return asked;
  const prefix = shortName(asked);
  return image.names.find(name => name.includes(prefix)) ?? image.names[0]!;
}

/** "quay.io/a/busybox:1" is "busybox", an ID its first twelve digits. */
export function shortName(imageName: string): string {
  const hex = /^(?:sha256:)?([0-9a-f]{64})$/.exec(imageName)?.[1];
  if (hex !== undefined) return hex.slice(0, 12);
  const withoutTag = imageName.split(":")[0]!;
  return withoutTag.slice(withoutTag.lastIndexOf("/") + 1).split("@")[0]!;
}

const scratchConfig = (): ImageConfig =>
  ({ architecture: "", os: "", config: { WorkingDir: "/" }, rootfs: { type: "layers", diff_ids: [] } });

function withPlatform(base: ImageConfig, asked: PlatformChoice | undefined, format: "oci" | "docker"): ImageConfig {
  const { os, architecture, variant } = normalPlatform({
    ...(base.os || asked?.os ? { os: base.os || asked!.os! } : {}),
    ...(base.architecture ? { architecture: base.architecture, ...(base.variant ? { variant: base.variant } : {}) } : asked ?? {}),
  });
  const hostname = format === "docker" && !base.config?.Hostname ? { Hostname: randomId().slice(0, 12) } : {};
  return {
    ...base,
    created: base.created ?? rfc3339Nano(nowNs(), "utc"),
    os,
    architecture,
    ...(variant ? { variant } : {}),
    config: { ...base.config, ...hostname },
  };
}

function annotationsOf(host: Host, image: StoredImage | undefined, imageName: string): Record<string, string> {
  const own = image === undefined ? {} : { ...storedManifest(host.store, image).annotations };
  const { "org.opencontainers.image.base.name": _name, ...kept } = own;
  const isWhole = /^[^/]*[.:][^/]*\/|^localhost\//.test(imageName);
  return {
    ...kept,
    "org.opencontainers.image.base.digest": image?.manifest.digest ?? "",
    ...(isWhole || imageName === "" ? { "org.opencontainers.image.base.name": imageName } : {}),
  };
}

/** Row and root appear together, under a lease that tells the next command to look for the one without the other. @param takeRoot where there is a root already: makes it ours */
function insertNew(host: Host, asked: Pick<CreateWorking, "name" | "suffix">, record: Omit<WorkingContainer, "name">, takeRoot?: () => void): WorkingContainer {
  const wanted = asked.name ?? [...(record.imageName ? [shortName(record.imageName)] : []), asked.suffix ?? "working-container"].join("-");
  const topLayer = record.imageId === "" ? undefined : host.store.images.get(record.imageId)?.layers.at(-1);
  using lease = host.store.lease();
  try {
    return host.store.transaction(() => {
      const named = { ...record, name: asked.name ?? freeName(host, wanted) };
      insertWorking(host, named);
      if (takeRoot) takeRoot();
      else host.store.roots.create({ id: record.id, lease, ...(topLayer === undefined ? {} : { topLayer }) });
      return named;
    });
  } catch (thrown) {
    if (!takeRoot) host.store.roots.forget(record.id);
    throw thrown;
  }
}

function freeName(host: Host, wanted: string): string {
  let name = wanted;
  for (let suffix = 1; isNameTaken(host, name); suffix++) name = `${wanted}-${suffix}`;
  return name;
}
