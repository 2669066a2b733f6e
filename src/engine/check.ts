// system check: whether everything the database counts is on the disk, and is what it says.
// Source: podman-system-check(1).

import { statSync } from "node:fs";
import { parseDigest } from "../base/digest.ts";
import { log } from "../base/log.ts";
import type { StoredImage } from "../storage/store.ts";
import type { Host } from "./host.ts";
import type { ContainerRecord } from "./state/state.ts";

export interface CheckOptions {
  /** Only what is there, not what it holds. */
  readonly quick?: boolean;
}

/** What is wrong with one thing. */
export interface Damage {
  readonly kind: "database" | "layer" | "image" | "container";
  readonly id: string;
  readonly reasons: readonly string[];
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

function databaseDamage(host: Host): Damage[] {
  const found = host.store.db.query("PRAGMA quick_check(10)").all() as { quick_check: string }[];
  const reasons = found.map((row) => row.quick_check).filter((text) => text !== "ok");
  return reasons.length > 0 ? [{ kind: "database", id: "coracle.db", reasons }] : [];
}

async function blobDamage(host: Host, digest: string): Promise<string | undefined> {
  const { blobs } = host.store;
  const hasher = new Bun.CryptoHasher(digest.split(":")[0] as "sha256");
  for await (const chunk of blobs.stream(parseDigest(digest))) hasher.update(chunk);
  return `${digest.split(":")[0]}:${hasher.digest("hex")}` === digest ? undefined : `blob ${digest}: checksum failed`;
}

interface Checking {
  readonly host: Host;
  readonly quick: boolean;
  /** Blobs that were read already. */
  readonly seen: Map<string, string | undefined>;
}

async function blobReason({ host, quick, seen }: Checking, digest: string, isNeeded: boolean): Promise<string | undefined> {
  if (seen.has(digest)) return seen.get(digest);
  const isHere = host.store.blobs.has(parseDigest(digest)) && isThere(host.store.blobs.path(parseDigest(digest)));
  const reason = !isHere ? (isNeeded ? `blob ${digest} is missing` : undefined) : quick ? undefined : await blobDamage(host, digest);
  seen.set(digest, reason);
  return reason;
}

async function imageDamage(checking: Checking, image: StoredImage): Promise<Damage[]> {
  const { host } = checking;
  const reasons: string[] = [];
  for (const digest of [image.config, ...image.manifests.map((one) => one.digest)]) {
    const reason = await blobReason(checking, digest, true);
    if (reason) reasons.push(reason);
  }
  for (const chainId of image.layers) {
    const layer = host.store.layers.find(chainId);
    if (!layer) reasons.push(`image layer is missing: ${chainId}`);
    else if (!isThere(host.store.layers.diffPath(chainId))) reasons.push(`layer content missing: ${chainId}`);
    // A layer's archive may have been dropped: it can be made again from the tree.
    const reason = layer ? await blobReason(checking, layer.blob, false) : undefined;
    if (reason) reasons.push(reason);
  }
  return reasons.length > 0 ? [{ kind: "image", id: image.id, reasons }] : [];
}

function containerDamage(host: Host, { id, spec }: ContainerRecord): Damage[] {
  if (spec.rootfs) return [];
  const root = host.store.roots.find(id);
  const reasons: string[] = [];
  if (!root) reasons.push("its root is not known");
  else if (!isThere(host.store.roots.upperPath(id))) reasons.push("its root is missing");
  if (root?.topLayer && !host.store.layers.find(root.topLayer)) reasons.push("its image's layer is missing");
  return reasons.length > 0 ? [{ kind: "container", id, reasons }] : [];
}

export async function check(host: Host, options: CheckOptions = {}): Promise<Damage[]> {
  const checking: Checking = { host, quick: options.quick ?? false, seen: new Map() };
  const images: Damage[] = [];
  for (const image of host.store.images.list()) images.push(...await imageDamage(checking, image));
  return [...databaseDamage(host), ...images, ...host.state.containers().flatMap((record) => containerDamage(host, record))];
}

export interface Repaired {
  readonly removed: readonly Damage[];
}

/** Removes damaged images, and with `force` damaged containers and those of damaged images too. */
export async function repair(host: Host, damages: readonly Damage[], { force }: { force: boolean }): Promise<Repaired> {
  const { remove } = await import("./containers/remove.ts");
  const { removeImagesOf } = await import("./images.ts");
  const removed: Damage[] = [];
  for (const damage of damages) {
    if (damage.kind === "container" && force) {
      const [outcome] = await remove(host, { names: [damage.id] }, { force: true, timeout: 0 });
      if (outcome?.fault) log.error(outcome.fault.message);
      else removed.push(damage);
    }
    if (damage.kind === "image") {
      const done = await removeImagesOf(host, [damage.id], { force });
      if (done.deleted.includes(damage.id)) removed.push(damage);
    }
  }
  return { removed };
}
