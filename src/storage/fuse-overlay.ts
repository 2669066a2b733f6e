// fuse-overlayfs: overlay by a process, where the kernel's own refuses the file system. It ends when its mount goes.
// Source: fuse-overlayfs(1).

import { Fault } from "../base/fault.ts";
import { needProgram, spawnSync } from "../base/spawn.ts";
import { closeQuietly, findStat, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openDirectory, readDirectory, tryOpenat2, unlinkat } from "../kernel/files.ts";
import { markOpaque, opaqueFile } from "./marks.ts";
import type { Mounting } from "./driver.ts";
import { privilege } from "./privilege.ts";

const mountMsMax = 20_000;

/** @throws Fault "component.missing", "component.failed" */
export function mountByFuse({ lower, upper, work, target, options = {} }: Mounting): void {
  const program = needProgram("fuse-overlayfs", "fuse-overlayfs");
  const words = [`lowerdir=${lower.map(quoted).join(":")}`];
  if (upper !== undefined && work !== undefined) words.push(`upperdir=${quoted(upper)}`, `workdir=${quoted(work)}`);
  if (options.volatile) words.push("volatile");
  if (options.readOnly) words.push("ro");
  if (options.context) words.push(`context="${options.context}"`);
  const { status, complaint } = spawnSync([program, "-o", words.join(","), target], { timeoutMs: mountMsMax });
  if (status !== 0) {
    throw new Fault("component.failed", `cannot mount layers by fuse-overlayfs: ${complaint()}`, { hint: "see that /dev/fuse may be opened by everyone" });
  }
}

/** Both separators of its options can be written. */
const quoted = (path: string): string => path.replace(/[\\:,]/g, "\\$&");

/** Its marks of opaque directories become the kernel's, for a tree that is to be a layer. Nobody may have it mounted. */
export function settleMarks(tree: string): void {
  const fd = openDirectory(tree);
  try {
    settleInside(fd, privilege().overlayMarks);
  } finally {
    closeQuietly(fd);
  }
}

function settleInside(fd: number, overlayMarks: "trusted." | "user."): void {
  if (findStat(fd, opaqueFile) !== undefined) {
    unlinkat(fd, opaqueFile);
    markOpaque(fd, overlayMarks);
  }
  for (const { name, type } of readDirectory(fd)) {
    if (type !== "directory" && type !== "unknown") continue;
    const inside = tryOpenat2(fd, name, { flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW });
    if (inside < 0) continue;
    try {
      settleInside(inside, overlayMarks);
    } finally {
      closeQuietly(inside);
    }
  }
}
