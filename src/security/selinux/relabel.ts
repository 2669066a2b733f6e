// Giving a tree of files one label, for :z and :Z.
// Source: podman-run(1), "Labeling Volume Mounts"; setxattr(2).

import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { Fault, errnoOf } from "../../base/fault.ts";
import { callFault } from "../../kernel/errno.ts";
import { giveXattr, hasXattr } from "../../kernel/xattr.ts";

/** Directories of the system, whose new label would break it. */
const refused = new Set(["/", "/bin", "/boot", "/dev", "/etc", "/etc/passwd", "/etc/pki", "/etc/shadow", "/home", "/lib", "/lib64", "/media", "/opt", "/proc",
  "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/log"]);

/** @throws Fault "usage.invalid" */
export function checkRelabel(path: string, home = process.env["HOME"]): void {
  const plain = path.replace(/\/+/g, "/").replace(/(.)\/$/, "$1");
  if (refused.has(plain) || (home && plain === home.replace(/(.)\/$/, "$1"))) {
    throw new Fault("usage.invalid", `SELinux relabeling of ${plain} is not allowed`, { hint: "mount a directory below it, or leave :z and :Z out" });
  }
}

/** The path and all under it, links not followed. Quiet where files cannot have labels. */
export function relabelTree(path: string, label: string): void {
  const value = Buffer.from(`${label}\0`);
  // Where the top has the label the rest mostly has it too, and what has it is left as it is; else asking first only costs time.
  const asks = hasXattr(path, attribute, value);
  const set = (target: string): boolean => (asks && hasXattr(target, attribute, value)) || isSet(giveXattr(target, attribute, value), target);
  if (!set(path) || !isDirectory(path)) return;
  const open = [path];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const entry of entriesOf(next)) {
      const inside = `${next}/${entry.name}`;
      if (set(inside) && entry.isDirectory()) open.push(inside);
    }
  }
}

/** One file or directory. */
export function relabelFile(path: string, label: string): void {
  const value = Buffer.from(`${label}\0`);
  if (!hasXattr(path, attribute, value)) isSet(giveXattr(path, attribute, value), path);
}

const attribute = "security.selinux";

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** What is gone meanwhile has nothing to label. */
function entriesOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}

const [enoent, eopnotsupp] = [2, 95];

/** False where the file system has no labels, or the file went away. */
function isSet(result: number, path: string): boolean {
  if (result >= 0) return true;
  if (result === -eopnotsupp || result === -enoent) return false;
  throw callFault(-result, "give a label to", path);
}
