// One health check: its command in the container, what it means for the container's health, and what follows.
// Source: podman-healthcheck-run(1); podman-run(1), --health-on-failure.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { ContainerState, HealthLogEntry, HealthState } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { nowRfc3339Nano } from "../../base/time.ts";
import { writeProcess } from "../../runtime/bundle.ts";
import { execForOutput, type ExecOutput } from "../../runtime/exec-output.ts";
import { containerEvent } from "../containers/container-event.ts";
import { processFor } from "../containers/exec.ts";
import { get } from "../containers/lookup.ts";
import { randomId } from "../containers/names.ts";
import { isLive, observe } from "../containers/observe.ts";
import { runtimeOf } from "../containers/runtime-choice.ts";
import type { Host } from "../host.ts";
import { locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { isStarting } from "./schedule.ts";
import { freshHealth, hasHealthcheck, healthDefaults, startupOf } from "./settings.ts";

/** "healthy": this check went well; else what podman prints of it. */
export type CheckAnswer = "healthy" | "unhealthy" | "starting" | "stopped";

const outputBytesMax = 1024 * 1024;
const nsPerMs = 1e6;

function commandOf(test: readonly string[]): string[] {
  const [kind, ...rest] = test;
  if (kind === "CMD") return rest;
  return kind === "CMD-SHELL" ? ["/bin/sh", "-c", rest.join(" ")] : [...test];
}

interface Ran extends ExecOutput {
  readonly start: string;
  readonly end: string;
}

async function runCommand(host: Host, record: ContainerRecord, command: readonly string[], timeoutNs: number): Promise<Ran> {
  const directory = `${host.paths.runDir(record.id)}/health-${randomId().slice(0, 12)}`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const start = nowRfc3339Nano();
  try {
    const processPath = `${directory}/process.json`;
    writeProcess(processPath, processFor(host, record, { command }));
    const output = await execForOutput(runtimeOf(host, record.spec), record.id, {
      processPath, pidfile: `${directory}/pid`, timeoutMs: timeoutNs / nsPerMs, outputBytesMax,
    });
    return { ...output, start, end: nowRfc3339Nano() };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function judge(before: HealthState, { record, ran, answer }: { record: ContainerRecord; ran: Ran; answer: CheckAnswer }): HealthState {
  const { check, maxLogCount = healthDefaults.logCount, maxLogSize = healthDefaults.logSize } = record.spec.health ?? {};
  const output = maxLogSize === 0 ? ran.output : [...ran.output].slice(0, maxLogSize).join("");
  const entry: HealthLogEntry = { Start: ran.start, End: ran.end, ExitCode: ran.timedOut ? -1 : ran.status === 0 ? 0 : 1, Output: output };
  const entries = [...before.log, entry];
  const next: HealthState = { ...before, checkedAt: ran.end, log: maxLogCount === 0 ? entries : entries.slice(-maxLogCount) };
  if (ran.status === 0 && !ran.timedOut) return { ...next, status: "healthy", failingStreak: 0 };
  if (answer === "stopped") return { ...next, status: "stopped" };
  const counts = answer !== "starting" && !isStarting(record, Date.parse(ran.start));
  const failingStreak = before.failingStreak + (counts ? 1 : 0);
  const isSick = counts && failingStreak >= (check?.Retries ?? healthDefaults.retries);
  return { ...next, failingStreak, ...(isSick ? { status: "unhealthy" } : {}) };
}

/** Counts of the startup check; whether it has failed so often that the container has to start anew. */
function judgeStartup(health: HealthState, record: ContainerRecord, succeeded: boolean): { health: HealthState; restarts: boolean } {
  const startup = startupOf(record.spec);
  if (!startup || health.started) return { health, restarts: false };
  if (!succeeded) {
    const startupFailures = (health.startupFailures ?? 0) + 1;
    const restarts = (startup.Retries ?? 0) > 0 && startupFailures >= startup.Retries!;
    return { health: { ...health, startupFailures, startupSuccesses: 0 }, restarts };
  }
  const startupSuccesses = (health.startupSuccesses ?? 0) + 1;
  return { health: { ...health, startupSuccesses, started: startupSuccesses >= (startup.Successes ?? 0) }, restarts: false };
}

interface Judged {
  readonly record: ContainerRecord;
  readonly restarts: boolean;
  readonly becameSick: boolean;
}

function keep(host: Host, record: ContainerRecord, { ran, answer, isStartup }: { ran: Ran; answer: CheckAnswer; isStartup: boolean }): Judged {
  const judged = judge(record.state.health ?? freshHealth, { record, ran, answer });
  const { health, restarts } = isStartup ? judgeStartup(judged, record, ran.status === 0 && !ran.timedOut) : { health: judged, restarts: false };
  const state: ContainerState = { ...record.state, health };
  host.state.saveState(record.id, state);
  writeHealthFile(record, health);
  tell(host, record, health);
  return { record: { ...record, state }, restarts, becameSick: !isStartup && health.status === "unhealthy" };
}

function tell(host: Host, record: ContainerRecord, health: HealthState): void {
  if (host.conf.engine.healthcheck_events === false) return;
  const isLogged = record.spec.health?.logDestination === "events_logger";
  containerEvent(host, record, "health_status", {
    health_status: health.status, health_failing_streak: health.failingStreak, ...(isLogged ? { health_log: health.log.at(-1)?.Output ?? "" } : {}),
  });
}

function writeHealthFile({ id, spec }: ContainerRecord, { status, failingStreak, log: entries }: HealthState): void {
  const place = spec.health?.logDestination;
  if (!place || place === "local" || place === "events_logger") return;
  try {
    writeFileSync(`${place}/${id}-healthcheck.log`, JSON.stringify({ Status: status, FailingStreak: failingStreak, Log: entries }), { mode: 0o700 });
  } catch (thrown) {
    log.warn(`cannot write the health log of container ${id} to "${place}": ${(thrown as Error).message}`);
  }
}

/** What the person asked for when a container turns unhealthy. */
async function act(host: Host, { id, spec }: ContainerRecord): Promise<void> {
  const action = spec.health?.onFailure ?? "none";
  if (action === "none") return;
  const { kill, stopRecord } = await import("../containers/stop.ts");
  const record = get(host, id);
  if (action === "kill") {
    await kill(host, { names: [id] }, 9);
    const { exitFileComes } = await import("../exits.ts");
    const { settle } = await import("../containers/cleanup.ts");
    await exitFileComes(`${host.paths.exits}/${id}`, { timeoutMs: 10_000 });
    await settle(host, id);
  } else if (action === "stop") await stopRecord(host, record);
  else await restartAfterSickness(host, record);
}

async function restartAfterSickness(host: Host, { id }: ContainerRecord): Promise<void> {
  const { restart } = await import("../containers/stop.ts");
  const [outcome] = await restart(host, { names: [id] });
  if (outcome?.fault) throw outcome.fault;
  await locked(host, id, () => {
    const record = host.state.findById(id);
    if (record) host.state.saveState(id, { ...record.state, restartCount: (record.state.restartCount ?? 0) + 1 });
  });
}

function checkable(host: Host, nameOrId: string): ContainerRecord {
  const record = observe(host, get(host, nameOrId));
  if (record.state.status !== "running") throw new Fault("container.wrong-state", `container ${record.id} is not running`, { hint: `start it first with: podman start ${record.name}` });
  if (!hasHealthcheck(record.spec)) throw new Fault("usage.invalid", `container ${record.id} has no defined healthcheck`, { hint: "add one with: podman update --health-cmd" });
  return record;
}

/** Runs the check now, as the timer and `healthcheck run` do. @throws Fault for a container that does not run, or has no check */
export async function runCheck(host: Host, nameOrId: string): Promise<CheckAnswer> {
  const record = checkable(host, nameOrId);
  const startup = startupOf(record.spec);
  const isStartup = startup !== undefined && !record.state.health?.started;
  const test = isStartup ? startup : record.spec.health!.check!;
  const ran = await runCommand(host, record, commandOf(test.Test!), test.Timeout ?? healthDefaults.timeoutNs);
  const isGood = ran.status === 0 && !ran.timedOut;
  const judged = await locked(host, record.id, () => {
    const now = host.state.findById(record.id);
    if (!now) return undefined;
    const live = isLive(observe(host, now).state) && now.state.status !== "stopping";
    const answer: CheckAnswer = isGood ? "healthy" : !live ? "stopped" : isStartup ? "starting" : "unhealthy";
    return { answer, ...keep(host, now, { ran: live || isGood ? ran : { ...ran, output: "" }, answer, isStartup }) };
  });
  if (!judged) return "stopped";
  if (judged.restarts) await restartAfterSickness(host, judged.record);
  else if (judged.becameSick) await act(host, judged.record);
  if (ran.timedOut) throw new Fault("component.failed", `healthcheck command exceeded timeout of ${Math.round((test.Timeout ?? 0) / 1e9)}s`);
  return judged.answer;
}
