// Which Containerfiles a build reads, and the ignore file beside them.
// Source: podman-build(1), "--file", "--ignorefile"; containerignore(5).

import { readFileSync, statSync, type Stats } from "node:fs";
import { errnoOf, Fault, reasonOf } from "../../base/fault.ts";
import { findProgram, spawnSync } from "../../base/spawn.ts";
import { containerfileBytesMax } from "../../build/containerfile/lines.ts";
import { fetchToFile, type WebFileOptions } from "../../image/web-file.ts";
import { refuse } from "../container/written/refuse.ts";
import { warn } from "../warnings.ts";

export interface ReadContainerfile {
  readonly name: string;
  readonly text: string;
}

/** undefined where nothing is, and also where a part of the path is no directory. */
function find(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

const isFile = (path: string): boolean => find(path)?.isFile() ?? false;

/** @param written of --file; none means the usual names in the context */
export async function findContainerfiles(context: string, written: readonly string[], persona?: string): Promise<string[]> {
  if (written.length > 0) return written.map(name => findNamed(context, name));
  const found = ["Containerfile", "Dockerfile"].map(name => `${context}/${name}`).find(path => find(path) !== undefined);
  if (found !== undefined) {
    if (find(found)!.isDirectory()) throw refuse(`assumed Containerfile ${JSON.stringify(found)} is not a file`);
    return [found];
  }
  if (persona === "buildah") {
    throw new Fault("system.not-found", `cannot find Containerfile or Dockerfile in context directory: stat ${context}/Dockerfile: no such file or directory`, { hint: "name one with --file" });
  }
  throw new Fault("system.not-found", `no Containerfile or Dockerfile specified or found in context directory, ${context}: no such file or directory`, {
    hint: "name one with --file",
  });
}

function findNamed(context: string, name: string): string {
  if (name === "-" || /^https?:\/\//.test(name)) return name;
  const absolute = name.startsWith("/") ? name : `${process.cwd()}/${name}`;
  const path = [absolute, `${context}/${name}`].find(one => find(one) !== undefined);
  if (path === undefined) {
    refuseThrough(absolute, name);
    throw new Fault("system.not-found", `the specified Containerfile or Dockerfile does not exist, ${name}: no such file or directory`, { hint: "name it by its path from here or from the context" });
  }
  if (statSync(path).isDirectory()) throw refuse(`containerfile: ${JSON.stringify(name)} cannot be path to a directory`);
  return path;
}

/** Where a file stands in the place of a directory. */
function refuseThrough(path: string, name: string): void {
  try {
    statSync(path);
  } catch (cause) {
    if (errnoOf(cause) === "ENOTDIR") throw new Fault("system.not-found", `the specified Containerfile or Dockerfile does not exist, stat ${name}: not a directory`, { cause });
  }
}

export interface ReadHow {
  readonly context: string;
  readonly cppFlags: readonly string[];
  /** Ours, for what comes from the web. */
  readonly scratch: () => string;
  readonly web: WebFileOptions;
}

export async function readContainerfile(path: string, { context, cppFlags, scratch, web }: ReadHow): Promise<ReadContainerfile> {
  const bytes = path === "-" ? readStdin() : /^https?:/.test(path) ? await readWeb(path, scratch(), web) : readQuietly(path);
  if (bytes.length === 0) throw new Fault("containerfile.malformed", `no contents in ${JSON.stringify(path)}`);
  if (bytes.length > containerfileBytesMax) {
    throw new Fault("input.too-large", `cannot read "${path}": larger than ${containerfileBytesMax / 1024 / 1024} MiB`, { hint: "put large data into the context and use COPY" });
  }
  const text = path.endsWith(".in") ? preprocessed(bytes, { path, context, cppFlags }) : new TextDecoder().decode(bytes);
  return { name: path, text };
}

async function readWeb(address: string, scratch: string, web: WebFileOptions): Promise<Uint8Array> {
  const file = `${scratch}/Containerfile`;
  await fetchToFile(address, file, { ...web, bytesMax: containerfileBytesMax });
  return readFileSync(file);
}

const readStdin = (): Uint8Array => readFileSync(0);

function readQuietly(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Fault("system.not-found", `cannot read "${path}": ${reasonOf(cause)}`, { cause });
  }
}

function preprocessed(bytes: Uint8Array, { path, context, cppFlags }: { path: string; context: string; cppFlags: readonly string[] }): string {
  const cpp = findProgram("cpp");
  if (cpp === undefined) throw new Fault("component.missing", `exec: "cpp": executable file not found in $PATH: .in support requires cpp to be installed`, { hint: "install it with: apt-get install cpp" });
  const own = (process.env["BUILDAH_CPPFLAGS"] ?? "").split(/\s+/).filter(Boolean);
  const done = spawnSync([cpp, "-E", "-iquote", context, "-traditional", "-undef", "-", ...own, ...cppFlags], { stdin: bytes });
  if (done.status !== 0 && done.stdout.length === 0) throw new Fault("component.failed", `preprocessing ${path}: preprocessor produced no output: ${done.complaint()}`);
  if (done.status !== 0) warn(`Ignoring ${done.complaint()}`);
  return done.text();
}

export interface ReadIgnore {
  readonly path: string | undefined;
  readonly text: string;
}

/** @param files the Containerfiles' paths */
export function readIgnoreFile(context: string, given: string | undefined, files: readonly string[]): ReadIgnore {
  if (given !== undefined) return { path: given, text: new TextDecoder().decode(readQuietly(given)) };
  const beside = files.length === 1 ? [`${files[0]}.containerignore`, `${files[0]}.dockerignore`] : [];
  const path = [...beside, `${context}/.containerignore`, `${context}/.dockerignore`].find(isFile);
  return path === undefined ? { path, text: "" } : { path, text: new TextDecoder().decode(readQuietly(path)) };
}
