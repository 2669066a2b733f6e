// The files of a fork: what the original wrote, and its volumes, copied; the dump, shared.

import { cpSync, existsSync, linkSync, mkdirSync, readdirSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { needProgram, spawn } from "../../base/spawn.ts";
import type { Host } from "../host.ts";
import { takeOwner } from "../volumes/fill.ts";
import { getVolume } from "../volumes/volumes.ts";
import type { CheckpointFiles } from "./files.ts";

const complaintMax = 4096;

/** Blocks of zeros become holes: databases reserve many. */
async function copyTree(source: string, target: string, name: string): Promise<void> {
  const child = spawn([needProgram("cp", "coreutils"), "-a", "--reflink=auto", "--sparse=always", `${source}/.`, target], { stdio: ["ignore", "ignore", "pipe"] });
  const decoder = new TextDecoder();
  let complaint = "";
  for await (const chunk of child.stderr!) if (complaint.length < complaintMax) complaint += decoder.decode(chunk, { stream: true });
  if (await child.exited !== 0) throw new Fault("component.failed", `cannot copy the files of "${name}": ${complaint.trim()}`);
}

export interface CopiedFrom {
  readonly id: string;
  /** Its own of the original's volumes. */
  volumes(name: string): string;
}

export interface CopiedTo {
  readonly id: string;
  readonly name: string;
  /** The original's volumes with the copy's. */
  readonly volumes: ReadonlyMap<string, string>;
}

/** Files as they are this moment: of the original while it stands still, of the first copy before it starts. */
export async function copyFiles(host: Host, from: CopiedFrom, to: CopiedTo): Promise<void> {
  await copyTree(host.store.roots.upperPath(from.id), host.store.roots.upperPath(to.id), to.name);
  for (const [original, own] of to.volumes) {
    const [source, target] = [getVolume(host, from.volumes(original)).mountpoint, getVolume(host, own).mountpoint];
    await copyTree(source, target, own);
    takeOwner(source, target);
    host.state.saveVolume({ ...host.state.findVolume(own)!, needsCopyUp: false, needsChown: false });
  }
}

/** Criu only reads its images, so all copies have the same ones. */
export function linkDump(from: CheckpointFiles, to: CheckpointFiles): void {
  mkdirSync(to.images, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(from.images)) linkSync(`${from.images}/${name}`, `${to.images}/${name}`);
  if (existsSync(from.shm)) cpSync(from.shm, to.shm);
}
