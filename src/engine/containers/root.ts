// A container's root at a path of the host, with the sources of its mounts ready: volumes filled, images mounted.

import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { ContainerSpec, MountSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { findImage } from "../../image/resolve.ts";
import { isMountpoint, mount, mountOverlay, MS_NODEV, MS_NOEXEC, MS_NOSUID, umount2 } from "../../kernel/mounts.ts";
import type { Host } from "../host.ts";
import { imagePath, mountImage, unmountImage } from "../images-mount.ts";
import type { ContainerRecord } from "../state/state.ts";
import { isBacked, mountVolume } from "../volumes/backing.ts";
import { fillVolume } from "../volumes/fill.ts";
import { getVolume } from "../volumes/volumes.ts";
import { artifactMounts } from "./artifact-mounts.ts";
import { isKeptLink, placeLink } from "./placed-links.ts";
import { relabelMount } from "./labels.ts";

export interface MountedRoot {
  readonly path: string;
  /** The spec's mounts with every source a path of the host; no glob, overlay or artifact among them. */
  readonly mounts: MountSpec[];
}

const detach = 2;

function overlayDirectories(base: string): { upper: string; work: string; merged: string } {
  const places = { upper: `${base}/upper`, work: `${base}/work`, merged: `${base}/merged` };
  for (const directory of Object.values(places)) mkdirSync(directory, { recursive: true, mode: 0o755 });
  return places;
}

/** A throw-away overlay over `lower`; made anew at each start. */
function overlayOver(base: string, lower: string, how: { options?: readonly string[]; label?: string | undefined } = {}): string {
  const given = (key: string) => how.options?.find(option => option.startsWith(`${key}=`))?.slice(key.length + 1);
  const { upper, work, merged } = overlayDirectories(base);
  if (isMountpoint(merged)) umount2(merged, detach);
  mountOverlay({ lower: [lower], upper: given("upperdir") ?? upper, work: given("workdir") ?? work, target: merged, ...(how.label ? { options: { context: how.label } } : {}) });
  return merged;
}

function mountImageAt(host: Host, wanted: MountSpec, base: string): string {
  const image = findImage(host.store, wanted.source, host.imageSystem);
  if (!image) throw new Fault("image.not-found", `${wanted.source}: image not known`);
  // Counted once until the note goes, by which unmountRoot knows that it is ours to let go.
  const note = `${base}/image-id`;
  const isCounted = existsSync(note) && isMountpoint(imagePath(host, image.id));
  mkdirSync(base, { recursive: true, mode: 0o755 });
  const lower = isCounted ? imagePath(host, image.id) : mountImage(host, image);
  writeFileSync(note, image.id);
  const isWritable = wanted.readOnly === false || wanted.options.includes("rw");
  return isWritable ? overlayOver(`${base}/rw`, lower) : lower;
}

function listQuietly(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function ownerOf(spec: ContainerSpec): { uid: number; gid: number } {
  const [user = "0", group] = (spec.user ?? "0").split(":");
  const uid = /^\d+$/.test(user) ? Number(user) : 0;
  return { uid, gid: group && /^\d+$/.test(group) ? Number(group) : uid === 0 ? 0 : 0 };
}

/** :U makes the source the container user's own, all the way down. */
function chownTree(path: string, owner: { uid: number; gid: number }): void {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return;
  chownSync(path, owner.uid, owner.gid);
  if (stat.isDirectory()) for (const name of readdirSync(path)) chownTree(`${path}/${name}`, owner);
}

function volumeSource(host: Host, mount: MountSpec, root: string): string {
  const volume = getVolume(host, mount.source);
  if (isBacked(volume)) mountVolume(host, volume);
  fillVolume(host, volume.name, { root, target: mount.target, copy: !mount.noCopy && !isBacked(volume) });
  return volume.mountpoint;
}

function under(source: string, subpath: string | undefined): string {
  if (!subpath || subpath === "/") return source;
  const path = `${source}/${subpath.split("/").filter(part => part !== "" && part !== "." && part !== "..").join("/")}`;
  if (!statSync(path, { throwIfNoEntry: false })) throw new Fault("system.not-found", `cannot use subpath "${subpath}": no such file or directory in the volume or image`);
  return path;
}

function plainMounts(host: Host, record: ContainerRecord, mount: MountSpec, root: string, index: number): MountSpec[] {
  if (mount.kind === "artifact") return artifactMounts(host, mount, root);
  if (!isKeptLink(mount)) return [plainMount(host, record, mount, root, index)];
  placeLink(mount, root, (record.spec.mounts ?? []).filter(other => other !== mount));
  return [];
}

function plainMount(host: Host, record: ContainerRecord, mount: MountSpec, root: string, index: number): MountSpec {
  const base = `${host.paths.runDir(record.id)}/mounts/${index}`;
  if (mount.kind === "tmpfs" || mount.kind === "devpts" || mount.kind === "ramfs") return mount;
  let source = mount.source;
  if (mount.kind === "volume") source = volumeSource(host, mount, root);
  if (mount.kind === "image") source = mountImageAt(host, mount, base);
  source = under(source, mount.subpath);
  if (mount.chown) chownTree(source, ownerOf(record.spec));
  relabelMount(record.spec, mount, source);
  if (mount.overlay || mount.kind === "overlay") source = overlayOver(`${base}/overlay`, source, { options: mount.options, label: record.spec.security?.mountLabel });
  const readOnly = mount.readOnly ?? (mount.kind === "image" ? !mount.options.includes("rw") : undefined);
  const options = mount.options.filter(option => !/^(upperdir|workdir)=/.test(option));
  return { ...mount, kind: mount.kind === "overlay" ? "bind" : mount.kind, source, options, ...(readOnly === undefined ? {} : { readOnly }) };
}

function mountRootfs(host: Host, { id, spec }: ContainerRecord): string {
  const { path, overlay } = spec.rootfs!;
  return overlay ? overlayOver(`${host.paths.staticDir(id)}/rootfs`, path, { label: spec.security?.mountLabel }) : path;
}

export const shmDirectory = (host: Host, id: string): string => `${host.paths.runDir(id)}/shm`;

/** A /dev/shm that other containers can share. */
export function mountShm(host: Host, { id, spec }: ContainerRecord): string {
  const target = shmDirectory(host, id);
  mkdirSync(target, { recursive: true, mode: 0o1777 });
  if (!isMountpoint(target)) {
    const label = spec.security?.mountLabel;
    const data = `mode=1777,size=${spec.shmBytes ?? 65_536_000}${label ? `,context="${label}"` : ""}`;
    mount({ source: "shm", target, type: "tmpfs", flags: MS_NOSUID | MS_NODEV | MS_NOEXEC, data });
  }
  return target;
}

/** Mounts the root (of one that goes with its end without the care for lasting, whose flush costs the most of an unmount), or counts one user more. */
export function mountRoot(host: Host, record: ContainerRecord): MountedRoot {
  const { id, spec } = record;
  const label = spec.security?.mountLabel;
  const path = spec.rootfs ? mountRootfs(host, record) : host.store.roots.mount(id, { ...(label ? { label } : {}), volatile: spec.remove ?? false });
  return { path, mounts: (spec.mounts ?? []).flatMap((mount, index) => plainMounts(host, record, mount, path, index)) };
}

/** One user less; and what was mounted for its mounts goes. */
export function unmountRoot(host: Host, { id, spec }: ContainerRecord): void {
  const base = `${host.paths.runDir(id)}/mounts`;
  const shm = shmDirectory(host, id);
  if (isMountpoint(shm)) umount2(shm, detach);
  for (const index of listQuietly(base)) {
    for (const place of ["overlay/merged", "rw/merged"]) {
      if (isMountpoint(`${base}/${index}/${place}`)) umount2(`${base}/${index}/${place}`, detach);
    }
    const note = `${base}/${index}/image-id`;
    if (existsSync(note)) unmountImage(host, readFileSync(note, "utf8"));
  }
  rmSync(base, { recursive: true, force: true });
  if (spec.rootfs) {
    const merged = `${host.paths.staticDir(id)}/rootfs/merged`;
    if (spec.rootfs.overlay && isMountpoint(merged)) umount2(merged, detach);
  } else if (host.store.roots.isMounted(id)) host.store.roots.unmount(id);
}
