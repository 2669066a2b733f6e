// A container with label=learn:NAME: a process of ours watches it for one run, and writes the least rights that it needs.
// Here is the side of those who start such a container and wait for what was learned; the watcher is learner.ts.

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { LearnSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { spawn } from "../../base/spawn.ts";
import { closeQuietly, pipe2, readInto } from "../../kernel/files.ts";
import { lockFile } from "../../kernel/locks.ts";
import { waitReadable } from "../../kernel/poll.ts";
import { systemCallNames } from "../../kernel/seccomp-notify.ts";
import type { OciConfig } from "../../runtime/oci.ts";
import { isSelinuxEnabled } from "../../security/labels.ts";
import { optionsFor, placesOf, readLearned, type Learned } from "../../security/learn/learned.ts";
import { watchingProfile } from "../../security/learn/watching-profile.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { selfCommand } from "./launch.ts";

export const learnDirectory = (host: Host, id: string): string => `${host.paths.runDir(id)}/learn`;
/** What would hold without watching, for the watcher: {"seccomp": …, "capabilities": […]}. */
export const learnBase = (host: Host, id: string): string => `${learnDirectory(host, id)}/base.json`;

/** Outside of the container's own directory, which --rm takes away before the watcher is done. */
function lockPath(host: Host, id: string): string {
  const directory = `${host.paths.runroot}/learning`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return `${directory}/${id}`;
}

/** A runtime that cannot connect hangs, as runc does with a path that no socket can have. */
const socketPathMax = 107;

/** @throws Fault "usage.unsupported" where the store's directories have long names */
export function learnSocket(host: Host, id: string): string {
  const path = `${lockPath(host, id).slice(0, -48)}.socket`;
  if (Buffer.byteLength(path) <= socketPathMax) return path;
  throw new Fault("usage.unsupported", `cannot learn with a --runroot of so long a name: the socket ${path} would be longer than ${socketPathMax} bytes`);
}

/** Held by the watcher for its life. */
export const holdLearning = (host: Host, id: string) => lockFile(lockPath(host, id), { exclusive: true, wait: true });

/** Loading a policy takes its time on a small machine. */
const readyMsMax = 300_000;

/** Starts the watcher, and returns when it listens. @throws Fault with what it says */
export function startLearner(host: Host, { id, spec }: ContainerRecord): void {
  if (!spec.security?.learn) return;
  mkdirSync(learnDirectory(host, id), { recursive: true, mode: 0o700 });
  const [ours, theirs] = pipe2();
  try {
    spawn(selfCommand(host, "container", "learn", id), { stdio: ["ignore", "ignore", "ignore", theirs], detached: true, cwd: "/" }).unref();
    closeQuietly(theirs);
    const said = waitReadable(ours, readyMsMax) ? textOf(ours) : "it did not begin in time";
    if (said !== "ready") throw new Fault("component.failed", `cannot learn from container ${id}: ${said || "its watcher ended"}`);
  } finally {
    closeQuietly(ours);
  }
}

function textOf(fd: number): string {
  const bytes = new Uint8Array(4096);
  return Buffer.from(bytes.subarray(0, readInto(fd, bytes))).toString().trim();
}

/** The configuration with a filter that tells the watcher of every call; as it was for other containers. */
export function withWatching(host: Host, { id, spec }: ContainerRecord, config: OciConfig): OciConfig {
  if (!spec.security?.learn) return config;
  const { seccomp } = config.linux;
  writeFileSync(learnBase(host, id), JSON.stringify({ seccomp: seccomp ?? null, capabilities: config.process.capabilities?.["bounding"] ?? [] }), { mode: 0o600 });
  return { ...config, linux: { ...config.linux, seccomp: watchingProfile({ base: seccomp, socket: learnSocket(host, id), known: systemCallNames() }) } };
}

export interface Lesson {
  readonly learned: Learned;
  /** By which a container is confined to it. */
  readonly options: readonly string[];
}

/** Waits for the watcher's end, and answers all that is known now. */
export async function learnt(host: Host, id: string, { name, directory }: LearnSpec): Promise<Lesson> {
  const path = lockPath(host, id);
  for (;;) {
    const held = lockFile(path, { exclusive: true, wait: false });
    if (held) {
      rmSync(path, { force: true });
      held.release();
      break;
    }
    await Bun.sleep(10);
  }
  const places = placesOf(directory, name);
  const failed = `${places.notes}.failed`;
  if (existsSync(failed)) {
    const why = await Bun.file(failed).text();
    rmSync(failed, { force: true });
    throw new Fault("component.failed", `cannot learn from container ${id}: ${why}`);
  }
  const learned = readLearned(places.notes);
  return { learned, options: optionsFor(learned, { name, directory, hasPolicy: isSelinuxEnabled() }) };
}
