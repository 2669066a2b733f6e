// cp: files and directories between containers and the host, or as a tar stream.
// Source: podman-cp(1).

import { Fault } from "../../base/fault.ts";
import { outsideId } from "../../base/id-mapping.ts";
import { close } from "../../kernel/files.ts";
import { getegid, geteuid } from "../../kernel/users.ts";
import { mapsOfSpec } from "../users/start.ts";
import { identityOf } from "../../runtime/identity.ts";
import { inflate } from "../../storage/inflate.ts";
import { toByteText } from "../../storage/tar/entry.ts";
import { TarReader } from "../../storage/tar/reader.ts";
import { tarOfNode, tarOfTree } from "../../storage/tar/tree.ts";
import type { Host } from "../host.ts";
import { CopySink } from "./copy-sink.ts";
import { basename, containerView, dirname, type Found, hostView, isDirectory, lookUp, openInView, type View } from "./copy-view.ts";
import { find } from "./lookup.ts";

/** One end of a copy, as written. */
export interface CopyEnd {
  /** Name or ID; absent: the host. */
  readonly container?: string;
  readonly path: string;
}

export interface CopyOptions {
  /** Files that come into a container become its user's. Default true. */
  readonly chown?: boolean;
  readonly overwrite?: boolean;
}

/** @throws Fault "container.not-found", "system.not-found", "system.exists" */
export async function copy(host: Host, from: CopyEnd, to: CopyEnd, options: CopyOptions = {}): Promise<void> {
  await using source = await viewOf(host, from);
  const found = needSource(source, from);
  await using target = await viewOf(host, to);
  const place = destination(target, to);
  if (isDirectory(found.stat) && !place.isDirectory) throw refused("destination must be a directory when copying a directory");
  const isNew = place.name !== undefined;
  const renames = isNew && (place.isParent || !isDirectory(found.stat));
  const as = renames ? place.name! : isContents(from.path) ? undefined : basename(found.path) || undefined;
  put(target, { place, options, chunks: archiveOf(source, found, as) });
}

/** A tar archive, packed or not, unpacked into a directory of the container. */
export async function copyFromArchive(host: Host, archive: AsyncIterable<Uint8Array>, to: CopyEnd, options: CopyOptions = {}): Promise<void> {
  await using target = await viewOf(host, to);
  const notDirectory = refused("destination must be a directory when copying from stdin");
  const found = lookUp(target, to.path);
  if (found?.stat === undefined && to.path.endsWith("/")) throw notFound(to);
  if (found?.stat === undefined || !isDirectory(found.stat)) throw notDirectory;
  const sink = openSink(target, { directory: found.path, name: undefined, isDirectory: true, isParent: false }, options);
  try {
    const reader = new TarReader(sink.handler);
    await inflate(archive, bytes => reader.push(bytes));
    reader.end();
    if (sink.handler.count === 0) throw noArchive();
    sink.handler.finish();
  } catch (thrown) {
    const isNone = sink.handler.count === 0 && thrown instanceof Fault && /^(layer\.malformed|image\.unsupported)$/.test(thrown.code);
    throw isNone ? noArchive(thrown) : inTarget(target, thrown);
  } finally {
    sink.close();
  }
}

/** What is in the container as a tar archive. */
export async function copyToArchive(host: Host, from: CopyEnd, write: (chunk: Uint8Array) => void): Promise<void> {
  await using source = await viewOf(host, from);
  const found = needSource(source, from);
  const as = isContents(from.path) ? undefined : basename(found.path) || undefined;
  for (const chunk of archiveOf(source, found, as)) write(chunk);
}

const refused = (message: string): Fault => new Fault("usage.invalid", message);

const noArchive = (cause?: unknown): Fault =>
  new Fault("input.malformed", "source must be a (compressed) tar archive when copying from stdin", { cause });

function notFound({ container, path }: CopyEnd): Fault {
  const where = container === undefined ? "the host" : `container ${container}`;
  return new Fault("system.not-found", `${JSON.stringify(path)} could not be found on ${where}: no such file or directory`);
}

async function viewOf(host: Host, { container, path }: CopyEnd): Promise<View> {
  if (container === undefined) return hostView();
  const record = find(host, container);
  if (!record) throw new Fault("container.not-found", `container ${JSON.stringify(container)} does not exist`);
  return containerView(host, record.id, path);
}

function needSource(view: View, end: CopyEnd): Found {
  const found = lookUp(view, end.path);
  if (found?.stat === undefined || (end.path.endsWith("/") && !isDirectory(found.stat))) throw notFound(end);
  return found;
}

