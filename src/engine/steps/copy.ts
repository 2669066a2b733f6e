// Putting what a COPY, an ADD or `buildah copy` takes into a root, and the digest by which it is known again.
// Source: buildah-copy(1), buildah-add(1); Dockerfile reference, "COPY", "ADD".

import { hexOf, newHasher, type Hasher } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { closeQuietly, findStat, openDirectory } from "../../kernel/files.ts";
import { privilege } from "../../storage/privilege.ts";
import { toByteText, toPath, type ByteText, type TarEntry } from "../../storage/tar/entry.ts";
import type { TarHandler } from "../../storage/tar/reader.ts";
import { Unpacker } from "../../storage/tar/unpack.ts";
import { isArchive, readArchive } from "./copy-archive.ts";
import { cleanSource, findSources, isDirectoryStat, isFileStat, look, type Excluding, type SourceItem } from "./copy-source.ts";
import { CopyWalk, type WalkOptions } from "./copy-walk.ts";
import { makeDirectories } from "./make-directories.ts";

export interface CopyJob {
  /** The directory of the host that sources are looked up in; nothing leads out of it. */
  readonly tree: string;
  /** Relative to the tree; wildcards count. */
  readonly sources: readonly string[];
  /** Absolute in the root; a slash at the end means a directory. */
  readonly destination: string;
  readonly options?: WalkOptions;
  /** Archives of the host are unpacked. */
  readonly unpack?: boolean;
  /** Sources keep the directories they lie in; "/./" in a source says from where on. */
  readonly parents?: boolean;
  /** For messages: the file that the exclusions come from. */
  readonly ignoreFile?: string;
  /** Names for sources that are kept under another one: by the source as written. */
  readonly names?: ReadonlyMap<string, string>;
}

export interface Copied {
  /** "file:HEX", "dir:HEX" or "multi:HEX": the same for the same names, modes, owners and contents, whatever the times. */
  readonly summary: string;
  readonly entries: number;
  /** The latest time among the sources. */
  readonly newest: { readonly sec: number; readonly nsec: number };
  /** Names with what of each tells a change from outside (mode, size, time); of the first few thousand. */
  readonly listing: readonly (readonly [string, string])[];
}

/** What would be copied, read but put nowhere. @throws Fault "system.not-found" */
export async function summarizeCopy(job: CopyJob): Promise<Copied> {
  const items = findSources(job.tree, job.sources);
  const digest = new EntryDigest();
  const entries = await tell(job, items, { handler: digest, fileName: undefined });
  return { summary: digest.summary(items), entries, newest: newestOf(items), listing: digest.listing };
}

function newestOf(items: readonly SourceItem[]): Copied["newest"] {
  return items.map(({ stat }) => stat.mtime).reduce((a, b) => (b.sec > a.sec || (b.sec === a.sec && b.nsec > a.nsec) ? b : a), { sec: 0, nsec: 0 });
}

/**
 * @param root where a root is mounted
 * @throws Fault "system.not-found" for a source that is not there, "system.exists" for a destination that is no directory
 */
export async function copyIntoRoot(root: string, job: CopyJob): Promise<Copied> {
  const items = findSources(job.tree, job.sources);
  const rootFd = openDirectory(root);
  const place = new Placing(rootFd);
  const digest = new EntryDigest();
  try {
    const { directory, fileName } = await destinationOf(rootFd, items, job);
    makeDirectories(rootFd, directory, job.options?.owner ?? { uid: 0, gid: 0 });
    place.directory = toByteText(Buffer.from(cleanSource(directory)));
    // Known again by its own name, whatever it is called in the root.
    const seen = fileName === undefined ? digest : new Renaming(digest, toByteText(Buffer.from(nameFor(job, items[0]!, undefined))));
    const entries = await tell(job, items, { handler: new Both(seen, place), fileName });
    place.finish();
    return { summary: digest.summary(items), entries, newest: newestOf(items), listing: digest.listing };
  } finally {
    place.dispose();
    closeQuietly(rootFd);
  }
}

