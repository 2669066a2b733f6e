// stop, kill, pause and their like: acts on running containers.
// Source: podman-stop(1), podman-kill(1), podman-pause(1), podman-restart(1).

import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { signalName } from "../../base/signals.ts";
import { isAlive, killBorn } from "../../kernel/processes.ts";
import type { Choice, Outcome } from "../batch.ts";
import { exitFileComes } from "../exits.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { choose, onAll, onEach } from "./choose.ts";
import { settle } from "./cleanup.ts";
import { finish } from "./finish.ts";
import { killAll, pauseProcesses, resumeProcesses } from "./launch.ts";
import { hasEnded, isLive, readExitFile } from "./observe.ts";
import { containerEvent } from "./container-event.ts";
import { start } from "./start.ts";

export interface StopOptions {
  /** Seconds until SIGKILL; -1 waits for ever; absent is the container's own. */
  readonly timeout?: number;
}

const sigkill = 9;
const afterKillMs = 10_000;

const improper = (message: string): Fault => new Fault("container.wrong-state", `${message}: container state improper`);

/** Signals the first process; one that has gone meanwhile is no error. */
function signal({ state }: ContainerRecord, number: number): void {
  if (state.pid !== undefined && state.pidStart !== undefined) killBorn(state.pid, state.pidStart, number);
}

/** Takes note that the person wants an end, and sends the stop signal; undefined when it does not run. */
async function askToStop(host: Host, id: string, first: number): Promise<ContainerRecord | undefined> {
  return locked(host, id, async () => {
    const record = host.state.findById(id);
    if (!record) return undefined;
    if (!isLive(record.state)) {
      if (record.state.status === "stopped") await finish(host, record);
      if (record.spec.restart && record.state.status === "exited") host.state.saveState(id, { ...host.state.findById(id)!.state, stoppedByUser: true });
      return undefined;
    }
    if (record.state.status === "paused") throw improper(`container ${id} is paused`);
    const asked = { ...record, state: { ...record.state, status: "stopping" as const, stoppedByUser: true } };
    host.state.saveState(id, asked.state);
    signal(asked, first);
    return asked;
  });
}

async function endComes(host: Host, { id, state }: ContainerRecord, timeoutMs: number | undefined): Promise<boolean> {
  return exitFileComes(`${host.paths.exits}/${id}`, {
    ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(state.conmonPid === undefined ? {} : { conmonPid: state.conmonPid }),
  });
}

/** Whether the process itself is gone: the monitor may have died without a word. */
const isGone = ({ state }: ContainerRecord): boolean => state.pid === undefined || !isAlive(state.pid, state.pidStart);

async function waitUntilGone(record: ContainerRecord): Promise<void> {
  for (let pauseMs = 5; !isGone(record) && pauseMs < 2000; pauseMs *= 2) await Bun.sleep(pauseMs);
}

export interface StopRecord extends StopOptions {
  /** Whether restart policy and --rm are applied at the end, as conmon's own call does; default true. */
  readonly settles?: boolean;
}

/** The lock is free while it waits. @throws Fault when the monitor died without telling the exit code */
export async function stopRecord(host: Host, { id }: ContainerRecord, options: StopRecord = {}): Promise<void> {
  const { spec } = fresh(host, id);
  const seconds = options.timeout ?? spec.stopTimeout ?? 10;
  const first = seconds === 0 ? sigkill : spec.stopSignal ?? 15;
  const asked = await askToStop(host, id, first);
  if (!asked) return;
  const came = await endComes(host, asked, seconds < 0 ? undefined : seconds === 0 ? afterKillMs : seconds * 1000);
  if (!came && !hasEnded(host, asked)) {
    if (seconds !== 0) log.warn(`StopSignal ${signalName(first)} failed to stop container ${asked.name} in ${seconds} seconds, resorting to SIGKILL`);
    signal(asked, sigkill);
    await killAll(host, asked, sigkill);
    await endComes(host, asked, afterKillMs);
    await waitUntilGone(asked);
  }
  const lost = !readExitFile(host, id) && host.state.findById(id) !== undefined && isLive(host.state.findById(id)!.state);
  await waitUntilGone(asked);
  if (options.settles ?? true) await settle(host, id);
  if (lost) throw new Fault("component.failed", `container ${id} conmon exited prematurely, exit code could not be retrieved: conmon process killed`);
  containerEvent(host, asked, "stop");
}

/** Side by side. */
export async function stop(host: Host, choice: Choice, options: StopOptions = {}): Promise<Outcome[]> {
  const chosen = choose(host, choice, { all: ({ state }) => isLive(state) });
  return onAll(chosen, record => stopRecord(host, record, options));
}

/** @param number a signal, already parsed */
export async function kill(host: Host, choice: Choice, number: number): Promise<Outcome[]> {
  const chosen = choose(host, choice, { all: record => isLive(record.state) && !hasEnded(host, record) });
  return onEach(chosen, ({ id }) => locked(host, id, () => {
    const record = fresh(host, id);
    if (!isLive(record.state) || hasEnded(host, record)) {
      throw improper(`can only kill running containers. ${id} is in state ${record.state.status === "stopped" ? "exited" : record.state.status}`);
    }
    host.state.saveState(id, { ...record.state, stoppedByUser: true });
    signal(record, number);
    containerEvent(host, record, "kill");
  }));
}

export async function pause(host: Host, choice: Choice): Promise<Outcome[]> {
  const chosen = choose(host, choice, { all: ({ state }) => state.status === "running" });
  return onEach(chosen, ({ id }) => locked(host, id, async () => {
    const record = fresh(host, id);
    if (record.state.status === "paused") throw improper(`${id} is already paused`);
    if (record.state.status !== "running") throw improper(`${id} is not running, can't pause`);
    await pauseProcesses(host, record);
    host.state.saveState(id, { ...record.state, status: "paused" });
    containerEvent(host, record, "pause");
  }));
}

export async function unpause(host: Host, choice: Choice): Promise<Outcome[]> {
  const chosen = choose(host, choice, { all: ({ state }) => state.status === "paused" });
  return onEach(chosen, ({ id }) => locked(host, id, async () => {
    const record = fresh(host, id);
    if (record.state.status !== "paused") throw improper(`${id} is not paused, can't unpause`);
    await resumeProcesses(host, record);
    const { health } = record.state;
    const state = { ...record.state, status: "running" as const, ...(health ? { health: { ...health, status: "reset" as const } } : {}) };
    host.state.saveState(id, state);
    containerEvent(host, record, "unpause");
    if (health) (await import("../health/timer.ts")).needTimer(host, { ...record, state });
  }));
}

export interface RestartOptions extends StopOptions {
  /** Only those that run now. */
  readonly running?: boolean;
}

export async function restart(host: Host, choice: Choice, options: RestartOptions = {}): Promise<Outcome[]> {
  const wanted = options.running && !choice.names?.length ? { ...choice, all: true } : choice;
  const chosen = choose(host, wanted, { all: ({ state }) => !options.running || isLive(state) });
  return onEach(chosen, async record => {
    await stopRecord(host, record, { ...options, settles: false });
    await start(host, record.id);
    containerEvent(host, record, "restart");
  });
}
