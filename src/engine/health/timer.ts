// The timer: one process for a store that runs health checks when they are due, and ends when no container needs it.
// It holds a lock while it lives. Who starts a container first writes that down, then pokes the timer, then looks whether
// the lock is free; the timer frees the lock before it looks a last time. So none is ever missed.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { log } from "../../base/log.ts";
import { spawn } from "../../base/spawn.ts";
import { lockFile } from "../../kernel/locks.ts";
import { selfCommand } from "../containers/launch.ts";
import { nextEntry } from "../exits.ts";
import type { Host } from "../host.ts";
import { dueMs } from "./schedule.ts";
import { hasHealthcheck } from "./settings.ts";
import type { ContainerRecord } from "../state/state.ts";

const directoryOf = (host: Host): string => `${host.paths.runroot}/timer`;
const lockOf = (host: Host): string => `${directoryOf(host)}/lock`;

/** Tells a living timer to look again; never fails. */
export function pokeTimer(host: Host): void {
  try {
    mkdirSync(directoryOf(host), { recursive: true, mode: 0o700 });
    writeFileSync(`${directoryOf(host)}/poke-${process.pid}`, "", { mode: 0o600 });
  } catch (thrown) {
    log.warn(`cannot reach the health timer: ${(thrown as Error).message}`);
  }
}

/** For a container that was just started: a timer runs from now on. */
export function needTimer(host: Host, record: ContainerRecord): void {
  if (!hasHealthcheck(record.spec) || dueMs(record) === undefined) return;
  pokeTimer(host);
  const held = lockFile(lockOf(host), { exclusive: true, wait: false });
  if (!held) return;
  held.release();
  spawn(selfCommand(host, "system", "health-timer"), { stdio: ["ignore", "ignore", "ignore"], detached: true, cwd: "/" }).unref();
}

/** Long enough to do nothing while nothing is due, short enough to notice what nobody poked about. */
const sleepMsMax = 60_000;

/** The timer's own life; returns when it is not needed. */
export async function runTimer(host: Host): Promise<void> {
  mkdirSync(directoryOf(host), { recursive: true, mode: 0o700 });
  for (;;) {
    const held = lockFile(lockOf(host), { exclusive: true, wait: false });
    if (!held) return;
    try {
      await watch(host);
    } finally {
      held.release();
    }
    if (timed(host).length === 0) return;
  }
}

interface Due {
  readonly id: string;
  readonly atMs: number;
}

const timed = (host: Host): Due[] => host.state.withHealthcheck().flatMap(record => {
  const atMs = dueMs(record);
  return atMs === undefined ? [] : [{ id: record.id, atMs }];
});

async function watch(host: Host): Promise<void> {
  const running = new Map<string, Promise<void>>();
  for (;;) {
    const poked = nextEntry(directoryOf(host));
    sweepPokes(host);
    const due = timed(host);
    if (due.length === 0 && running.size === 0) return;
    const now = Date.now();
    for (const { id, atMs } of due) {
      if (atMs > now || running.has(id)) continue;
      running.set(id, check(host, id).finally(() => running.delete(id)));
    }
    const next = Math.min(...due.filter(({ id }) => !running.has(id)).map(({ atMs }) => atMs), now + sleepMsMax);
    await Promise.race([poked, Bun.sleep(Math.max(next - Date.now(), 5)), ...running.values()]);
  }
}

/** In a process of its own: what a check may do, such as a restart, cannot harm the timer. */
async function check(host: Host, id: string): Promise<void> {
  const child = spawn(selfCommand(host, "healthcheck", "run", id), { stdio: ["ignore", "ignore", "ignore"], cwd: "/" });
  await child.exited;
  // Where it could not even run, the time of the next one has not moved.
  await Bun.sleep(20);
}

function sweepPokes(host: Host): void {
  const directory = directoryOf(host);
  for (const name of readdirSync(directory)) if (name.startsWith("poke-")) rmSync(`${directory}/${name}`, { force: true });
}
