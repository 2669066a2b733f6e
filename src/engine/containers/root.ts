// A container's root at a path of the host, with the sources of its mounts ready: volumes filled, images mounted.

import { existsSync, lchownSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import type { ContainerSpec, MountSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { insideId, outsideId, type IdMaps } from "../../base/id-mapping.ts";
import { findImage } from "../../image/resolve.ts";
import { AT_FDCWD, closeQuietly, O_RDONLY, openat2 } from "../../kernel/files.ts";
import { holdUsers } from "../../kernel/held-users.ts";
import { bindMount, idmapMount, isMountpoint, mount, MS_NODEV, MS_NOEXEC, MS_NOSUID, umount2, unmountAll } from "../../kernel/mounts.ts";
import { isTerminal } from "../../kernel/terminal.ts";
import { geteuid } from "../../kernel/users.ts";
import { identityOf } from "../../runtime/identity.ts";
import { mountOver } from "../../storage/driver.ts";
import { mapsMounts } from "../../storage/mapped.ts";
import type { MountRoot } from "../../storage/store.ts";
import type { Host } from "../host.ts";
import { imagePath, mountImage, unmountImage } from "../images-mount.ts";
import type { ContainerRecord } from "../state/state.ts";
import { isBacked, mountVolume } from "../volumes/backing.ts";
import { fillVolume, takeOwner } from "../volumes/fill.ts";
import { getVolume } from "../volumes/volumes.ts";
import { mountMaps } from "../users/mount-map.ts";
import { mapsOfSpec, rootOf, type StartUsers } from "../users/start.ts";
import { artifactMounts } from "./artifact-mounts.ts";
import { isKeptLink, placeLink } from "./placed-links.ts";
import { relabelMount } from "./labels.ts";

export interface MountedRoot {
  readonly path: string;
  /** Where a container's own users can reach it: the store's directories let nobody but us pass. */
  readonly shown: string;
  /** The spec's mounts with every source a path of the host; no glob, overlay or artifact among them. */
  readonly mounts: MountSpec[];
}

const detach = 2;

function overlayDirectories(base: string): { upper: string; work: string; merged: string } {
  const places = { upper: `${base}/upper`, work: `${base}/work`, merged: `${base}/merged` };
  for (const directory of Object.values(places)) mkdirSync(directory, { recursive: true, mode: 0o755 });
  return places;
}

/** A throw-away overlay over `lower`, with its owner and mode; made anew at each start. */
function overlayOver(base: string, lower: string, how: { options?: readonly string[]; label?: string | undefined } = {}): string {
  const given = (key: string) => how.options?.find(option => option.startsWith(`${key}=`))?.slice(key.length + 1);
  const { upper, work, merged } = overlayDirectories(base);
  if (isMountpoint(merged)) umount2(merged, detach);
  takeOwner(lower, upper);
  mountOver({ lower: [lower], upper: given("upperdir") ?? upper, work: given("workdir") ?? work, target: merged, ...(how.label ? { options: { context: how.label } } : {}) });
  return merged;
}

function mountImageAt(host: Host, { spec }: ContainerRecord, wanted: MountSpec, base: string): string {
  const image = findImage(host.store, wanted.source, host.imageSystem);
  if (!image) throw new Fault("image.not-found", `${wanted.source}: image not known`);
  // Counted once until the note goes, by which unmountRoot knows that it is ours to let go.
  const note = `${base}/image-id`;
  const isCounted = existsSync(note) && isMountpoint(imagePath(host, image.id));
  mkdirSync(base, { recursive: true, mode: 0o755 });
  const lower = isCounted ? imagePath(host, image.id) : mountImage(host, image);
  writeFileSync(note, image.id);
  const isWritable = wanted.readOnly === false || wanted.options.includes("rw");
  return isWritable ? overlayOver(`${base}/rw`, lower, { label: spec.security?.mountLabel }) : lower;
}

function listQuietly(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The container's user, in our own numbers. */
function ownerOf(spec: ContainerSpec, root: string, maps: IdMaps | undefined): Owner {
  const { uid, gid } = identityOf(root, spec.user);
  return { uid: (maps ? outsideId(uid, maps.uid) : uid) ?? uid, gid: (maps ? outsideId(gid, maps.gid) : gid) ?? gid };
}

/** :U makes the source the container user's own, all the way down; where it is his already, what he gave away in it stays so. */
function giveTree(path: string, owner: Owner): void {
  const { uid, gid } = lstatSync(path);
  if (uid !== owner.uid || gid !== owner.gid) chownTree(path, owner);
}

function chownTree(path: string, owner: Owner): void {
  const stat = lstatSync(path);
  if (stat.uid !== owner.uid || stat.gid !== owner.gid) lchownSync(path, owner.uid, owner.gid);
  if (stat.isDirectory()) for (const name of readdirSync(path)) chownTree(`${path}/${name}`, owner);
}

function volumeSource(host: Host, mount: MountSpec, root: string, owner?: Owner): string {
  const volume = getVolume(host, mount.source);
  if (isBacked(volume)) mountVolume(host, volume);
  fillVolume(host, volume.name, { root, target: mount.target, copy: !mount.noCopy && !isBacked(volume), ...(owner ? { owner } : {}) });
  return volume.mountpoint;
}

function under(source: string, subpath: string | undefined): string {
  if (!subpath || subpath === "/") return source;
  const path = `${source}/${subpath.split("/").filter(part => part !== "" && part !== "." && part !== "..").join("/")}`;
  if (!statSync(path, { throwIfNoEntry: false })) throw new Fault("system.not-found", `cannot use subpath "${subpath}": no such file or directory in the volume or image`);
  return path;
}

interface Mounting {
  readonly path: string;
  readonly maps: IdMaps | undefined;
  readonly index: number;
}

function plainMounts(host: Host, record: ContainerRecord, mount: MountSpec, mounting: Mounting): MountSpec[] {
  if (mount.kind === "artifact") return artifactMounts(host, mount, mounting.path);
  if (!isKeptLink(mount)) return [plainMount(host, record, mount, mounting)];
  placeLink(mount, mounting.path, (record.spec.mounts ?? []).filter(other => other !== mount));
  return [];
}

function plainMount(host: Host, record: ContainerRecord, mount: MountSpec, { path: root, maps, index }: Mounting): MountSpec {
  const base = `${host.paths.runDir(record.id)}/mounts/${index}`;
  if (mount.kind === "tmpfs" || mount.kind === "devpts" || mount.kind === "ramfs") return mount;
  let source = mount.source;
  if (mount.kind === "volume") source = volumeSource(host, mount, root, maps && ownerOf(record.spec, root, maps));
  if (mount.kind === "image") source = mountImageAt(host, record, mount, base);
  source = under(source, mount.subpath);
  if (mount.idmap !== undefined && host.rootless) refuseUnmappable(source);
  if (mount.chown) giveTree(source, ownerOf(record.spec, root, maps));
  relabelMount(record.spec, mount, source);
  if (mount.overlay || mount.kind === "overlay") source = overlayOver(`${base}/overlay`, source, { options: mount.options, label: record.spec.security?.mountLabel });
  const readOnly = mount.readOnly ?? (mount.kind === "image" ? !mount.options.includes("rw") : undefined);
  const options = mount.options.filter(option => !/^(upperdir|workdir)=/.test(option));
  return { ...mount, kind: mount.kind === "overlay" ? "bind" : mount.kind, source, options, ...(readOnly === undefined ? {} : { readOnly }) };
}

function refuseUnmappable(source: string): void {
  if (mapsMounts(source)) return;
  throw new Fault("usage.unsupported", `cannot mount "${source}" with the option idmap: the kernel maps the owners of its file system for root alone`, {
    hint: "leave the option out and run with --userns keep-id, or give the files other owners with the option U",
  });
}

function mountRootfs(host: Host, { id, spec }: ContainerRecord): string {
  const { path, overlay } = spec.rootfs!;
  return overlay ? overlayOver(`${host.paths.staticDir(id)}/rootfs`, path, { label: spec.security?.mountLabel }) : path;
}

/** A line for a person at a terminal: nothing else says why this first start takes so long. */
function tellCopying(done: number, total: number): void {
  if (!isTerminal(2)) return;
  const text = done < total ? `\rCopying layers of the image for the container's users: ${done} of ${total}` : `\r\u001b[K`;
  writeSync(2, text);
}

export const shmDirectory = (host: Host, id: string): string => `${host.paths.runDir(id)}/shm`;

/** A /dev/shm that other containers can share. */
export function mountShm(host: Host, { id, spec }: ContainerRecord): string {
  const target = shmDirectory(host, id);
  mkdirSync(target, { recursive: true, mode: 0o1777 });
  if (!isMountpoint(target)) {
    const label = spec.security?.mountLabel;
    const { uid, gid } = rootOf(mapsOfSpec(spec));
    const data = `mode=1777,uid=${uid},gid=${gid},size=${spec.shmBytes ?? 65_536_000}${label ? `,context="${label}"` : ""}`;
    mount({ source: "shm", target, type: "tmpfs", flags: MS_NOSUID | MS_NODEV | MS_NOEXEC, data });
  }
  return target;
}

/** Mounts the root (of one that goes with its end without the care for lasting, whose flush costs the most of an unmount), or counts one user more. */
export function mountRoot(host: Host, record: ContainerRecord, users?: StartUsers, more: MountRoot = {}): MountedRoot {
  const { id, spec } = record;
  const own = users?.maps && users.path ? { uidMap: users.maps.uid, gidMap: users.maps.gid, userNamespace: users.path } : {};
  const how = { ...rootOptions(record), ...own, volatile: spec.remove ?? false, onCopy: tellCopying, ...more };
  const path = spec.rootfs ? mountRootfs(host, record) : host.store.roots.mount(id, how);
  const maps = users?.maps ?? mapsOfSpec(spec);
  const mounts = (spec.mounts ?? []).flatMap((mount, index) => plainMounts(host, record, mount, { path, maps, index }));
  return { path, shown: users?.path === undefined ? path : showRoot(host, record, { path, users }), mounts };
}

/** Everyone may pass here, nobody may list it, and a container's ID is not guessed. A user's mounts are seen in his namespace alone. */
const shownPlace = ({ user }: Host): string => user ? `/tmp/coracle-roots-${user.uid}` : "/run/coracle-roots";

/** The container's root must reach its root directory, also where it may be nobody whom the store's directories let pass. */
function showRoot(host: Host, { id, spec }: ContainerRecord, { path, users: { maps, path: users } }: { path: string; users: StartUsers }): string {
  const isMapped = spec.rootfs?.idmap !== undefined;
  const isUs = maps !== undefined && insideId(0, maps.uid) !== undefined && insideId(0, maps.gid) !== undefined;
  if (isUs && !isMapped) return path;
  const shown = `${ownDirectory(shownPlace(host))}/${id}`;
  mkdirSync(shown, { recursive: true });
  unmountAll(shown);
  if (!isMapped) bindMount(path, shown, { recursive: true });
  else showMapped(host, { path, shown, users: users!, idmap: spec.rootfs!.idmap!, maps });
  return shown;
}

interface ShowMapped {
  readonly path: string;
  readonly shown: string;
  readonly users: string;
  /** As written; "" where the container's own users are meant. */
  readonly idmap: string;
  readonly maps: IdMaps | undefined;
}

function showMapped(host: Host, { path, shown, users, idmap, maps }: ShowMapped): void {
  if (host.rootless) refuseUnmappable(path);
  using held = idmap === "" || maps === undefined ? undefined : holdUsers({ maps: mountMaps(idmap, maps) });
  withNamespace(held?.userPath ?? users, namespace => idmapMount(path, shown, namespace));
}

/** @throws Fault "system.denied" where another user has made it */
function ownDirectory(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o711 });
  const stat = lstatSync(path);
  if (stat.isDirectory() && stat.uid === geteuid()) return path;
  throw new Fault("system.denied", `cannot use the directory "${path}": it belongs to another user`, { hint: "have it removed" });
}

function withNamespace(path: string, use: (namespace: number) => void): void {
  const namespace = openat2(AT_FDCWD, path, { flags: O_RDONLY });
  try {
    use(namespace);
  } finally {
    closeQuietly(namespace);
  }
}

function hideRoot(host: Host, id: string): void {
  const shown = `${shownPlace(host)}/${id}`;
  if (unmountAll(shown)) rmdirSync(shown);
}

/** How the store mounts a container's root, whoever asks for it. */
export function rootOptions({ spec }: Pick<ContainerRecord, "spec">): MountRoot {
  const { uidMap, gidMap, security } = spec;
  return { ...(security?.mountLabel ? { label: security.mountLabel } : {}), ...(uidMap && gidMap ? { uidMap, gidMap } : {}) };
}

/** One user less; and what was mounted for its mounts goes. */
export function unmountRoot(host: Host, { id, spec }: ContainerRecord): void {
  const base = `${host.paths.runDir(id)}/mounts`;
  const shm = shmDirectory(host, id);
  if (isMountpoint(shm)) umount2(shm, detach);
  hideRoot(host, id);
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
