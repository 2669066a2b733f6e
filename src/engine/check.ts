// system check: whether everything the database counts is on the disk, and is what it says; and mending what is not.
// Source: podman-system-check(1).

import { statSync } from "node:fs";
import type { Digest } from "../base/digest.ts";
import { newHasher } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { artifactsBy } from "../image/artifact/artifacts.ts";
import { rawManifest, readManifest } from "../image/manifest.ts";
import { isMountpoint } from "../kernel/mounts.ts";
import type { Change, StoredImage } from "../storage/store.ts";
import { damagedRows, dropRow } from "./check-rows.ts";
import type { Host } from "./host.ts";
import { imagePath } from "./images-mount.ts";
import type { ContainerRecord } from "./state/state.ts";

export interface CheckOptions {
  /** Only what is there, not what it holds. */
  readonly quick?: boolean;
}

/** What is wrong with one thing. */
export interface Damage {
  readonly kind: "database" | "row" | "layer" | "image" | "artifact" | "container" | "leaving";
  readonly id: string;
  readonly reasons: readonly string[];
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;
const differencesMax = 20;

interface Checking {
  readonly host: Host;
  readonly quick: boolean;
  /** Blobs and layers that were looked at already, with what is wrong with them. */
  readonly blobs: Map<Digest, string | undefined>;
  readonly layers: Map<Digest, Damage | undefined>;
}

function databaseDamage(host: Host): Damage[] {
  const found = host.store.db.query("PRAGMA quick_check(10)").all() as { quick_check: string }[];
  const reasons = found.map((row) => row.quick_check).filter((text) => text !== "ok");
  return reasons.length > 0 ? [{ kind: "database", id: "coracle.db", reasons }] : [];
}

async function blobReason({ host: { store }, quick, blobs }: Checking, digest: Digest): Promise<string | undefined> {
  if (blobs.has(digest)) return blobs.get(digest);
  const reason = !store.blobs.isWhole(digest)
    ? `blob ${digest} is ${isThere(store.blobs.path(digest)) ? "not as long as it was" : "missing"}`
    : quick || await hasDigest(store.blobs.stream(digest), digest) ? undefined : `blob ${digest}: checksum failed`;
  blobs.set(digest, reason);
  return reason;
}

async function hasDigest(stream: AsyncIterable<Uint8Array>, digest: Digest): Promise<boolean> {
  const hasher = newHasher(digest.slice(0, digest.indexOf(":")));
  for await (const piece of stream) hasher.update(piece);
  return hasher.digest() === digest;
}

/** A tree that is not what its archive says. Where the archive itself is damaged, its image says so. */
async function layerDamage(checking: Checking, chainId: Digest): Promise<Damage | undefined> {
  const { host: { store }, quick, layers } = checking;
  if (layers.has(chainId)) return layers.get(chainId);
  const layer = store.layers.find(chainId);
  let reasons: readonly string[] = [];
  if (layer && store.layers.isAwaited(chainId)) reasons = [];
  else if (layer && !store.layers.isWhole(chainId)) reasons = ["layer content missing"];
  else if (layer && !quick && (await blobReason(checking, layer.blob)) === undefined) reasons = (await contentDamage(checking, chainId)).map(said);
  const damage = reasons.length === 0 ? undefined : { kind: "layer" as const, id: chainId, reasons: shortened(reasons) };
  layers.set(chainId, damage);
  return damage;
}

async function contentDamage({ host }: Checking, chainId: Digest): Promise<Change[]> {
  try {
    return await host.store.layers.damage(chainId);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code.startsWith("system.")) throw thrown;
    return [{ kind: "C", path: `/: ${(thrown as Error).message}` }];
  }
}

const said = ({ kind, path }: Change): string => `${path} ${kind === "A" ? "was added" : kind === "D" ? "is missing" : "was changed"}`;

const shortened = (reasons: readonly string[]): readonly string[] =>
  reasons.length <= differencesMax ? reasons : [...reasons.slice(0, differencesMax), `and ${reasons.length - differencesMax} more`];

async function imageDamage(checking: Checking, image: StoredImage): Promise<Damage[]> {
  const { host: { store } } = checking;
  const reasons: string[] = [];
  const layers: Damage[] = [];
  const note = (reason: string | undefined): void => void (reason === undefined || reasons.includes(reason) || reasons.push(reason));
  for (const digest of [image.config, ...image.manifests.map((one) => one.digest)]) note(await blobReason(checking, digest));
  for (const chainId of image.layers) {
    const layer = store.layers.find(chainId);
    if (!layer) note(`image layer is missing: ${chainId}`);
    else note(await blobReason(checking, layer.blob));
    const isNew = !checking.layers.has(chainId);
    const damage = await layerDamage(checking, chainId);
    if (damage && isNew) layers.push(damage);
  }
  return [...layers, ...(reasons.length > 0 ? [{ kind: "image" as const, id: image.id, reasons }] : [])];
}

async function artifactDamage(checking: Checking, name: string, manifest: Digest): Promise<Damage[]> {
  const { store } = checking.host;
  const reason = await blobReason(checking, manifest);
  const reasons = reason === undefined ? [] : [reason];
  if (reason === undefined) {
    const parsed = readManifest(rawManifest(store.blobs.read(manifest)));
    const listed = parsed.kind === "image" ? [parsed.manifest.config, ...parsed.manifest.layers] : [];
    for (const { digest } of listed) {
      const found = await blobReason(checking, digest);
      if (found) reasons.push(found);
    }
  }
  return reasons.length > 0 ? [{ kind: "artifact", id: name, reasons }] : [];
}

