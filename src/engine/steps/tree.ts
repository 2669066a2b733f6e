// Small acts inside a tree that nothing may lead out of: where a path really lies, and making a working directory.

import { readlinkSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { closeQuietly, O_DIRECTORY, O_PATH, O_RDONLY, openDirectory, tryOpenat2, utimensat } from "../../kernel/files.ts";
import { identityOf } from "../../runtime/identity.ts";
import { inTree, cleanSource } from "./copy-source.ts";
import { makeDirectories, type Owner } from "./make-directories.ts";

/** The path on the host of what `path` means in the tree, links followed inside it; undefined where nothing is. */
export function resolveInTree(tree: string, path: string): string | undefined {
  const rootFd = openDirectory(tree);
  try {
    const fd = tryOpenat2(rootFd, cleanSource(path) || ".", { flags: O_PATH, resolve: inTree });
    if (fd < 0) return undefined;
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } finally {
      closeQuietly(fd);
    }
  } finally {
    closeQuietly(rootFd);
  }
}

/** Gives each directory on the way to a path this time. */
export function touchDirectories(root: string, path: string, mtime: { readonly sec: number; readonly nsec: number }): void {
  const parts = cleanSource(path).split("/").filter(Boolean);
  const rootFd = openDirectory(root);
  try {
    for (let depth = 1; depth <= parts.length; depth++) {
      const fd = tryOpenat2(rootFd, parts.slice(0, depth).join("/"), { flags: O_RDONLY | O_DIRECTORY, resolve: inTree });
      if (fd < 0) return;
      utimensat(fd, "", { mtime });
      closeQuietly(fd);
    }
  } finally {
    closeQuietly(rootFd);
  }
}

/** @throws Fault "usage.invalid" for a user that the root does not know */
export function ownerIn(root: string, user: string | undefined): Owner {
  if (!user) return { uid: 0, gid: 0 };
  const { uid, gid } = identityOf(root, user);
  return { uid, gid };
}

/** As --chown reads it: a user without a group is of the group with the user's own number, or of the account's. */
export function copyOwner(root: string, written: string): Owner {
  const [user = "", group] = written.split(":");
  if (user === "") throw new Fault("usage.invalid", `looking up UID/GID for ${JSON.stringify(written)}: can't find uid for user ""`, { hint: "write --chown=USER[:GROUP]" });
  if (group === undefined && /^\d+$/.test(user)) return { uid: Number(user), gid: Number(user) };
  if (group !== undefined && /^\d+$/.test(user) && /^\d+$/.test(group)) return { uid: Number(user), gid: Number(group) };
  const { uid, gid } = identityOf(root, written);
  return { uid, gid };
}

/** Makes what is missing of the path in the root; true where something was. */
export function ensureDirectory(root: string, path: string, owner: Owner): boolean {
  const rootFd = openDirectory(root);
  try {
    return makeDirectories(rootFd, path, owner);
  } finally {
    closeQuietly(rootFd);
  }
}
