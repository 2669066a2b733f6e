// One lock for each container, held across the short steps that change it; freed by the kernel when we die.

import { mkdirSync, statSync, unlinkSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { fstat } from "../../kernel/files.ts";
import { lockFile } from "../../kernel/locks.ts";
import type { HeldLock } from "../../kernel/locks.ts";
import { noticeStart } from "../containers/observe.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "./state.ts";

const pauseMsMax = 25;

function tryLock(path: string): HeldLock | undefined {
  const held = lockFile(path, { exclusive: true, wait: false });
  if (!held) return undefined;
  const onDisk = statSync(path, { throwIfNoEntry: false });
  if (onDisk && BigInt(onDisk.ino) === fstat(held.fd).ino) return held;
  held.release();
  return undefined;
}

/** Waits without blocking our own event loop, so two of our tasks cannot lock each other out. */
async function acquire(path: string): Promise<HeldLock> {
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    const held = tryLock(path);
    if (held) return held;
    await Bun.sleep(pauseMs);
  }
}

/** Runs `act` while nobody else holds the lock file; for what whole machines share. */
export async function withLockFile<T>(path: string, act: () => Promise<T>): Promise<T> {
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o755 });
  using _held = await acquire(path);
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
  void host.state;
  using held = tryLock(`${host.paths.locks}/${id}`);
  return held ? await act() : undefined;
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
