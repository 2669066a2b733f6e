// --mount of buildah's run: what is written to a bind is thrown away, caches outlive the run, and images can be sources.
// Source: buildah-run(1), "--mount".

import { copyFileSync, mkdirSync, statSync } from "node:fs";
import type { MountSpec } from "../../base/container-spec.ts";
import { digestOf, hexOf } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { scratch as newScratch, type Scratch } from "../../base/scratch.ts";
import { readCsv } from "../../cli/flag.ts";
import type { Host } from "../../engine/host.ts";
import { findWorking } from "../../engine/working/records.ts";
import { mountWorking } from "../../engine/working/mount.ts";
import { readMount } from "../container/written/mount-option.ts";
import { cut, refuse } from "../container/written/refuse.ts";
import { absolute, checkTarget } from "../container/written/volumes.ts";

export interface RunMounts extends Disposable {
  readonly mounts: readonly MountSpec[];
}

export async function readRunMounts(host: Host, written: readonly string[], contextDirectory: string | undefined): Promise<RunMounts> {
  const scratch: Scratch[] = [];
  const mounts: MountSpec[] = [];
  for (const line of written) mounts.push(await readOne(host, line, { contextDirectory, scratch }));
  return {
    mounts,
    [Symbol.dispose]() {
      for (const directory of scratch) directory.remove();
    },
  };
}

interface Place {
  readonly contextDirectory: string | undefined;
  readonly scratch: Scratch[];
}

async function readOne(host: Host, line: string, place: Place): Promise<MountSpec> {
  const words = new Map(readCsv(line).map(word => cut(word)));
  const type = words.get("type") ?? "bind";
  if (type === "cache") return cache(host, words);
  if (type !== "bind") return readMount(line);
  return bind(host, words, place);
}

const option = (words: ReadonlyMap<string, string | undefined>, ...names: string[]): string | undefined =>
  names.map(name => words.get(name)).find(value => value !== undefined);

const known = new Set([
  "type", "src", "source", "dst", "destination", "target", "from", "ro", "readonly", "rw", "readwrite", "z", "Z", "U", "bind-propagation",
  "id", "sharing", "mode", "uid", "gid", "private", "rprivate", "shared", "rshared", "slave", "rslave", "bind", "rbind", "nosuid", "nodev", "noexec",
]);

function checkWords(words: ReadonlyMap<string, string | undefined>): string {
  for (const name of words.keys()) if (!known.has(name)) throw refuse(`${name}: invalid mount option`);
  const target = option(words, "dst", "destination", "target");
  if (target === undefined) throw refuse("must set volume destination");
  return checkTarget(target);
}

function isTrue(words: ReadonlyMap<string, string | undefined>, ...names: string[]): boolean {
  return names.some(name => words.has(name) && words.get(name)?.toLowerCase() !== "false");
}

async function bind(host: Host, words: ReadonlyMap<string, string | undefined>, { contextDirectory, scratch }: Place): Promise<MountSpec> {
  const target = checkWords(words);
  const from = words.get("from");
  const written = option(words, "src", "source") ?? "";
  if (from !== undefined) return fromOther(host, { from, inside: written, target });
  if (written === "" && contextDirectory === undefined) throw refuse("must set source for bind mount");
  const source = contextDirectory === undefined ? absolute(written) : inContext(contextDirectory, written);
  const stat = statSync(source, { throwIfNoEntry: false });
  if (stat === undefined) throw new Fault("system.not-found", `checking host path ${JSON.stringify(source)}: stat ${source}: no such file or directory`);
  const plain = { kind: "bind" as const, target, options: ["rprivate"] };
  if (!isTrue(words, "rw", "readwrite")) return { ...plain, source, readOnly: true };
  if (stat.isDirectory()) return { ...plain, source, overlay: true };
  // Overlay takes directories only: a file's copy is what may be written to.
  const aside = newScratch("/var/tmp");
  scratch.push(aside);
  copyFileSync(source, `${aside.path}/file`);
  return { ...plain, source: `${aside.path}/file` };
}

/** Below the context, however it is written. */
function inContext(contextDirectory: string, written: string): string {
  return `${absolute(contextDirectory)}${absolute(`/${written}`)}`.replace(/(.)\/$/, "$1");
}

async function fromOther(host: Host, { from, inside, target }: { from: string; inside: string; target: string }): Promise<MountSpec> {
  const subpath = absolute(`/${inside}`);
  const record = findWorking(host, from);
  if (record !== undefined) return { kind: "bind", source: `${await mountWorking(host, record)}${subpath === "/" ? "" : subpath}`, target, options: ["rprivate"], readOnly: true };
  return { kind: "image", source: from, target, options: [], readOnly: true, ...(subpath === "/" ? {} : { subpath }) };
}

/** One directory for each ID, which later runs find again. */
function cache(host: Host, words: ReadonlyMap<string, string | undefined>): MountSpec {
  const target = checkWords(words);
  const id = words.get("id") ?? target;
  const mode = Number.parseInt(words.get("mode") ?? "755", 8);
  const base = `${host.paths.root}/caches/${hexOf(digestOf(id)).slice(0, 32)}`;
  const inside = absolute(`/${option(words, "src", "source") ?? ""}`);
  const source = `${base}${inside === "/" ? "" : inside}`;
  mkdirSync(source, { recursive: true, mode: Number.isNaN(mode) ? 0o755 : mode });
  return { kind: "bind", source, target, options: ["rprivate"], ...(isTrue(words, "ro", "readonly") ? { readOnly: true } : {}) };
}
