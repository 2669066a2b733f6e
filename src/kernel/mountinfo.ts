// What is mounted in this mount namespace.
// Source: proc_pid_mountinfo(5).

import { AT_FDCWD, closeQuietly, O_RDONLY, openat2, readAll } from "./files.ts";

export interface MountEntry {
  readonly id: number;
  readonly parent: number;
  /** "8:1" */
  readonly device: string;
  /** The part of the file system that is mounted. */
  readonly root: string;
  readonly target: string;
  readonly options: readonly string[];
  /** Such as "shared:3" or "master:1". */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

const mountinfoBytesMax = 64 * 1024 * 1024;

/** All mounts that this thread sees, in the kernel's order. */
export function mounts(): MountEntry[] {
  const fd = openat2(AT_FDCWD, "/proc/thread-self/mountinfo", { flags: O_RDONLY });
  try {
    return readMountinfo(new TextDecoder().decode(readAll(fd, mountinfoBytesMax)));
  } finally {
    closeQuietly(fd);
  }
}

/** Reads the text of a mountinfo file; lines that it cannot read are left out. */
export function readMountinfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(" ");
    const dash = fields.indexOf("-", 6);
    if (dash < 0 || fields.length < dash + 4) continue;
    entries.push({
      id: Number(fields[0]),
      parent: Number(fields[1]),
      device: fields[2]!,
      root: unescape(fields[3]!),
      target: unescape(fields[4]!),
      options: fields[5]!.split(","),
      propagation: fields.slice(6, dash),
      type: fields[dash + 1]!,
      source: unescape(fields[dash + 2]!),
      superOptions: fields[dash + 3]!.split(","),
    });
  }
  return entries;
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
const unescape = (field: string): string =>
  field.includes("\\")
    ? field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
    : field;
