// Giving a tree of files one label, for :z and :Z.
// Source: podman-run(1), "Labeling Volume Mounts"; setxattr(2).

import { lstatSync, readdirSync } from "node:fs";
import { Fault, errnoOf } from "../../base/fault.ts";
import { getXattr, setXattr } from "../../kernel/xattr.ts";

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

/** The path and all under it, links not followed; what has the label already is left. Quiet where files cannot have labels. */
export function relabelTree(path: string, label: string): void {
  const value = Buffer.from(`${label}\0`);
  const open = [path];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (!setLabel(next, value)) return;
    if (!isDirectory(next)) continue;
    for (const entry of readdirSync(next, { withFileTypes: true })) {
      const inside = `${next}/${entry.name}`;
      if (entry.isDirectory()) open.push(inside);
      else setLabel(inside, value);
    }
  }
}

/** One file or directory. */
export function relabelFile(path: string, label: string): void {
  setLabel(path, Buffer.from(`${label}\0`));
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** False where the file system has no labels. */
function setLabel(path: string, value: Buffer): boolean {
  try {
    const before = getXattr(path, "security.selinux");
    if (before !== undefined && value.equals(before)) return true;
    setXattr(path, "security.selinux", value);
    return true;
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === "EOPNOTSUPP" || errno === "ENOTSUP") return false;
    if (errno === "ENOENT") return true;
    throw thrown;
  }
}
