// One lock for each container, held across the short steps that change it; freed by the kernel when we die.

import { mkdirSync, statSync, unlinkSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { findProgram, spawn } from "../../base/spawn.ts";
import { fstat } from "../../kernel/files.ts";
import { lockFile, openLockFile } from "../../kernel/locks.ts";
import type { HeldLock } from "../../kernel/locks.ts";
import { noticeStart } from "../containers/observe.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "./state.ts";

/** Most are held for a moment only. */
const quickTries = 3;
const pauseMs = 25;

function tryLock(path: string): HeldLock | undefined {
  const held = lockFile(path, { exclusive: true, wait: false });
  return held && unlessGone(path, held);
}

/** Its last holder may have removed the file meanwhile. */
function unlessGone(path: string, held: HeldLock): HeldLock | undefined {
  const onDisk = statSync(path, { throwIfNoEntry: false });
  if (onDisk && BigInt(onDisk.ino) === fstat(held.fd).ino) return held;
  held.release();
  return undefined;
}

/**
 * The kernel serves those who wait in the order in which they came. flock(1) waits in our place, on a handle that it has in common with us: a call
 * of our own would hold up our other tasks, among which may be the holder. Should we die, it takes the lock for a moment and lets go.
 */
async function queueFor(path: string): Promise<HeldLock | undefined> {
  const program = findProgram("flock");
  if (program === undefined) return tryLater(path);
  const file = openLockFile(path);
  try {
    const status = await spawn([program, "-x", "3"], { stdio: ["ignore", "ignore", "ignore", file.fd] }).exited;
    if (status === 0) return unlessGone(path, file);
  } catch (thrown) {
    log.debug(`waiting for a lock in another way: ${(thrown as Error).message}`);
  }
  file.release();
  return tryLater(path);
}

async function tryLater(path: string): Promise<HeldLock | undefined> {
  await Bun.sleep(pauseMs);
  return tryLock(path);
}

/** Waits without blocking our own event loop, so two of our tasks cannot lock each other out. */
async function acquire(path: string): Promise<HeldLock> {
  for (let tries = 0; ; tries++) {
    const held = tries < quickTries ? tryLock(path) : await queueFor(path);
    if (held) return held;
    if (tries < quickTries) await Bun.sleep(1 + tries);
  }
}

/** Runs `act` while nobody else holds the lock file; for what whole machines share. Where it is free `act` begins before this returns. */
export async function withLockFile<T>(path: string, act: () => Promise<T>): Promise<T> {
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o755 });
  using _held = tryLock(path) ?? await acquire(path);
  return await act();
}

/** Runs `act` while nobody else of us changes the container. Not to be nested for one container. */
export async function locked<T>(host: Host, id: string, act: () => T | Promise<T>): Promise<T> {
  void host.state;
  using _held = await acquire(`${host.paths.locks}/${id}`);
  return await act();
}

/** Held until it is released, for longer work; `forgetLock` before that. */
export async function holdLock(host: Host, name: string): Promise<HeldLock> {
  void host.state;
  return acquire(`${host.paths.locks}/${name}`);
}

/** The same, or undefined at once when someone else is at it. */
export async function lockedIfFree<T>(host: Host, id: string, act: () => T | Promise<T>): Promise<T | undefined> {
  using held = lockIfFree(host, id);
  return held ? await act() : undefined;
}

/** Held until it is released; undefined when someone else is at it. */
export function lockIfFree(host: Host, id: string): HeldLock | undefined {
  void host.state;
  return tryLock(`${host.paths.locks}/${id}`);
}

/** For the holder of the lock, when the container is gone. */
export function forgetLock(host: Host, id: string): void {
  try {
    unlinkSync(`${host.paths.locks}/${id}`);
  } catch {
    // Another remover was first.
  }
}

/** The record as it is now; to be called with the lock held. @throws Fault "container.not-found" */
export function fresh(host: Host, id: string): ContainerRecord {
  const record = host.state.findById(id);
  if (!record) throw new Fault("container.not-found", `no container with name or ID "${id}" found: no such container`);
  const noticed = noticeStart(host, record);
  if (noticed !== record) host.state.saveState(id, noticed.state);
  return noticed;
}