interface Destination {
  readonly directory: string;
  /** A single file gets this name. */
  readonly fileName: string | undefined;
}

async function destinationOf(rootFd: number, items: readonly SourceItem[], { tree, sources, destination, unpack, parents }: CopyJob): Promise<Destination> {
  const clean = cleanSource(destination);
  const [item] = items;
  const isOneFile = sources.length === 1 && items.length === 1 && isFileStat(item!.stat) && !(unpack && await isArchive(tree, item!.path));
  const mustBeDirectory = /(^|\/)\.?$/.test(destination) || sources.length > 1 || !isOneFile || clean === "" || parents === true;
  const found = look(rootFd, clean);
  if (found !== undefined && !isDirectoryStat(found)) {
    if (!mustBeDirectory) return split(clean);
    throw new Fault("system.exists", `destination ${destination} already exists but is not a directory`, { hint: "choose another destination" });
  }
  return found === undefined && !mustBeDirectory ? split(clean) : { directory: `/${clean}`, fileName: undefined };
}

function split(path: string): Destination {
  const slash = path.lastIndexOf("/");
  return { directory: `/${path.slice(0, Math.max(slash, 0))}`, fileName: path.slice(slash + 1) };
}

async function tell(job: CopyJob, items: readonly SourceItem[], to: { handler: TarHandler; fileName: string | undefined }): Promise<number> {
  const walk = new CopyWalk(job.tree, to.handler, job.options ?? {});
  let total = 0;
  try {
    const toldParents = new Set<string>();
    const before = new Map<string, number>();
    for (const item of items) {
      before.set(item.written, before.get(item.written) ?? 0);
      const start = walk.count;
      if (job.parents) tellParents(walk, item, toldParents);
      if (job.unpack && isFileStat(item.stat) && await isArchive(job.tree, item.path)) total += await readArchive(job, item, to.handler);
      else walk.item(item, nameFor(job, item, to.fileName));
      const isWhole = item.path === "" || (isDirectoryStat(item.stat) && !(job.options?.exclude?.excludes(item.path) ?? false));
      const isUnpacked = job.unpack === true && isFileStat(item.stat);
      before.set(item.written, before.get(item.written)! + walk.count - start + (isWhole || isUnpacked ? 1 : 0));
    }
    for (const [written, count] of before) if (count === 0) throw filteredOut(job, items, written);
    return total + walk.count;
  } finally {
    walk.close();
  }
}

