// How a tree says what it deletes of those below it: by overlay's marks, or by files of a layer's names where a file system takes no such marks.
// Source: Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"; OCI image-spec layer.md, "Whiteouts"; fuse-overlayfs(1).

import { Fault } from "../base/fault.ts";
import {
  AT_FDCWD, closeQuietly, findStat, mknodat, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_WRONLY, openat2, type Stat,
} from "../kernel/files.ts";
import { getXattr, setXattr } from "../kernel/xattr.ts";
import { type ByteText, toPath } from "./tar/entry.ts";

export const whiteoutPrefix = ".wh.";
/** Whoever has it shows nothing of the layers below. */
export const opaqueFile = ".wh..wh..opq";

const typeMask = 0o170000;
const characterType = 0o020000;
const opaqueMarks = ["trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque"];
const yes = 0x79;

export const isWhiteout = ({ mode, rdev }: Pick<Stat, "mode" | "rdev">): boolean =>
  (mode & typeMask) === characterType && rdev.major === 0 && rdev.minor === 0;

/** Attributes by which overlays remember; they are no part of an image. */
export const isOverlayMark = (name: string): boolean => /^(trusted\.overlay|user\.overlay|user\.fuseoverlayfs)\./.test(name);

/** Whether nothing of the layers below shows through this directory. */
export function isOpaque(target: string | Uint8Array | number): boolean {
  if (opaqueMarks.some(name => getXattr(target, name)?.[0] === yes)) return true;
  return typeof target === "number" ? findStat(target, opaqueFile) !== undefined : inDirectory(target, fd => findStat(fd, opaqueFile) !== undefined);
}

function inDirectory<T>(path: string | Uint8Array, use: (fd: number) => T): T {
  const fd = openat2(AT_FDCWD, path, { flags: O_RDONLY | O_DIRECTORY });
  try {
    return use(fd);
  } finally {
    closeQuietly(fd);
  }
}

const refusals = ["EPERM", "EOPNOTSUPP", "EINVAL", "EACCES"];
const isRefusal = (thrown: unknown): boolean => thrown instanceof Fault && refusals.includes(thrown.errno ?? "");

const makeFile = (parent: number, name: ByteText): void =>
  closeQuietly(openat2(parent, toPath(name), { flags: O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600 }));

/** Nothing has this name yet. Answers the name that the mark has. */
export function markDeleted(parent: number, name: ByteText): ByteText {
  try {
    mknodat(parent, toPath(name), characterType);
    return name;
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    makeFile(parent, `${whiteoutPrefix}${name}`);
    return `${whiteoutPrefix}${name}`;
  }
}

/** @param overlayMarks where the kernel's overlay looks for it */
export function markOpaque(directory: string | Uint8Array | number, overlayMarks: "trusted." | "user."): void {
  try {
    setXattr(directory, `${overlayMarks}overlay.opaque`, new Uint8Array([yes]));
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    if (typeof directory === "number") makeFile(directory, opaqueFile);
    else inDirectory(directory, fd => makeFile(fd, opaqueFile));
  }
}
