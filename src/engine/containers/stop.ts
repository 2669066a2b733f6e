// stop, kill, pause and their like: acts on running containers.

import type { Choice, Outcome } from "../batch.ts";
import type { Host } from "../host.ts";

export interface StopOptions {
  /** Seconds until SIGKILL; -1 waits for ever; absent is the container's own. */
  readonly timeout?: number;
}

export async function stop(host: Host, choice: Choice, options: StopOptions = {}): Promise<Outcome[]> {
  throw new Error("not written yet");
}

/** @param signal a number, already parsed */
export async function kill(host: Host, choice: Choice, signal: number): Promise<Outcome[]> {
  throw new Error("not written yet");
}

export async function pause(host: Host, choice: Choice): Promise<Outcome[]> {
  throw new Error("not written yet");
}

export async function unpause(host: Host, choice: Choice): Promise<Outcome[]> {
  throw new Error("not written yet");
}

export interface RestartOptions extends StopOptions {
  readonly running?: boolean;
}

export async function restart(host: Host, choice: Choice, options: RestartOptions = {}): Promise<Outcome[]> {
  throw new Error("not written yet");
}
