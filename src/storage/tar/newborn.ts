// What a file is from its making, in a tree where nothing was before: who needs no more than that is spared two calls.

import { close, fstat, O_TMPFILE, O_WRONLY, tryOpenat2 } from "../../kernel/files.ts";
import type { TarEntry } from "./entry.ts";

export interface Newborn {
  /** Whether this entry's owner and permissions come by themselves, if it is made with its mode. */
  has(entry: Pick<TarEntry, "uid" | "gid" | "mode">): boolean;
}

/** Found out by making one without a name: umask, default ACLs, inherited groups and mapped owners all have their say. */
export function newbornIn(directory: number): Newborn {
  const fd = tryOpenat2(directory, ".", { flags: O_TMPFILE | O_WRONLY, mode: 0o777 });
  if (fd < 0) return { has: () => false };
  try {
    const { uid, gid, mode } = fstat(fd);
    const kept = mode & 0o777;
    return { has: entry => entry.uid === uid && entry.gid === gid && (entry.mode & ~kept) === 0 };
  } finally {
    close(fd);
  }
}
