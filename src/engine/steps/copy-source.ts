// What a COPY, an ADD or `buildah copy` takes: the entries that its sources name in one tree, found without leaving it.
// Source: buildah-copy(1); Dockerfile reference, "COPY", "ADD".

import { Fault } from "../../base/fault.ts";
import { globPattern, hasGlob } from "../../base/go-glob.ts";
import {
  closeQuietly, O_DIRECTORY, O_PATH, O_RDONLY, openDirectory, readDirectory, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, statx, tryOpenat2, type Stat,
} from "../../kernel/files.ts";

/** Which paths of the tree are left out; relative, without a leading slash. */
export interface Excluding {
  excludes(path: string): boolean;
  mayIncludeBelow(path: string): boolean;
}

export interface SourceItem {
  /** In the tree, without a leading slash; "" is the tree itself. */
  readonly path: string;
  /** Of what it leads to: a link named as a source is followed. */
  readonly stat: Stat;
  /** The source as it was written. */
  readonly written: string;
}

export const inTree = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
const typeMask = 0o170000;
export const isDirectoryStat = (stat: Stat): boolean => (stat.mode & typeMask) === 0o040000;
export const isFileStat = (stat: Stat): boolean => (stat.mode & typeMask) === 0o100000;

/** Of relative paths; "." and empty parts go, ".." stays inside. */
export function cleanSource(written: string): string {
  const kept: string[] = [];
  for (const part of written.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") kept.pop();
    else kept.push(part);
  }
  return kept.join("/");
}

/** Whether ".." leads above where the path begins. */
function leadsOut(written: string): boolean {
  let depth = 0;
  for (const part of written.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) return true;
  }
  return false;
}

/**
 * The items of each source, in order; sources may have wildcards.
 *
 * @param tree a directory of the host; links in it lead nowhere else
 * @throws Fault "system.not-found" where a source without wildcards names nothing, or all of them together do
 */
export function findSources(tree: string, sources: readonly string[]): SourceItem[] {
  const rootFd = openDirectory(tree);
  try {
    const items = sources.flatMap(written => itemsOf(rootFd, tree, written));
    if (items.length > 0 || sources.length === 0) return items;
    const shown = sources.length === 1 ? "" : ` for [${sources.join(" ")}]`;
    throw new Fault("system.not-found", `checking source under ${JSON.stringify(tree)}: no glob matches${shown}: no such file or directory`, {
      hint: "see what the wildcards shall match",
    });
  } finally {
    closeQuietly(rootFd);
  }
}

function itemsOf(rootFd: number, tree: string, written: string): SourceItem[] {
  const path = cleanSource(written);
  const at = (reason: string): Fault =>
    new Fault("system.not-found", `checking on sources under ${JSON.stringify(tree)}: ${leadsOut(written) ? `possible escaping context directory error: ` : ""}copier: stat: ${JSON.stringify(`/${path}`)}: ${reason}`, {
      hint: "name a file of the build context, and see that no ignore file leaves it out",
    });
  if (!hasGlob(path)) {
    const stat = look(rootFd, path);
    if (stat === undefined) throw at("no such file or directory");
    return [{ path, stat, written }];
  }
  const found = globbed(rootFd, path.split("/"), "");
  const items = found.flatMap(one => {
    const stat = look(rootFd, one);
    return stat === undefined ? [] : [{ path: one, stat, written }];
  });
  if (items.length > 0) return items;
  const plain = look(rootFd, path);
  return plain === undefined ? [] : [{ path, stat: plain, written }];
}

export function look(rootFd: number, path: string): Stat | undefined {
  const fd = tryOpenat2(rootFd, path || ".", { flags: O_PATH, resolve: inTree });
  if (fd < 0) return undefined;
  try {
    return statx(fd, "");
  } finally {
    closeQuietly(fd);
  }
}

export function namesIn(rootFd: number, path: string): string[] {
  const fd = tryOpenat2(rootFd, path || ".", { flags: O_RDONLY | O_DIRECTORY, resolve: inTree });
  if (fd < 0) return [];
  try {
    return readDirectory(fd).map(({ name }) => new TextDecoder().decode(name)).sort();
  } finally {
    closeQuietly(fd);
  }
}

const depthMax = 256;

/** Sorted as they are found, directory by directory. */
function globbed(rootFd: number, parts: readonly string[], below: string): string[] {
  const [part, ...rest] = parts;
  if (part === undefined) return [below];
  const join = (name: string): string => (below === "" ? name : `${below}/${name}`);
  if (part === "**") {
    if (below.split("/").length > depthMax) return [];
    const deeper = namesIn(rootFd, below).flatMap(name => (isPlainDirectory(rootFd, join(name)) ? globbed(rootFd, parts, join(name)) : []));
    return [...new Set([...globbed(rootFd, rest, below), ...deeper])];
  }
  if (!hasGlob(part)) return look(rootFd, join(part)) === undefined ? [] : globbed(rootFd, rest, join(part));
  const pattern = globPattern(part);
  return namesIn(rootFd, below).filter(name => pattern.test(name)).flatMap(name => globbed(rootFd, rest, join(name)));
}

function isPlainDirectory(rootFd: number, path: string): boolean {
  const fd = tryOpenat2(rootFd, path, { flags: O_PATH | 0o400000, resolve: inTree });
  if (fd < 0) return false;
  try {
    return isDirectoryStat(statx(fd, ""));
  } finally {
    closeQuietly(fd);
  }
}
