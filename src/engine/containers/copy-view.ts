// What cp sees of a container or of the host: a root directory with all its mounts, and paths looked up inside it.
// Source: openat2(2), RESOLVE_IN_ROOT; proc(5), /proc/PID/root.

import { statSync } from "node:fs";
import type { MountSpec } from "../../base/container-spec.ts";
import {
  AT_FDCWD, close, closeQuietly, findStat, handlePath, mkdirat, O_CREAT, O_DIRECTORY, O_EXCL, O_PATH, openat2, openDirectory, readlinkat,
  RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, type Stat, tryOpenat2, unlinkat,
} from "../../kernel/files.ts";
import { mount, MS_BIND, MS_REC } from "../../kernel/mounts.ts";
import { withMountNamespace } from "../../kernel/namespaces.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { isLive, observe } from "./observe.ts";
import { mountRoot, unmountRoot } from "./root.ts";

/** A tree to copy from or into. Its links never lead out, but for the host's, which is all there is. */
export interface View extends AsyncDisposable {
  readonly rootFd: number;
  /** Where relative paths begin. */
  readonly workdir: string;
  /** undefined for the host. */
  readonly record: ContainerRecord | undefined;
}

/** What a path leads to, links followed. */
export interface Found {
  /** As it lies in the tree, without links in its last part. */
  readonly path: string;
  /** undefined where nothing is there. */
  readonly stat: Stat | undefined;
}

const linksMax = 40;
const typeMask = 0o170000;
export const isDirectory = (stat: Stat | undefined): boolean => stat !== undefined && (stat.mode & typeMask) === 0o040000;
const isLink = (stat: Stat): boolean => (stat.mode & typeMask) === 0o120000;

export function hostView(): View {
  const rootFd = openDirectory("/");
  return { rootFd, workdir: process.cwd(), record: undefined, async [Symbol.asyncDispose]() { closeQuietly(rootFd); } };
}

/** A running container's as its processes see it; another's with its volumes and bind mounts at their places. */
export async function containerView(host: Host, id: string, path: string): Promise<View> {
  const record = observe(host, fresh(host, id));
  const workdir = record.spec.workdir ?? "/";
  if (isLive(record.state) && record.state.pid !== undefined) {
    const rootFd = openat2(AT_FDCWD, `/proc/${record.state.pid}/root`, { flags: O_PATH | O_DIRECTORY });
    return { rootFd, workdir, record, async [Symbol.asyncDispose]() { closeQuietly(rootFd); } };
  }
  const wanted = normalPath(path.startsWith("/") ? path : `${workdir}/${path}`);
  const mounted = await locked(host, id, () => mountRoot(host, record));
  const undo = () => locked(host, id, () => unmountRoot(host, record));
  try {
    const assembled = assemble(mounted.path, mounted.mounts.filter(one => reaches(one, wanted)));
    return {
      rootFd: assembled.rootFd, workdir, record,
      async [Symbol.asyncDispose]() {
        takeApart(assembled);
        await undo();
      },
    };
  } catch (thrown) {
    await undo();
    throw thrown;
  }
}

/** Mounts of memory exist only while the container runs; of the others, those above and below the path count. */
function reaches({ kind, target }: MountSpec, path: string): boolean {
  if (kind === "tmpfs" || kind === "ramfs" || kind === "devpts") return false;
  const place = normalPath(target);
  const within = (one: string, other: string) => other === "/" || one === other || one.startsWith(`${other}/`);
  return within(path, place) || within(place, path);
}

interface Assembled {
  readonly rootFd: number;
  /** The mounts lie in a namespace of their own, which lasts as long as its handle. */
  readonly namespace: number | undefined;
  /** Mountpoints that were not there: the next start makes them, so they go again. */
  readonly made: MadeNode[];
}

interface MadeNode {
  /** A handle on the directory that holds it. */
  readonly above: number;
  readonly name: string;
  readonly isDirectory: boolean;
}

