// system df: what images, containers and volumes take on the disk, and what could be had back.
// Source: podman-system-df(1).

import { momentMs } from "../base/time.ts";
import { createdMs } from "../image/filters.ts";
import { rowNames } from "../image/list.ts";
import type { StoredImage } from "../storage/store.ts";
import { isLive, observe } from "./containers/observe.ts";
import { writableBytes } from "./containers/writable-bytes.ts";
import type { Host } from "./host.ts";
import { usesOfImages } from "./images.ts";
import { treeSize } from "./volumes/tree-size.ts";
import { listVolumes } from "./volumes/volumes.ts";

export interface ImageUse {
  readonly repository: string;
  readonly tag: string;
  readonly id: string;
  readonly createdMs: number;
  readonly size: number;
  /** Of layers that other images have too. */
  readonly sharedSize: number;
  readonly uniqueSize: number;
  readonly containers: number;
}

export interface ContainerDiskUse {
  readonly id: string;
  readonly imageId: string;
  readonly command: readonly string[];
  readonly volumes: number;
  readonly size: number;
  readonly createdMs: number;
  readonly status: string;
  readonly running: boolean;
  readonly name: string;
}

export interface VolumeUse {
  readonly name: string;
  readonly links: number;
  readonly size: number;
}

export interface DiskUse {
  readonly images: readonly ImageUse[];
  /** Every layer once. */
  readonly imagesSize: number;
  readonly containers: readonly ContainerDiskUse[];
  readonly volumes: readonly VolumeUse[];
}

function layerSizes(host: Host, images: readonly StoredImage[]): { size: Map<string, number>; users: Map<string, number> } {
  const size = new Map<string, number>();
  const users = new Map<string, number>();
  for (const { layers } of images) {
    for (const chainId of new Set(layers)) {
      if (!size.has(chainId)) size.set(chainId, host.store.layers.find(chainId)?.size ?? 0);
      users.set(chainId, (users.get(chainId) ?? 0) + 1);
    }
  }
  return { size, users };
}

function imagesOf(host: Host): { images: ImageUse[]; imagesSize: number } {
  const stored = host.store.images.list();
  const { size, users } = layerSizes(host, stored);
  const sum = (layers: readonly string[]): number => layers.reduce((total, chainId) => total + (size.get(chainId) ?? 0), 0);
  const { usedBy } = usesOfImages(host);
  const images = stored.flatMap(image => {
    const sharedSize = sum([...new Set(image.layers)].filter(chainId => (users.get(chainId) ?? 0) > 1));
    const use = {
      id: image.id, createdMs: Math.floor(createdMs(image) / 1000) * 1000, size: image.size, sharedSize,
      uniqueSize: Math.max(0, image.size - sharedSize), containers: usedBy(image.id).length,
    };
    return rowNames(image.names).map((name): ImageUse => ({ ...name, ...use }));
  });
  images.sort((a, b) => b.createdMs - a.createdMs);
  const metadata = stored.reduce((total, image) => total + Math.max(0, image.size - sum(image.layers)), 0);
  return { images, imagesSize: sum([...size.keys()]) + metadata };
}

function containersOf(host: Host): ContainerDiskUse[] {
  const observed = host.state.containers().map(record => observe(host, record));
  return host.store.reading(() => observed.map(({ id, name, spec, state }) => {
    return {
      id, name, imageId: spec.imageId ?? "", command: spec.command ?? [], volumes: (spec.mounts ?? []).filter(({ kind }) => kind === "volume").length,
      size: writableBytes(host, id), createdMs: momentMs(state.createdAt), status: state.status === "stopped" ? "exited" : state.status,
      running: isLive(state),
    };
  }));
}

export function diskUse(host: Host): DiskUse {
  const containers = containersOf(host);
  const { images, links } = host.store.reading(() => ({
    images: imagesOf(host),
    links: listVolumes(host).map(({ name, mountpoint }) => ({ name, mountpoint, links: host.state.usersOfVolume(name).length })),
  }));
  return { ...images, containers, volumes: links.map(({ mountpoint, ...volume }) => ({ ...volume, size: treeSize(mountpoint) })) };
}
