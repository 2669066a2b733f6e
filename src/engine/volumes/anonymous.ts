// Anonymous volumes go with the last container that uses them.

import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { dropVolume } from "./volumes.ts";

export const hasAnonymousVolumes = ({ spec }: ContainerRecord): boolean => (spec.mounts ?? []).some(({ kind, anonymous }) => kind === "volume" && anonymous === true);

export function dropAnonymousVolumes(host: Host, { spec }: ContainerRecord): void {
  for (const { kind, source, anonymous } of spec.mounts ?? []) {
    if (kind !== "volume" || !anonymous) continue;
    const volume = host.state.findVolume(source);
    if (volume?.anonymous && host.state.usersOfVolume(source).length === 0) dropVolume(host, volume);
  }
}
