// Placing, changing and removing mounts: the old call and the handles.
// Source: mount(2), umount2(2), move_mount(2), open_tree(2), mount_setattr(2).

import { putPath, scoped, take } from "./arena.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, findStat, O_CLOEXEC } from "./files.ts";
import { call, check, type Path } from "./syscall.ts";

export const MS_RDONLY = 0x1;
export const MS_NOSUID = 0x2;
export const MS_NODEV = 0x4;
export const MS_NOEXEC = 0x8;
export const MS_REMOUNT = 0x20;
export const MS_BIND = 0x1000;
export const MS_MOVE = 0x2000;
export const MS_REC = 0x4000;
export const MS_UNBINDABLE = 0x20000;
export const MS_PRIVATE = 0x40000;
export const MS_SLAVE = 0x80000;
export const MS_SHARED = 0x100000;
export const MS_RELATIME = 0x200000;

export const MNT_FORCE = 1;
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

export const MOUNT_ATTR_RDONLY = 0x1;
export const MOUNT_ATTR_NOSUID = 0x2;
export const MOUNT_ATTR_NODEV = 0x4;
export const MOUNT_ATTR_NOEXEC = 0x8;
export const MOUNT_ATTR_NOATIME = 0x10;
export const MOUNT_ATTR_IDMAP = 0x100000;
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000;

const enoent = 2;
const einval = 22;

export interface Mount {
  readonly source?: Path;
  readonly target: Path;
  readonly type?: string;
  /** MS_… */
  readonly flags?: number;
  /** The file system's own options, comma separated; at most 4095 bytes. */
  readonly data?: Path;
}

/** mount(2) as it is. */
export function mount({ source, target, type, flags = 0, data }: Mount): void {
  scoped(() => {
    const text = (value?: Path): number => (value === undefined ? 0 : putPath(value));
    check(call("mount", text(source), putPath(target), text(type), flags, text(data)), "mount", target);
  });
}

/** umount2(2); with MNT_DETACH the tree goes now and its busy parts when they are let go. */
export function umount2(target: Path, flags = UMOUNT_NOFOLLOW): void {
  scoped(() => check(call("umount2", putPath(target), flags), "unmount", target));
}

/** Unmounts all that is stacked on `target`, busy or not; false where nothing was mounted there. */
export function unmountAll(target: Path): boolean {
  for (let done = 0; done < stackedMax; done++) {
    const result = scoped(() => call("umount2", putPath(target), MNT_DETACH | UMOUNT_NOFOLLOW));
    if (result === -einval || result === -enoent) return done > 0;
    check(result, "unmount", target);
  }
  return true;
}
const stackedMax = 1000;

/** A bind mount; read-only needs its own step, which is taken here. */
export function bindMount(source: Path, target: Path, how: { recursive?: boolean; readOnly?: boolean } = {}): void {
  const tree = openTree(AT_FDCWD, source, { clone: true, recursive: how.recursive ?? false });
  try {
    const recursive = how.recursive ?? false;
    if (how.readOnly) setMountAttributes(tree, { set: MOUNT_ATTR_RDONLY }, recursive);
    moveMount(tree, target);
  } finally {
    call("close", tree);
  }
}

/** A bind mount whose owners are seen through the maps of a user namespace (Linux 5.12, and a willing file system). */
export function idmapMount(source: Path, target: Path, userNamespace: number): void {
  const tree = openTree(AT_FDCWD, source, { clone: true, recursive: false });
  try {
    setMountAttributes(tree, { set: MOUNT_ATTR_IDMAP, userNamespace });
    moveMount(tree, target);
  } finally {
    call("close", tree);
  }
}

export type Propagation = "private" | "slave" | "shared" | "unbindable";

export function setPropagation(target: Path, propagation: Propagation, recursive = false): void {
  mount({ target, flags: propagationFlag(propagation) | (recursive ? MS_REC : 0) });
}

export function propagationFlag(propagation: Propagation): number {
  switch (propagation) {
    case "private":
      return MS_PRIVATE;
    case "slave":
      return MS_SLAVE;
    case "shared":
      return MS_SHARED;
    case "unbindable":
      return MS_UNBINDABLE;
  }
}

/** A handle on a mount (O_PATH-like), or with `clone` on a detached copy of it, which goes when the handle closes. */
export function openTree(dirfd: number, path: Path, how: { clone: boolean; recursive?: boolean }): number {
  const emptyPath = path.length === 0 ? AT_EMPTY_PATH : 0;
  const flags = O_CLOEXEC | (how.clone ? 1 : 0) | (how.recursive ? AT_RECURSIVE : 0) | emptyPath;
  return scoped(() => check(call("open_tree", dirfd, putPath(path), flags), "open the tree", path));
}

/** Attaches a detached mount (from `openTree` with clone, `createOverlay`, fsmount) at `target`. */
export function moveMount(mountFd: number, target: Path, targetDirfd = AT_FDCWD): void {
  const fromEmptyPath = 4;
  const toEmptyPath = target.length === 0 ? 0x40 : 0;
  scoped(() => {
    const result = call("move_mount", mountFd, putPath(""), targetDirfd, putPath(target), fromEmptyPath | toEmptyPath);
    check(result, "mount", target);
  });
}

export interface MountAttributes {
  /** MOUNT_ATTR_… */
  readonly set?: number;
  readonly clear?: number;
  readonly propagation?: Propagation;
  /** A handle on the user namespace, with MOUNT_ATTR_IDMAP. */
  readonly userNamespace?: number;
}

/** mount_setattr on a mount's handle. */
export function setMountAttributes(mountFd: number, attributes: MountAttributes, recursive = false): void {
  scoped(({ base, view }) => {
    const at = take(32);
    view.setUint32(at, attributes.set ?? 0, true);
    view.setUint32(at + 8, attributes.clear ?? 0, true);
    view.setUint32(at + 16, attributes.propagation ? propagationFlag(attributes.propagation) : 0, true);
    view.setUint32(at + 24, attributes.userNamespace ?? 0, true);
    const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    check(call("mount_setattr", mountFd, putPath(""), flags, base + at, 32), "change the attributes of a mount");
  });
}

/** Whether something is mounted exactly here; false where there is no such path. A final symbolic link is not followed. */
export function isMountpoint(path: Path): boolean {
  return findStat(AT_FDCWD, path)?.isMountRoot ?? false;
}