/** "DIR/." and "/" stand for what is in the directory. */
const isContents = (path: string): boolean => path === "." || path.endsWith("/.") || /^\/+$/.test(path);

interface Destination {
  /** The directory that things are put into. */
  readonly directory: string;
  /** The name they get in it; undefined: their own. */
  readonly name: string | undefined;
  readonly isDirectory: boolean;
  /** Nothing was there: the directory is the one above. */
  readonly isParent: boolean;
}

function destination(view: View, end: CopyEnd): Destination {
  const found = lookUp(view, end.path);
  if (found?.stat !== undefined) {
    if (isDirectory(found.stat)) return { directory: found.path, name: undefined, isDirectory: true, isParent: false };
    if (end.path.endsWith("/")) throw notFound(end);
    checkFile(view, found, end);
    return { directory: dirname(found.path), name: basename(found.path), isDirectory: false, isParent: false };
  }
  if (found === undefined || end.path.endsWith("/")) throw notFound(end);
  const parent = openInView(view, dirname(found.path));
  if (parent === undefined) throw notFound(end);
  close(parent);
  return { directory: dirname(found.path), name: basename(found.path), isDirectory: true, isParent: true };
}

function checkFile(view: View, { stat }: Found, { path }: CopyEnd): void {
  const isFile = (stat!.mode & 0o170000) === 0o100000;
  if (view.record || isFile) return;
  throw refused(`invalid destination: ${JSON.stringify(path)} must be a directory or a regular file`);
}

/** @param as the name of the topmost entry; undefined: the entries of the directory without it */
function* archiveOf(view: View, { path, stat }: Found, as: string | undefined): Generator<Uint8Array> {
  const name = as === undefined ? undefined : toByteText(Buffer.from(as));
  const fd = openInView(view, isDirectory(stat) ? path : dirname(path));
  if (fd === undefined) throw new Fault("system.not-found", `cannot copy "${path}": no such file or directory`);
  try {
    if (!isDirectory(stat)) {
      const own = toByteText(Buffer.from(basename(path)));
      yield* tarOfNode(fd, own, name ?? own);
      return;
    }
    const leaveOut = view.record && path === "/" ? { leaveOut: new Set(["dev", "proc", "sys"]) } : {};
    yield* tarOfTree(`/proc/self/fd/${fd}`, { ...(name === undefined ? {} : { prefix: name, withRoot: true }), ...leaveOut });
  } finally {
    close(fd);
  }
}

function openSink(view: View, { directory }: Destination, options: CopyOptions): { handler: CopySink; close(): void } {
  const fd = openInView(view, directory);
  if (fd === undefined) throw new Fault("system.not-found", `cannot copy to "${directory}": no such file or directory`);
  const owner = ownerFor(view, options.chown ?? true);
  const maps = view.record && mapsOfSpec(view.record.spec);
  const handler = new CopySink({
    directory: fd,
    shown: view.record ? directory : "/",
    ...(owner ? { owner } : {}),
    ...(maps ? { maps } : {}),
    overwrite: options.overwrite ?? false,
    noDevices: view.record === undefined,
  });
  return {
    handler,
    close() {
      handler.dispose();
      close(fd);
    },
  };
}

function ownerFor({ record, rootFd }: View, chown: boolean): { uid: number; gid: number } | undefined {
  if (record === undefined) return { uid: geteuid(), gid: getegid() };
  if (!chown) return undefined;
  const { uid, gid } = identityOf(`/proc/self/fd/${rootFd}`, record.spec.user);
  const maps = mapsOfSpec(record.spec);
  return maps ? { uid: outsideId(uid, maps.uid) ?? uid, gid: outsideId(gid, maps.gid) ?? gid } : { uid, gid };
}

/** Archived and unpacked piece by piece, with nothing in between. */
function put(target: View, { place, options, chunks }: { place: Destination; options: CopyOptions; chunks: Iterable<Uint8Array> }): void {
  const sink = openSink(target, place, options);
  try {
    const reader = new TarReader(sink.handler);
    for (const chunk of chunks) reader.push(chunk);
    reader.end();
    sink.handler.finish();
  } catch (thrown) {
    throw inTarget(target, thrown);
  } finally {
    sink.close();
  }
}

function inTarget(target: View, thrown: unknown): unknown {
  if (!(thrown instanceof Fault)) return thrown;
  const { code, message, hint, errno } = thrown;
  const where = target.record ? "container" : "host";
  return new Fault(code, `copying to ${where}: ${message}`, { cause: thrown, ...(hint ? { hint } : {}), ...(errno ? { errno } : {}) });
}
