// The JSON that --print-stats of checkpoint and restore prints.
// Source: podman-container-checkpoint(1), "--print-stats".

import type { Outcome } from "../../engine/batch.ts";
import type { CriuStatistics } from "../../engine/checkpoints/checkpoint.ts";
import type { Invocation } from "../verb.ts";

interface Measured extends Outcome {
  readonly runtimeUs?: number;
  readonly statistics?: CriuStatistics;
}

/** @param started of performance.now() */
export function printStatistics<T extends Measured>(context: Invocation, act: "checkpoint" | "restore", { outcomes, started }: { outcomes: readonly T[]; started: number }): void {
  const rows: unknown[] = [];
  for (const { fault, id = "", runtimeUs = 0, statistics = {} } of outcomes) {
    if (fault) context.failed(fault);
    else rows.push({ Id: id, [`runtime_${act}_duration`]: runtimeUs, criu_statistics: statistics });
  }
  const whole = { [`podman_${act}_duration`]: Math.round((performance.now() - started) * 1000), container_statistics: rows };
  context.out(JSON.stringify(whole, undefined, 4));
}