function containerDamage(host: Host, { id, spec, state }: ContainerRecord): Damage[] {
  if (spec.rootfs || state.status === "removing") return [];
  const root = host.store.roots.find(id);
  const reasons: string[] = [];
  if (!root) reasons.push("its root is not known");
  else if (!isThere(host.store.roots.upperPath(id))) reasons.push("its root is missing");
  if (root?.topLayer && !host.store.layers.find(root.topLayer)) reasons.push("its image's layer is missing");
  // Someone may be removing it while we look.
  const now = host.state.findById(id)?.state.status;
  return reasons.length > 0 && now !== undefined && now !== "removing" ? [{ kind: "container", id, reasons }] : [];
}

export async function check(host: Host, options: CheckOptions = {}): Promise<Damage[]> {
  const checking: Checking = { host, quick: options.quick ?? false, blobs: new Map(), layers: new Map() };
  const found: Damage[] = databaseDamage(host);
  const rows = damagedRows(host).map(({ table, key }): Damage => ({ kind: "row", id: `${table}/${key}`, reasons: ["it cannot be read"] }));
  // Nothing that reads rows can go on.
  if (rows.length > 0) return [...found, ...rows];
  for (const path of host.store.orphans()) found.push({ kind: "leaving", id: path, reasons: ["nothing needs it, and nothing knows of it"] });
  for (const image of host.store.images.list().filter(({ isReadOnly }) => !isReadOnly)) found.push(...await imageDamage(checking, image));
  for (const { name, manifest } of host.store.artifacts.list()) found.push(...await artifactDamage(checking, name, manifest.digest));
  return [...found, ...host.state.containers().flatMap((record) => containerDamage(host, record))];
}

export interface Repaired {
  readonly mended: readonly Damage[];
  readonly removed: readonly Damage[];
}

/** Unpacks damaged layers anew where their archives are sound; removes what cannot be made whole: images and artifacts, with `force` containers too. */
export async function repair(host: Host, damages: readonly Damage[], { force }: { force: boolean }): Promise<Repaired> {
  const mended: Damage[] = [];
  const removed: Damage[] = [];
  if (damages.some(({ kind }) => kind === "leaving")) host.store.collect({ orphans: true });
  for (const damage of damages) {
    try {
      if (damage.kind === "layer") mended.push(await mendLayer(host, damage, force));
      else if (damage.kind === "leaving" || await removeDamaged(host, damage, force)) removed.push(damage);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      log.error(`cannot repair ${damage.kind} ${damage.id}: ${thrown.message}`);
    }
  }
  return { mended, removed };
}

async function mendLayer(host: Host, damage: Damage, force: boolean): Promise<Damage> {
  const chainId = damage.id as Digest;
  if (isMounted(host, chainId)) {
    throw new Fault("image.in-use", "a container or an image that uses it is mounted", { hint: "stop the containers and unmount the images first" });
  }
  try {
    await host.store.layers.mend(chainId);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    const users = host.store.images.list().filter(({ layers }) => layers.includes(chainId));
    for (const { id } of users) await removeDamaged(host, { kind: "image", id, reasons: [] }, force);
    throw thrown;
  }
  return damage;
}

function isMounted(host: Host, chainId: Digest): boolean {
  const { roots, layers, images } = host.store;
  return roots.list().some(({ topLayer, mountCount }) => mountCount > 0 && topLayer !== undefined && layers.chain(topLayer).some(layer => layer.chainId === chainId)) ||
    images.list().some(image => image.layers.includes(chainId) && isMountpoint(imagePath(host, image.id)));
}

function removeRow(host: Host, id: string, force: boolean): boolean {
  const row = damagedRows(host).find(({ table, key }) => `${table}/${key}` === id);
  if (!row) return false;
  if (row.needsForce && !force) throw new Fault("store.damaged", "what it stands for would go with it", { hint: "add --force to remove it" });
  dropRow(host, row);
  host.store.collect({ orphans: true });
  return true;
}

async function removeDamaged(host: Host, { kind, id }: Damage, force: boolean): Promise<boolean> {
  if (kind === "row") return removeRow(host, id, force);
  if (kind === "container" && force) {
    const { remove } = await import("./containers/remove.ts");
    const [outcome] = await remove(host, { names: [id] }, { force: true, timeout: 0 });
    if (outcome?.fault) throw outcome.fault;
    return true;
  }
  if (kind === "artifact") return artifactsBy(host.store, id).map(({ name }) => host.store.artifacts.remove(name)).includes(true);
  if (kind !== "image" || host.store.images.get(id) === undefined) return false;
  const { removeImagesOf } = await import("./images.ts");
  const users = host.state.usersOfImage(id);
  if (users.length > 0 && !force) {
    throw new Fault("image.in-use", `it is used by container ${users[0]}`, { hint: "remove the containers too, with --force; or pull the image again" });
  }
  const { deleted, faults } = await removeImagesOf(host, [id], { force: true, noPrune: true });
  if (faults[0]) throw faults[0];
  return deleted.includes(id);
}
