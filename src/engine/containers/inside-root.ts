// Looking and making directories inside a container's root, whatever the links in it.
// Source: openat2(2), RESOLVE_IN_ROOT.

import { closeQuietly, mkdirat, O_PATH, RESOLVE_IN_ROOT, tryOpenat2 } from "../../kernel/files.ts";

export function isInside(rootFd: number, path: string): boolean {
  const fd = tryOpenat2(rootFd, path, { flags: O_PATH, resolve: RESOLVE_IN_ROOT });
  if (fd < 0) return false;
  closeQuietly(fd);
  return true;
}

/** Makes a directory in the root, each part below the last; links inside lead nowhere else. */
export function makeInside(rootFd: number, path: string): void {
  let made = "";
  for (const part of path.split("/").filter(text => text !== "" && text !== "." && text !== "..")) {
    const parent = tryOpenat2(rootFd, made === "" ? "." : made, { flags: O_PATH, resolve: RESOLVE_IN_ROOT });
    if (parent < 0) return;
    try {
      if (!isInside(rootFd, `${made}/${part}`)) mkdirat(parent, part, 0o755);
    } finally {
      closeQuietly(parent);
    }
    made += `/${part}`;
  }
}