function filteredOut({ ignoreFile }: CopyJob, items: readonly SourceItem[], written: string): Fault {
  const out = items.filter(item => item.written === written).length;
  const using = ignoreFile === undefined ? "" : ` using ${ignoreFile}`;
  return new Fault("system.not-found", `no items matching glob ${JSON.stringify(written)} copied (${out} filtered out${using}): no such file or directory`, {
    hint: "let it in again with a line that begins with ! in the ignore file",
  });
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

function nameFor({ names, parents }: CopyJob, { path, stat, written }: SourceItem, fileName: string | undefined): string {
  if (parents) return keptPart(path, written);
  if (isDirectoryStat(stat)) return "";
  return fileName ?? names?.get(written) ?? baseName(path);
}

/** With --parents: the path from where "/./" stands in the source, or all of it. */
function keptPart(path: string, written: string): string {
  const pivot = written.indexOf("/./");
  if (pivot < 0) return path;
  const depth = cleanSource(written.slice(0, pivot)).split("/").filter(Boolean).length;
  return path.split("/").slice(depth).join("/");
}

function tellParents(walk: CopyWalk, { path, written, stat }: SourceItem, told: Set<string>): void {
  const kept = keptPart(path, written).split("/").filter(Boolean);
  const skipped = path.split("/").filter(Boolean).length - kept.length;
  const all = path.split("/").filter(Boolean);
  const last = isDirectoryStat(stat) ? kept.length : kept.length - 1;
  for (let depth = 1; depth <= last; depth++) {
    const name = kept.slice(0, depth).join("/");
    if (told.has(name)) continue;
    told.add(name);
    walk.directory(all.slice(0, skipped + depth).join("/"), name);
  }
}

/** Into the root, below the destination. A directory there may be a link to one: it stays. */
class Placing implements TarHandler {
  readonly #rootFd: number;
  readonly #unpacker: Unpacker;
  #isSkipped = false;
  directory: ByteText = "";

  constructor(rootFd: number) {
    this.#rootFd = rootFd;
    this.#unpacker = new Unpacker({ rootFd, ...privilege(), whiteouts: "keep" });
  }

  entry(entry: TarEntry): void {
    const name = this.#below(entry.name);
    this.#isSkipped = (entry.kind === "directory" && this.#isLinkedDirectory(name)) || name === "";
    if (this.#isSkipped) return;
    this.#unpacker.entry({ ...entry, name, linkName: entry.kind === "hardlink" ? this.#below(entry.linkName) : entry.linkName });
  }

  data(bytes: Uint8Array, offset: number): void {
    if (!this.#isSkipped) this.#unpacker.data(bytes, offset);
  }

  done(): void {
    if (!this.#isSkipped) this.#unpacker.done();
  }

  finish(): void {
    this.#unpacker.finish();
  }

  dispose(): void {
    this.#unpacker.dispose();
  }

  #below(name: ByteText): ByteText {
    return this.directory === "" ? name : `${this.directory}/${name}`;
  }

  #isLinkedDirectory(name: ByteText): boolean {
    const stat = findStat(this.#rootFd, toPath(name));
    if (stat === undefined || (stat.mode & 0o170000) !== 0o120000) return false;
    const target = look(this.#rootFd, Buffer.from(name, "latin1").toString("utf8"));
    return target !== undefined && isDirectoryStat(target);
  }
}

class Both implements TarHandler {
  readonly #one: TarHandler;
  readonly #two: TarHandler;

  constructor(one: TarHandler, two: TarHandler) {
    this.#one = one;
    this.#two = two;
  }

  entry(entry: TarEntry): void {
    this.#one.entry(entry);
    this.#two.entry(entry);
  }

  data(bytes: Uint8Array, offset: number): void {
    this.#one.data(bytes, offset);
    this.#two.data(bytes, offset);
  }

  done(): void {
    this.#one.done();
    this.#two.done();
  }
}

/** A single file under another name. */
class Renaming implements TarHandler {
  readonly #to: TarHandler;
  readonly #name: ByteText;

  constructor(to: TarHandler, name: ByteText) {
    this.#to = to;
    this.#name = name;
  }

  entry(entry: TarEntry): void {
    this.#to.entry({ ...entry, name: this.#name });
  }

  data(bytes: Uint8Array, offset: number): void {
    this.#to.data(bytes, offset);
  }

  done(): void {
    this.#to.done();
  }
}

const listedMax = 5000;

/** Names, modes, owners and contents, in the order told; not the times, which a fresh checkout changes. */
class EntryDigest implements TarHandler {
  readonly #hasher: Hasher = newHasher();
  readonly listing: [string, string][] = [];

  entry({ name, kind, mode, uid, gid, size, mtime, linkName, device, xattrs }: TarEntry): void {
    if (this.listing.length < listedMax) {
      // A directory's own time changes with whatever is put beside.
      const seen = kind === "directory" ? `${mode}` : `${kind} ${mode} ${size} ${mtime.sec}.${mtime.nsec} ${linkName}`;
      this.listing.push([Buffer.from(name, "latin1").toString("utf8"), seen]);
    }
    const attributes = [...(xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${Buffer.from(value).toString("hex")}`);
    const fields = [name, kind, mode, uid, gid, kind === "file" ? size : 0, linkName, device.major, device.minor, ...attributes];
    this.#hasher.update(Buffer.from(`${JSON.stringify(fields)}\n`));
  }

  data(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  done(): void {}

  summary(items: readonly SourceItem[]): string {
    const kind = items.length !== 1 ? "multi" : isDirectoryStat(items[0]!.stat) ? "dir" : "file";
    return `${kind}:${hexOf(this.#hasher.digest())}`;
  }
}
