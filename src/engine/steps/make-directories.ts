// Directories made inside a root, whatever links lie on the way.

import { fchmodat, fchownat, findStat, mkdirat, closeQuietly, O_DIRECTORY, O_PATH, readlinkat, tryOpenat2 } from "../../kernel/files.ts";
import { Fault } from "../../base/fault.ts";
import { inTree } from "./copy-source.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const linksMax = 40;

/** Makes what is missing of an absolute path, mode 0755; what is there stays. True where something was made. */
export function makeDirectories(rootFd: number, path: string, owner: Owner, links = linksMax): boolean {
  let done = "";
  let made = false;
  for (const part of path.split("/").filter(one => one !== "" && one !== ".")) {
    const next = part === ".." ? done.slice(0, Math.max(done.lastIndexOf("/"), 0)) : `${done}/${part}`;
    if (!isDirectory(rootFd, next)) {
      makeOne(rootFd, { above: done, name: part, path, owner, links });
      made = true;
    }
    done = next;
  }
  return made;
}

const below = (path: string): string => (path === "" ? "." : path.slice(1));

function isDirectory(rootFd: number, path: string): boolean {
  const fd = tryOpenat2(rootFd, below(path), { flags: O_PATH | O_DIRECTORY, resolve: inTree });
  closeQuietly(fd);
  return fd >= 0;
}

interface One {
  readonly above: string;
  readonly name: string;
  readonly path: string;
  readonly owner: Owner;
  readonly links: number;
}

const loop = (path: string): Fault => new Fault("system.failed", `open ${path}: too many levels of symbolic links`, { errno: "ELOOP" });

function makeOne(rootFd: number, { above, name, path, owner, links }: One): void {
  const refused = (reason: string): Fault => new Fault("system.failed", `cannot make directory "${path}": ${reason}`, { errno: "ENOTDIR" });
  const parent = tryOpenat2(rootFd, below(above), { flags: O_PATH | O_DIRECTORY, resolve: inTree });
  if (parent < 0) throw refused("a part of it is no directory");
  try {
    const found = findStat(parent, name);
    if (found === undefined) {
      mkdirat(parent, name, 0o755);
      fchmodat(parent, name, 0o755);
      fchownat(parent, name, owner);
      return;
    }
    if ((found.mode & 0o170000) !== 0o120000) throw refused(`"${name}" is no directory`);
    if (links === 0) throw loop(path);
    const target = new TextDecoder().decode(readlinkat(parent, name));
    try {
      makeDirectories(rootFd, target.startsWith("/") ? target : `${above}/${target}`, owner, links - 1);
    } catch (thrown) {
      throw thrown instanceof Fault && thrown.errno === "ELOOP" ? loop(path) : thrown;
    }
  } finally {
    closeQuietly(parent);
  }
}
