// What a container's kept state means now: a process that died unseen is seen, without changing what is kept.

import { readFileSync, statSync } from "node:fs";
import type { ContainerState } from "../../base/container-state.ts";
import { rfc3339Nano } from "../../base/time.ts";
import { isAlive } from "../../kernel/processes.ts";
import { settleLetGo } from "../../runtime/exec-fifo.ts";
import { containerStatus } from "../../runtime/oci-runtime.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { runtimeOf } from "./runtime-choice.ts";

/** What conmon left when the container ended. */
export interface ExitFile {
  readonly code: number;
  /** RFC 3339 with nanoseconds. */
  readonly at: string;
  readonly oomKilled: boolean;
}

export const isLive = (state: ContainerState): boolean =>
  state.status === "running" || state.status === "paused" || state.status === "stopping";

/** Podman's exit code for a container whose conmon died without a word. */
export const lostExitCode = -1;

export function readExitFile(host: Host, id: string): ExitFile | undefined {
  const file = `${host.paths.exits}/${id}`;
  try {
    const code = Number.parseInt(readFileSync(file, "utf8"), 10);
    if (!Number.isSafeInteger(code)) return undefined;
    const at = rfc3339Nano(statSync(file, { bigint: true }).mtimeNs);
    return { code, at, oomKilled: statSync(`${host.paths.runDir(id)}/oom`, { throwIfNoEntry: false }) !== undefined };
  } catch {
    return undefined;
  }
}

/** The state after an end: same for `observe`, which shows it, and for cleanup, which keeps it. */
export function ended(state: ContainerState, exit: ExitFile | undefined): ContainerState {
  const { pid: _pid, pidStart: _start, conmonPid: _conmon, ...lasting } = state;
  return {
    ...lasting,
    status: "stopped",
    exitCode: exit?.code ?? lostExitCode,
    finishedAt: exit?.at ?? rfc3339Nano(Date.now()),
    ...(exit?.oomKilled ? { oomKilled: true } : {}),
  };
}

/** Whether a live state's process is gone for good, so that its end can be told. */
export function hasEnded(host: Host, { id, state }: ContainerRecord): boolean {
  if (!isLive(state) && state.status !== "initialized") return false;
  if (state.pid !== undefined && isAlive(state.pid, state.pidStart)) return false;
  if (readExitFile(host, id)) return true;
  return state.conmonPid === undefined || !isAlive(state.conmonPid);
}

/** A start of ours that was killed after the runtime began the program and before it was written down is told by the runtime. */
export function noticeStart(host: Host, record: ContainerRecord): ContainerRecord {
  const { id, spec, state } = record;
  if (state.status !== "initialized" || state.pid === undefined || !isAlive(state.pid, state.pidStart)) return record;
  try {
    const runtime = runtimeOf(host, spec);
    if (!settleLetGo(runtime, { id, pid: state.pid }) && containerStatus(runtime, id)?.status !== "running") return record;
  } catch {
    return record;
  }
  const startedAt = rfc3339Nano(statSync(`/proc/${state.pid}`, { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? Date.now());
  return { ...record, state: { ...state, status: "running", startedAt } };
}

/** The record with its state as it is now. */
export function observe(host: Host, kept: ContainerRecord): ContainerRecord {
  const record = noticeStart(host, kept);
  if (!isLive(record.state) || !hasEnded(host, record)) return record;
  return { ...record, state: { ...ended(record.state, readExitFile(host, record.id)), status: "exited" } };
}
