// What a watched run taught, in words.

import type { LearnSpec } from "../../base/container-spec.ts";
import type { Lesson } from "../../engine/containers/learn.ts";

export function linesOf({ name }: LearnSpec, { learned, options }: Lesson): string[] {
  const { runs, systemCalls, capabilities, capabilitiesUnknown: unknown, denials } = learned;
  const capable = unknown === undefined ? `capabilities ${capabilities.map(word => word.replace(/^CAP_/, "").toLowerCase()).join(",") || "none"}` : `capabilities unknown, as ${unknown}`;
  const allowed = denials.reduce((sum, rule) => sum + rule.permissions.length, 0);
  return [
    `Learned ${name} from ${runs} run${runs === 1 ? "" : "s"}: ${systemCalls.length} system calls; ${capable}${allowed > 0 ? `; ${allowed} permissions of SELinux` : ""}`,
    `Confine it with: ${options.join(" ")}`,
  ];
}
