// Roots without overlay: all layers copied into one tree, which is mounted onto itself; what differs is found by comparing it with the layers.
// Source: containers-storage.conf(5), "vfs".

import * as fs from "node:fs";
import { outsideId, type IdMaps } from "../base/id-mapping.ts";
import { Fault } from "../base/fault.ts";
import {
  AT_FDCWD, closeQuietly, fchmod, fchown, findStat, linkat, mkdirat, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openat2, openDirectory,
  readDirectory, unlinkat, utimensat, type Stat,
} from "../kernel/files.ts";
import { bindMount } from "../kernel/mounts.ts";
import { lockFile } from "../kernel/locks.ts";
import { getXattr, listXattrs, setXattr } from "../kernel/xattr.ts";
import { below, hiddenNames } from "./changes.ts";
import { takeLease } from "./leases.ts";
import { rootAttributes } from "./layers.ts";
import { forRoot, mappedPath } from "./owned-trees.ts";
import { isOverlayMark, markDeleted } from "./marks.ts";
import { randomName, type StorePlace } from "./place.ts";
import { privilege } from "./privilege.ts";
import type { Lease } from "./store.ts";
import { type ByteText, toByteText, toPath } from "./tar/entry.ts";
import { TarReader } from "./tar/reader.ts";
import { tarOfDiff } from "./tar/tree.ts";
import { Unpacker } from "./tar/unpack.ts";
import type { WrittenEntry } from "./tar/writer.ts";
import { removePath } from "./tree.ts";

export const copyOf = (own: string): string => `${own}/copy`;
/** Made when the copy was whole: what has changed since is younger. */
const stampOf = (own: string): string => `${own}/copied`;

/** Whether this root was ever mounted by copying; then it stays so. */
export const isCopied = (own: string): boolean => fs.existsSync(stampOf(own));

export interface Copying {
  /** The root's directory. */
  readonly own: string;
  /** Top layer first. */
  readonly lower: readonly string[];
  readonly maps?: IdMaps | undefined;
  readonly readOnly?: boolean;
  readonly label?: string;
  readonly onCopy?: (done: number, total: number) => void;
}

export function mountCopied(place: StorePlace, copying: Copying): void {
  const { own, readOnly = false, label } = copying;
  if (label) {
    throw new Fault("usage.unsupported", "cannot label a root that is a copy of its layers", { hint: "run the container with --security-opt label=disable" });
  }
  if (!isCopied(own)) makeCopy(place, copying);
  bindMount(copyOf(own), `${own}/merged`, { readOnly });
}

/** The kernel's coarse clock goes on by ten milliseconds at most: what is written after that is seen to be younger. */
const tickMs = 12;

function makeCopy(place: StorePlace, { own, lower, maps, onCopy }: Copying): void {
  using lease = takeLease(place, () => {});
  // What a root has from before, as a restored one, lies on top.
  const staged = flatten([`${own}/diff`, ...lower], { lease, maps, isOwn: index => index === 0, onCopy });
  removePath(copyOf(own));
  fs.renameSync(staged, copyOf(own));
  fs.writeFileSync(stampOf(own), "", { mode: 0o600 });
  Bun.sleepSync(tickMs);
}

interface Flattening {
  readonly lease: Lease;
  readonly maps?: IdMaps | undefined;
  /** Whether a tree has its outside owners already. */
  readonly isOwn?: (index: number) => boolean;
  readonly onCopy?: ((done: number, total: number) => void) | undefined;
}

/** Trees over each other, the first on top, as one in the lease's directory. */
function flatten(trees: readonly string[], { lease, maps, isOwn = () => false, onCopy }: Flattening): string {
  const staged = `${lease.directory}/${randomName()}`;
  const { mode, uid, gid } = rootAttributes();
  fs.mkdirSync(staged);
  for (let index = trees.length - 1; index >= 0; index--) {
    onCopy?.(trees.length - 1 - index, trees.length);
    unpackOver(trees[index]!, staged, isOwn(index) ? undefined : maps);
  }
  onCopy?.(trees.length, trees.length);
  fs.chownSync(staged, (maps ? outsideId(uid, maps.uid) : uid) ?? uid, (maps ? outsideId(gid, maps.gid) : gid) ?? gid);
  fs.chmodSync(staged, mode);
  return staged;
}

function unpackOver(tree: string, target: string, maps: IdMaps | undefined): void {
  const rootFd = openDirectory(target);
  const unpacker = new Unpacker({ rootFd, ...privilege(), whiteouts: "apply" });
  try {
    const reader = new TarReader(unpacker);
    for (const chunk of tarOfDiff(tree, maps ? { alter: withOwners(maps) } : {})) reader.push(chunk);
    reader.end();
    unpacker.finish();
  } finally {
    unpacker.dispose();
    closeQuietly(rootFd);
  }
}

const withOwners = (maps: IdMaps) => (entry: WrittenEntry): WrittenEntry => {
  const [uid, gid] = [outsideId(entry.uid, maps.uid), outsideId(entry.gid, maps.gid)];
  if (uid !== undefined && gid !== undefined) return { ...entry, uid, gid, xattrs: withRoot(entry.xattrs, maps) };
  throw new Fault("usage.invalid", `cannot give a file of the image an owner: ${entry.uid}:${entry.gid} is not in the container's user namespace`, {
    hint: "choose a wider map, for instance with a larger size",
  });
};

