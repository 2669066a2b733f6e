// When a container's next health check is due. Pure.
// Source: podman-run(1), --health-interval; Docker's HEALTHCHECK, --start-interval.

import type { ContainerSpec } from "../../base/container-spec.ts";
import type { ContainerState } from "../../base/container-state.ts";
import { momentMs } from "../../base/time.ts";
import { hasHealthcheck, startupOf } from "./settings.ts";

export interface Timed {
  readonly spec: Pick<ContainerSpec, "health">;
  readonly state: Pick<ContainerState, "status" | "health" | "startedAt">;
}

const nsPerMs = 1e6;
const intervalMsMin = 100;

/** Whether the start period of the check still runs, in which failures do not count. */
export function isStarting({ spec, state }: Timed, nowMs: number): boolean {
  const period = (spec.health?.check?.StartPeriod ?? 0) / nsPerMs;
  return state.startedAt !== undefined && period > 0 && nowMs < momentMs(state.startedAt) + period;
}

/** Milliseconds since 1970; undefined where no check is to run by itself. */
export function dueMs(timed: Timed): number | undefined {
  const { spec, state } = timed;
  if (state.status !== "running" || state.startedAt === undefined || !hasHealthcheck(spec)) return undefined;
  const checked = state.health?.checkedAt;
  const from = momentMs(checked ?? state.startedAt);
  const interval = intervalMs(timed, from);
  if (interval <= 0) return undefined;
  return checked === undefined ? from : from + Math.max(interval, intervalMsMin);
}

function intervalMs(timed: Timed, nowMs: number): number {
  const { spec, state } = timed;
  const startup = startupOf(spec);
  if (startup && !state.health?.started) return (startup.Interval ?? 0) / nsPerMs;
  const { Interval = 0, StartInterval = 0 } = spec.health?.check ?? {};
  const isEager = StartInterval > 0 && Interval > 0 && state.health?.status === "starting" && isStarting(timed, nowMs);
  return (isEager ? StartInterval : Interval) / nsPerMs;
}
