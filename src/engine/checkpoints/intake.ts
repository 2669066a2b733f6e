// Takes an archive of a checkpoint in: only members that belong there, each once, into a folder of ours.
// Nothing of it is used before all of it is here and has been looked at (validate.ts).

import { closeSync, mkdirSync, openSync, symlinkSync, writeSync } from "node:fs";
import { type Hasher, newHasher } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { inflate } from "../../storage/inflate.ts";
import { showName, type TarEntry } from "../../storage/tar/entry.ts";
import { type TarHandler, TarReader } from "../../storage/tar/reader.ts";
import { members } from "./archive.ts";

const refused = (name: string, reason: string): Fault =>
  new Fault("input.malformed", `cannot import the checkpoint: ${JSON.stringify(name)} ${reason}`, { hint: "do not trust this archive: it is none of podman's or ours, or it was changed" });

const single: ReadonlySet<string> = new Set([members.config, members.spec, members.own, members.digests, members.networkStatus, members.statistics,
  members.shm, members.log, members.rootfs, members.deleted, "artifacts", "io.kubernetes.cri-o.Annotations"]);
const folders: ReadonlySet<string> = new Set([members.volumes, members.images, members.preImages, "artifacts"]);
const imageName = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,200}$/;
const volumeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}\.tar$/;
const parentLink = "../pre-checkpoint";
const entriesMax = 100_000;

export interface Taken {
  readonly folder: string;
  readonly names: ReadonlySet<string>;
  readonly digests: ReadonlyMap<string, string>;
}

class Intake implements TarHandler {
  readonly names = new Set<string>();
  readonly digests = new Map<string, string>();
  readonly #folder: string;
  #file: { fd: number; name: string; hasher: Hasher; at: number } | undefined;
  #entries = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  entry(entry: TarEntry): void {
    const name = showName(entry.name).replace(/^\.\//, "").replace(/\/$/, "");
    if (++this.#entries > entriesMax) throw refused(name, "is one member too many");
    if (name === "" || name === ".") return;
    if (entry.kind === "directory") return this.#takeFolder(name);
    if (this.names.has(name)) throw refused(name, "is there twice");
    if (entry.kind === "symlink") return this.#takeLink(name, entry.linkName);
    if (entry.kind !== "file") throw refused(name, `is a ${entry.kind}, which no checkpoint has`);
    if (!isMember(name)) throw refused(name, "is no part of a checkpoint");
    this.names.add(name);
    const slash = name.indexOf("/");
    if (slash > 0) this.#takeFolder(name.slice(0, slash));
    this.#file = { fd: openSync(`${this.#folder}/${name}`, "wx", 0o600), name, hasher: newHasher(), at: 0 };
  }

  data(bytes: Uint8Array, offset: number): void {
    const file = this.#file!;
    // Holes are zeros; criu and our own archives have none.
    if (offset !== file.at) throw refused(file.name, "has holes");
    file.hasher.update(bytes);
    for (let at = 0; at < bytes.length; ) at += writeSync(file.fd, bytes, at);
    file.at += bytes.length;
  }

  done(): void {
    const file = this.#file;
    if (!file) return;
    closeSync(file.fd);
    this.digests.set(file.name, file.hasher.digest());
    this.#file = undefined;
  }

  dispose(): void {
    if (this.#file) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  #takeFolder(name: string): void {
    if (!folders.has(name)) throw refused(name, "is no folder of a checkpoint");
    mkdirSync(`${this.#folder}/${name}`, { recursive: true, mode: 0o700 });
  }

  #takeLink(name: string, target: string): void {
    if (name !== `${members.images}/parent` || target !== parentLink) throw refused(name, `is a link to ${JSON.stringify(target)}, which no checkpoint has`);
    this.names.add(name);
    this.#takeFolder(members.images);
    symlinkSync(parentLink, `${this.#folder}/${name}`);
  }
}

function isMember(name: string): boolean {
  const [first = "", second, ...more] = name.split("/");
  if (second === undefined) return single.has(first);
  if (more.length > 0) return false;
  return first === members.volumes ? volumeName.test(second) : (first === members.images || first === members.preImages) && imageName.test(second);
}

/** @param folder of ours, empty. @throws Fault "input.malformed", "layer.malformed" for what is no archive or is cut off */
export async function takeArchive(folder: string, pieces: AsyncIterable<Uint8Array>): Promise<Taken> {
  const intake = new Intake(folder);
  try {
    const reader = new TarReader(intake);
    await inflate(pieces, bytes => reader.push(bytes));
    reader.end();
    return { folder, names: intake.names, digests: intake.digests };
  } catch (thrown) {
    if (!(thrown instanceof Fault) || !thrown.code.startsWith("layer.") && thrown.code !== "image.unsupported") throw thrown;
    throw new Fault("input.malformed", `cannot import the checkpoint: ${thrown.message}`, { cause: thrown, hint: "fetch or make the archive again" });
  } finally {
    intake.dispose();
  }
}