/** Capabilities of a file are granted by one user namespace's root. */
function withRoot(xattrs: WrittenEntry["xattrs"], { uid }: IdMaps): WrittenEntry["xattrs"] {
  const capability = xattrs?.get("security.capability");
  return capability ? new Map([...xattrs!, ["security.capability", forRoot(capability, outsideId(0, uid) ?? 0)]]) : xattrs;
}

/** The image of a top layer as one tree, kept as long as that layer. @param lower its layers, top first */
export function wholeCopy(place: StorePlace, lower: readonly string[]): string {
  const directory = `${mappedPath(place)}/whole`;
  const target = `${directory}/${lower[0]!.slice(lower[0]!.lastIndexOf("/") + 1)}`;
  if (fs.existsSync(target)) return target;
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  using _lock = lockFile(`${directory}/lock`, { exclusive: true, wait: true });
  using lease = takeLease(place, () => {});
  if (!fs.existsSync(target)) fs.renameSync(flatten(lower, { lease }), target);
  return target;
}

/** Makes `diff` what overlay would have there: changed files by further names of them. The caller holds the root's lock. */
export function refreshDifference(own: string, lower: readonly string[]): void {
  removePath(`${own}/diff`);
  const stamp = findStat(AT_FDCWD, stampOf(own))!.ctime;
  const text = (path: string): ByteText => toByteText(Buffer.from(path));
  fs.mkdirSync(`${own}/diff`);
  compare({ copy: text(copyOf(own)), diff: text(`${own}/diff`), lower: lower.map(text) }, stamp);
  likeDirectory(text(copyOf(own)), text(`${own}/diff`));
}

interface Compared {
  readonly copy: ByteText;
  readonly diff: ByteText;
  /** The directories of the layers that show through here, top first. */
  readonly lower: readonly ByteText[];
}

/** True where something differs. */
function compare({ copy, diff, lower }: Compared, stamp: Stat["ctime"]): boolean {
  let differs = false;
  for (const name of namesIn(copy)) {
    const inside = { copy: `${copy}/${name}`, diff: `${diff}/${name}` };
    const stat = findStat(AT_FDCWD, toPath(inside.copy));
    if (stat === undefined) continue;
    const { found, through } = below(lower, name);
    if (isDirectory(stat)) {
      mkdirat(AT_FDCWD, toPath(inside.diff));
      const isChanged = compare({ ...inside, lower: through }, stamp) || found === undefined || !isSame(stat, found) || isOwnerChanged(stat, found, stamp);
      if (isChanged) likeDirectory(inside.copy, inside.diff);
      else unlinkat(AT_FDCWD, toPath(inside.diff), true);
      differs ||= isChanged;
    } else if (found === undefined || isYounger(stat.ctime, stamp) || !isSame(stat, found) || stat.size !== found.size) {
      linkat({ dirfd: AT_FDCWD, path: toPath(inside.copy) }, { dirfd: AT_FDCWD, path: toPath(inside.diff) });
      differs = true;
    }
  }
  const gone = hiddenNames(copy, lower);
  if (gone.length > 0) {
    using parent = openTree(diff);
    for (const name of gone) markDeleted(parent.fd, name);
  }
  return differs || gone.length > 0;
}

const isDirectory = ({ mode }: Stat): boolean => (mode & 0o170000) === 0o040000;
const isYounger = (one: Stat["ctime"], two: Stat["ctime"]): boolean => one.sec > two.sec || (one.sec === two.sec && one.nsec > two.nsec);
/** Owners are not compared: those of a container with users of its own differ from the layer's. */
const isSame = (one: Stat, two: Stat): boolean => one.mode === two.mode && one.mtime.sec === two.mtime.sec && one.mtime.nsec === two.mtime.nsec;
/** A directory given to another: its times are the layer's but for the last change of what it is. */
const isOwnerChanged = (one: Stat, two: Stat, stamp: Stat["ctime"]): boolean => isYounger(one.ctime, stamp) && (one.uid !== two.uid || one.gid !== two.gid);

function openTree(path: ByteText): Disposable & { readonly fd: number } {
  const fd = openat2(AT_FDCWD, toPath(path), { flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW });
  return { fd, [Symbol.dispose]: () => closeQuietly(fd) };
}

function namesIn(directory: ByteText): ByteText[] {
  using opened = openTree(directory);
  return readDirectory(opened.fd).map(({ name }) => toByteText(name));
}

function likeDirectory(from: ByteText, to: ByteText): void {
  using opened = openTree(to);
  const { fd } = opened;
  const stat = findStat(AT_FDCWD, toPath(from))!;
  fchown(fd, stat);
  fchmod(fd, stat.mode & 0o7777);
  for (const name of listXattrs(toPath(from))) {
    const value = name === "security.selinux" || isOverlayMark(name) ? undefined : getXattr(toPath(from), name);
    if (value) setXattr(fd, name, value);
  }
  utimensat(fd, "", { atime: "keep", mtime: stat.mtime });
}
