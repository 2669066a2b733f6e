// New limits over those a container has.

import { statSync } from "node:fs";
import type { ResourceLimits } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";

/** What is not named stays; rates of disks are replaced kind by kind. */
export function withLimits(before: ResourceLimits = {}, change: ResourceLimits = {}): ResourceLimits {
  const throttle = change.throttle ?? [];
  const kept = (before.throttle ?? []).filter(({ kind }) => !throttle.some(one => one.kind === kind));
  return { ...before, ...change, ...(kept.length + throttle.length > 0 ? { throttle: [...kept, ...throttle] } : {}) };
}

/** @throws Fault for limits of what is no disk, which the kernel would pass over */
export function refuseOtherDevices({ blkioWeightDevice = [], throttle = [] }: ResourceLimits): void {
  for (const { path } of [...blkioWeightDevice, ...throttle]) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) throw new Fault("system.not-found", `cannot limit device "${path}": no such file or directory`);
    if (!stat.isBlockDevice()) throw new Fault("usage.invalid", `${path}: not a block device`, { hint: "name a block device such as /dev/sda" });
  }
}
