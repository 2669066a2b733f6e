// Removing a directory of ours in which something may still be mounted.

import { rmSync } from "node:fs";
import { errnoOf } from "../../base/fault.ts";
import { MNT_DETACH, mounts, umount2 } from "../../kernel/mounts.ts";

/** Unmounts what a crash of ours left mounted below it, then removes it. */
export function removeTree(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch (thrown) {
    if (errnoOf(thrown) !== "EBUSY") throw thrown;
    const below = mounts().map(({ target }) => target).filter(target => target.startsWith(`${directory}/`));
    for (const target of below.reverse()) umount2(target, MNT_DETACH);
    rmSync(directory, { recursive: true, force: true });
  }
}
