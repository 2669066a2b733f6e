// What cp sees of a container or of the host: a root directory with all its mounts, and paths looked up inside it.
// Source: openat2(2), RESOLVE_IN_ROOT; proc(5), /proc/PID/root.

import { closeSync, mkdirSync, openSync, statSync } from "node:fs";
import type { MountSpec } from "../../base/container-spec.ts";
import {
  AT_FDCWD, close, closeQuietly, findStat, handlePath, O_DIRECTORY, O_PATH, openat2, openDirectory, readlinkat,
  RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, type Stat, tryOpenat2,
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
    const { rootFd, namespace } = assemble(mounted.path, mounted.mounts.filter(one => reaches(one, wanted)));
    return {
      rootFd, workdir, record,
      async [Symbol.asyncDispose]() {
        for (const fd of [rootFd, namespace]) closeQuietly(fd);
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

/** The mounts lie in a namespace of their own, which lasts as long as its handle. */
function assemble(root: string, mounts: readonly MountSpec[]): { rootFd: number; namespace: number } {
  return withMountNamespace("new", () => {
    const rootFd = openDirectory(root);
    const byDepth = [...mounts].sort((one, two) => normalPath(one.target).split("/").length - normalPath(two.target).split("/").length);
    for (const { source, target } of byDepth) {
      const fd = mountpoint(rootFd, normalPath(target), statSync(source).isDirectory());
      mount({ source, target: handlePath(fd), flags: MS_BIND | MS_REC });
      close(fd);
    }
    return { rootFd, namespace: openat2(AT_FDCWD, "/proc/thread-self/ns/mnt", { flags: 0 }) };
  });
}

/** A handle on the place, made where it is missing, as the start of the container would. */
function mountpoint(rootFd: number, path: string, wantsDirectory: boolean): number {
  const found = open(rootFd, path, O_PATH);
  if (found >= 0) return found;
  const above = mountpoint(rootFd, dirname(path), true);
  try {
    const name = handlePath(above, basename(path)) as string;
    if (wantsDirectory) mkdirSync(name, { mode: 0o755 });
    else closeSync(openSync(name, "wx", 0o644));
  } finally {
    close(above);
  }
  return openat2(rootFd, path, { flags: O_PATH, resolve: RESOLVE_IN_ROOT });
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
  let path = normalPath(written.startsWith("/") ? written : `${view.workdir}/${written}`);
  let stat: Stat | undefined;
  for (let links = 0; links < linksMax; links++) {
    const parent = openInView(view, dirname(path));
    if (parent === undefined) return { path, stat: undefined };
    try {
      stat = path === "/" ? findStat(parent, "") : findStat(parent, basename(path));
      if (stat === undefined || !isLink(stat)) return { path, stat };
      const target = Buffer.from(readlinkat(parent, basename(path))).toString();
      path = normalPath(target.startsWith("/") ? target : `${realPath(view, parent, dirname(path))}/${target}`);
    } finally {
      close(parent);
    }
  }
  return undefined;
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
