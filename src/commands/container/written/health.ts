// Health checks as written.
// Source: podman-run(1), --health-cmd and its kin; Docker image-spec v1.2, "Healthcheck".

import { parseGoDuration } from "../../../base/duration.ts";
import type { HealthSpec } from "../../../base/container-spec.ts";
import { refuse } from "./refuse.ts";

/** A JSON array is argv; "CMD …" and "none" as Docker has them; anything else is for a shell. */
export function readCheckCommand(written: string): string[] {
  if (written === "none") return ["NONE"];
  if (written.startsWith("[")) {
    try {
      const words: unknown = JSON.parse(written);
      if (Array.isArray(words) && words.every((word) => typeof word === "string")) {
        return words[0] === "CMD" || words[0] === "CMD-SHELL" || words[0] === "NONE" ? words : ["CMD", ...words];
      }
    } catch {
      // Not JSON: a shell takes it.
    }
  }
  if (written === "") throw refuse("must define a healthcheck command for all healthchecks");
  return ["CMD-SHELL", written];
}

/** Nanoseconds; "disable" is 0. */
export function readCheckTime(name: "interval" | "timeout" | "start-period", written: string): number {
  if (name === "interval" && written === "disable") return 0;
  let nanoseconds: number;
  try {
    nanoseconds = parseGoDuration(written);
  } catch (cause) {
    throw refuse(`invalid healthcheck-${name}: ${(cause as Error).message}`);
  }
  if (name === "timeout" && nanoseconds < 1e9) throw refuse("healthcheck-timeout must be at least 1 second");
  if (nanoseconds < 0) throw refuse(`healthcheck-${name} must be 0 seconds or greater`);
  return nanoseconds;
}

export function readOnFailure(written: string): NonNullable<HealthSpec["onFailure"]> {
  if (written === "none" || written === "kill" || written === "restart" || written === "stop") return written;
  throw refuse(`invalid on-failure action "${written}" for health check: supported actions are kill,none,restart,stop`);
}
