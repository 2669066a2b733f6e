// A container's health settings, checked and complete.
// Source: podman-run(1), --health-*; Docker image-spec v1.2, "Healthcheck".

import { statSync } from "node:fs";
import type { ContainerSpec, HealthSpec } from "../../base/container-spec.ts";
import type { HealthState } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import type { Healthcheck } from "../../base/oci-image.ts";

const second = 1e9;
export const healthDefaults = { intervalNs: 30 * second, timeoutNs: 30 * second, retries: 3, logCount: 5, logSize: 500 } as const;

const isOn = (check: Healthcheck | undefined): check is Healthcheck => {
  const first = check?.Test?.[0];
  return first !== undefined && first !== "" && first !== "NONE";
};

/** Of a container that was just started. */
export const freshHealth: HealthState = { status: "starting", failingStreak: 0, log: [] };

/** Whether there is anything to run. */
export const hasHealthcheck = ({ health }: Pick<ContainerSpec, "health">): boolean => isOn(health?.check);

/** The startup check where one is still to pass. */
export const startupOf = ({ health }: Pick<ContainerSpec, "health">): HealthSpec["startup"] => isOn(health?.startup) ? health?.startup : undefined;

function withDefaults<C extends Healthcheck>(check: C): C {
  return { Interval: healthDefaults.intervalNs, Timeout: healthDefaults.timeoutNs, ...check };
}

/** @throws Fault "usage.invalid" for settings that need a check where there is none, or a log's place that is no directory */
export function completeHealth(health: HealthSpec): HealthSpec {
  if (health.check?.Test?.[0] === "NONE") {
    const { startup: _startup, onFailure: _action, ...rest } = health;
    return { ...rest, check: { Test: ["NONE"] } };
  }
  const { check, startup } = health;
  if (!isOn(check) && health.onFailure && health.onFailure !== "none") {
    throw new Fault("usage.invalid", `cannot set on-failure action to ${health.onFailure} without a health check`, { hint: "add --health-cmd" });
  }
  if (check && !isOn(check)) throw new Fault("usage.invalid", "must define a healthcheck command for all healthchecks", { hint: "add --health-cmd" });
  if (startup && !isOn(startup)) throw new Fault("usage.invalid", "must define a healthcheck command for all healthchecks", { hint: "add --health-startup-cmd" });
  if (startup && !check) throw new Fault("usage.invalid", "a startup healthcheck needs a healthcheck that follows it", { hint: "add --health-cmd" });
  return {
    ...health,
    ...(check ? { check: withDefaults({ Retries: healthDefaults.retries, ...check }) } : {}),
    ...(startup ? { startup: withDefaults(startup) } : {}),
    ...(health.logDestination ? { logDestination: checkDestination(health.logDestination) } : {}),
  };
}

function checkDestination(written: string): string {
  if (written === "local" || written === "events_logger") return written;
  const stat = statSync(written, { throwIfNoEntry: false });
  if (!stat) throw new Fault("usage.invalid", `HealthCheck Log '${written}' destination error: stat ${written}: no such file or directory`, { hint: "make the directory first" });
  if (!stat.isDirectory()) throw new Fault("usage.invalid", `HealthCheck Log '${written}' destination must be directory`);
  return written.startsWith("/") ? written : `${process.cwd()}/${written}`;
}
