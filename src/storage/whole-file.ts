// A file for a person that comes to its place when it is whole; whatever ends us before that, nothing of it is left.
// Source: open(2) "O_TMPFILE", linkat(2).

import { closeSync, fchmodSync, fchownSync, lstatSync, openSync, realpathSync, renameSync, rmSync, statSync, type Stats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "../base/fault.ts";
import { linkOpen, O_TMPFILE, O_WRONLY } from "../kernel/files.ts";
import { randomName } from "./place.ts";

export interface WholeFile {
  readonly fd: number;
  /** It is whole: it takes the place of what had its name. Closes. */
  keep(): void;
  /** It is not, and goes; nothing after `keep`. Closes. */
  drop(): void;
}

export interface WholeFileOptions {
  readonly mode?: number;
  /** An old file's mode and owner give way too. */
  readonly isSecret?: boolean;
}

/** Pipes, devices and what else is no plain file are written as they are. */
export function wholeFile(path: string, { mode = 0o644, isSecret = false }: WholeFileOptions = {}): WholeFile {
  const found = statSync(path, { throwIfNoEntry: false });
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  if (found ? !found.isFile() : isLink) return inPlace(path, mode);
  const real = isLink ? realpathSync(path) : path;
  const place = { mode, found, isSecret };
  try {
    return nameless(real, place);
  } catch (thrown) {
    const errno = errnoOf(thrown);
    // The person may write the file and not its directory.
    if (found && (errno === "EACCES" || errno === "EPERM" || errno === "EROFS")) return inPlace(real, mode);
    if (errno !== "EOPNOTSUPP" && errno !== "EISDIR" && errno !== "EINVAL") throw thrown;
    return beside(real, place);
  }
}

interface Place {
  readonly mode: number;
  /** What is there already. */
  readonly found: Stats | undefined;
  readonly isSecret: boolean;
}

/** The kernel lets go of a file without a name when its last handle closes. */
function nameless(path: string, place: Place): WholeFile {
  const fd = openSync(dirname(path), O_TMPFILE | O_WRONLY, place.mode);
  return closing(fd, () => {
    likeBefore(fd, place);
    if (!place.found && linksAs(fd, path)) return;
    const staged = stagedBeside(path);
    linkOpen(fd, staged);
    moveOver(staged, path);
  });
}

/** False where something has come there meanwhile. */
function linksAs(fd: number, path: string): boolean {
  try {
    linkOpen(fd, path);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === "EEXIST") return false;
    throw thrown;
  }
}

/** Where the file system has no files without a name: a kill leaves this one. */
function beside(path: string, place: Place): WholeFile {
  const staged = stagedBeside(path);
  const fd = openSync(staged, "wx", place.mode);
  return closing(fd, () => {
    likeBefore(fd, place);
    moveOver(staged, path);
  }, () => rmSync(staged, { force: true }));
}

const inPlace = (path: string, mode: number): WholeFile => closing(openSync(path, "w", mode), () => {});

const stagedBeside = (path: string): string => join(dirname(path), `.${basename(path).slice(0, 100)}.${randomName()}.partial`);

function moveOver(staged: string, path: string): void {
  try {
    renameSync(staged, path);
  } catch (thrown) {
    rmSync(staged, { force: true });
    throw thrown;
  }
}

function likeBefore(fd: number, { found, isSecret }: Place): void {
  if (!found || isSecret) return;
  try {
    fchownSync(fd, found.uid, found.gid);
  } catch (thrown) {
    if (errnoOf(thrown) !== "EPERM") throw thrown;
  }
  fchmodSync(fd, found.mode & 0o777);
}

function closing(fd: number, arrive: () => void, remove = (): void => {}): WholeFile {
  let isOpen = true;
  const end = (act: () => void): void => {
    if (!isOpen) return;
    isOpen = false;
    try {
      act();
    } finally {
      closeSync(fd);
    }
  };
  return { fd, keep: () => end(arrive), drop: () => end(remove) };
}