function assemble(root: string, mounts: readonly MountSpec[]): Assembled {
  const made: MadeNode[] = [];
  if (mounts.length === 0) return { rootFd: openDirectory(root), namespace: undefined, made };
  return withMountNamespace("new", () => {
    const rootFd = openDirectory(root);
    const depth = ({ target }: MountSpec): number => normalPath(target).split("/").length;
    for (const { source, target } of [...mounts].sort((one, two) => depth(one) - depth(two))) {
      const fd = mountpoint({ rootFd, made }, normalPath(target), statSync(source).isDirectory());
      mount({ source, target: handlePath(fd), flags: MS_BIND | MS_REC });
      close(fd);
    }
    return { rootFd, namespace: openat2(AT_FDCWD, "/proc/thread-self/ns/mnt", { flags: 0 }), made };
  });
}

function takeApart({ rootFd, namespace, made }: Assembled): void {
  closeQuietly(rootFd);
  if (namespace !== undefined) closeQuietly(namespace);
  for (const { above, name, isDirectory: directory } of made.reverse()) {
    try {
      unlinkat(above, name, directory);
    } catch {
      // Something was put there: it stays.
    }
    closeQuietly(above);
  }
}

/** A handle on the place, made where it is missing, as the start of the container would. */
function mountpoint(tree: Pick<Assembled, "rootFd" | "made">, path: string, wantsDirectory: boolean): number {
  const found = open(tree.rootFd, path, O_PATH);
  if (found >= 0) return found;
  const above = mountpoint(tree, dirname(path), true);
  const name = basename(path);
  if (wantsDirectory) mkdirat(above, name, 0o755);
  else close(openat2(above, name, { flags: O_CREAT | O_EXCL, mode: 0o644 }));
  tree.made.push({ above, name, isDirectory: wantsDirectory });
  return openat2(tree.rootFd, path, { flags: O_PATH, resolve: RESOLVE_IN_ROOT });
}

const open = (rootFd: number, path: string, flags: number, magic = false): number =>
  tryOpenat2(rootFd, path, { flags, resolve: RESOLVE_IN_ROOT | (magic ? 0 : RESOLVE_NO_MAGICLINKS) });

/** A directory of the view, to read and write in; undefined where there is none. */
export function openInView({ rootFd, record }: View, path: string): number | undefined {
  // The host's links into /proc, such as /dev/stdin's, may be followed; a container's may not.
  const fd = record ? open(rootFd, path, O_DIRECTORY) : tryOpenat2(AT_FDCWD, path, { flags: O_DIRECTORY });
  return fd < 0 ? undefined : fd;
}

/** Follows links in the last part one by one, so that the name of what they lead to is known, even when it is not there. */
export function lookUp(view: View, written: string): Found | undefined {
  if (view.record && written.includes("*")) return undefined;
  const start = normalPath(written.startsWith("/") ? written : `${view.workdir}/${written}`);
  let path: string | undefined = start;
  for (let links = 0; links < linksMax && path !== undefined; links++) {
    const step = lookOnce(view, path);
    if (step.next === undefined) return step.found.stat || view.record ? step.found : magic(start, step.found);
    path = step.next;
  }
  return undefined;
}

/** A pipe or a deleted file behind one of /proc's links has no name of its own. */
function magic(start: string, found: Found): Found {
  const stat = findStat(AT_FDCWD, start, true);
  return stat === undefined ? found : { path: start, stat };
}

function lookOnce(view: View, path: string): { found: Found; next?: string } {
  const parent = openInView(view, dirname(path));
  if (parent === undefined) return { found: { path, stat: undefined } };
  try {
    const stat = findStat(parent, path === "/" ? "" : basename(path));
    if (stat === undefined || !isLink(stat)) return { found: { path, stat } };
    const target = Buffer.from(readlinkat(parent, basename(path))).toString();
    const next = normalPath(target.startsWith("/") ? target : `${realPath(view, parent, dirname(path))}/${target}`);
    return { found: { path, stat: undefined }, next };
  } finally {
    close(parent);
  }
}

/** Of the host, where ".." after a link goes to another place than it looks. */
const realPath = (view: View, fd: number, path: string): string =>
  view.record ? path : Buffer.from(readlinkat(AT_FDCWD, handlePath(fd))).toString();

/** Without ".", ".." and double slashes. */
export function normalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

export const dirname = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";
export const basename = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
