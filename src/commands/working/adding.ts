// add, copy: files of the host, of the web, of other containers and of images, put into a working container.
// Source: buildah-add(1), buildah-copy(1).

import { realpathSync } from "node:fs";

import { digestOf, hexOf } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { scratch as newScratch } from "../../base/scratch.ts";
import { ignorePatterns, ignoreRules } from "../../build/ignore.ts";
import { isGitSource } from "../../build/git-source.ts";
import { bringSource } from "../../build/remote.ts";
import type { Host } from "../../engine/host.ts";
import { copyIntoRoot, type CopyJob } from "../../engine/steps/copy.ts";
import { readModeChange } from "../../engine/steps/mode-change.ts";
import { copyOwner } from "../../engine/steps/tree.ts";
import { withWorkingRoot } from "../../engine/working/mount.ts";
import type { WorkingContainer } from "../../engine/working/records.ts";
import { isWebAddress } from "../../registry/download.ts";
import { readIgnoreFile } from "../build/containerfiles.ts";
import { refuse } from "../container/written/refuse.ts";

export interface Adding {
  readonly sources: readonly string[];
  /** As written; "" is the working directory. */
  readonly destination: string;
  /** Archives of the host are unpacked. */
  readonly unpack: boolean;
  readonly parents?: boolean;
  readonly chown?: string;
  readonly chmod?: string;
  readonly checksum?: string;
  readonly excludes?: readonly string[];
  /** A directory of the host that relative sources are below; absent: the current one, and absolute sources anywhere. */
  readonly contextDirectory?: string;
  readonly ignoreFile?: string;
  /** Where sources lie, instead of the host: a mounted root. Owners stay as they are there. */
  readonly from?: string;
  /** Seconds since 1970 that the new files get. */
  readonly seconds?: number;
  /** A directory of the host that gets it in place of the container's root. */
  readonly into?: string;
  readonly web: Parameters<typeof bringSource>[2]["web"];
}

/** What history calls it: "file:HEX", "dir:HEX", "multi:HEX". @throws Fault "system.not-found" for a source that is not there */
export async function addInto(host: Host, record: WorkingContainer, adding: Adding): Promise<string> {
  const isRemote = (source: string): boolean => isWebAddress(source) || isGitSource(source);
  const remote = adding.sources.filter(isRemote);
  const local = adding.sources.filter(source => !isRemote(source));
  if (adding.sources.some(source => source === "")) throw refuse("empty source location");
  if (adding.checksum !== undefined && local.length > 0) throw refuse("checksum flag is not supported for local sources");
  const scratch = remote.length > 0 ? newScratch("/var/tmp") : undefined;
  try {
    return await withWorkingRoot(host, record.id, async root => {
      const target = adding.into ?? root;
      const aim = { destination: destinationOf(record, adding), options: optionsOf(root, adding) };
      const found: string[] = [];
      if (local.length > 0) found.push((await copyIntoRoot(target, localJob(adding, local, aim))).summary);
      for (const source of remote) found.push((await copyIntoRoot(target, await remoteJob(adding, source, { ...aim, scratch: scratch!.path }))).summary);
      return found.length === 1 ? found[0]! : `multi:${hexOf(digestOf(Buffer.from(found.join("\n"))))}`;
    });
  } finally {
    scratch?.remove();
  }
}

interface Aim {
  readonly destination: string;
  readonly options: NonNullable<CopyJob["options"]>;
}

function destinationOf({ config }: WorkingContainer, { destination, sources }: Adding): string {
  const workdir = config.config?.WorkingDir || "/";
  const whole = destination.startsWith("/") ? destination : `/${workdir}/${destination}`.replace(/\/+/g, "/");
  const isWorkdir = whole.replace(/\/+$/, "") === workdir.replace(/\/+$/, "");
  const mustBeDirectory = destination === "" || sources.length > 1 || isWorkdir;
  return mustBeDirectory && !whole.endsWith("/") ? `${whole}/` : whole;
}

function optionsOf(root: string, { chown, chmod, from, seconds }: Adding): Aim["options"] {
  const owner = chown === undefined ? (from === undefined ? { uid: 0, gid: 0 } : undefined) : ownerNamed(root, chown);
  return {
    ...(owner ? { owner } : {}),
    ...(chmod === undefined ? {} : { mode: readModeChange(chmod) }),
    ...(seconds === undefined ? {} : { mtime: { sec: seconds, nsec: 0 } }),
  };
}

function ownerNamed(root: string, written: string): { uid: number; gid: number } {
  try {
    return copyOwner(root, written);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new Fault(thrown.code, `looking up UID/GID for ${JSON.stringify(written)}: ${thrown.message}`, { cause: thrown });
  }
}

function localJob(adding: Adding, sources: readonly string[], { destination, options }: Aim): CopyJob {
  const context = adding.contextDirectory === undefined ? undefined : realPath(adding.contextDirectory);
  const tree = adding.from === undefined ? context ?? "/" : joined(adding.from, adding.contextDirectory ?? "");
  const here = adding.from === undefined && context === undefined;
  const patterns = patternsOf(adding, tree);
  const rules = patterns.length > 0 ? ignoreRules(patterns) : undefined;
  return {
    tree,
    sources: sources.map(source => (here && !source.startsWith("/") ? `${process.cwd()}/${source}` : belowTree(source, adding, tree))),
    destination,
    options: { ...options, ...(rules ? { exclude: rules } : {}) },
    unpack: adding.unpack,
    parents: adding.parents ?? false,
    ...(adding.ignoreFile ? { ignoreFile: adding.ignoreFile } : {}),
  };
}

const joined = (root: string, inside: string): string => `${root}/${inside}`.replace(/\/+/g, "/").replace(/(.)\/$/, "$1");

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    throw new Fault("system.not-found", `checking on sources under ${JSON.stringify(path)}: no such file or directory`, { cause });
  }
}

/** An absolute source may begin with the context's own path. */
function belowTree(source: string, { contextDirectory, from }: Adding, tree: string): string {
  if (from !== undefined || contextDirectory === undefined || !source.startsWith("/")) return source;
  for (const base of [joined("", contextDirectory.startsWith("/") ? contextDirectory : `${process.cwd()}/${contextDirectory}`), tree]) {
    if (source === base) return ".";
    if (source.startsWith(`${base}/`)) return source.slice(base.length + 1);
  }
  return source;
}

function patternsOf({ ignoreFile, excludes = [], contextDirectory, from }: Adding, tree: string): string[] {
  const hasFile = contextDirectory !== undefined && from === undefined;
  const ignored = hasFile ? ignorePatterns(readIgnoreFile(tree, ignoreFile, []).text) : [];
  return [...ignored, ...ignorePatterns(excludes.join("\n"))];
}

async function remoteJob(adding: Adding, source: string, { destination, options, scratch }: Aim & { scratch: string }): Promise<CopyJob> {
  const flags = { link: false, parents: false, excludes: [], keepGitDir: false, ...(adding.checksum === undefined ? {} : { checksum: adding.checksum }) };
  const found = await bringSource(source, flags, { scratch, web: adding.web });
  return { tree: found.directory, sources: [found.source], destination, unpack: found.unpack, options };
}

