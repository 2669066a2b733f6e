// What containers.conf gives every container beside what a line asks for: mounts, volumes, devices. The line's own for the same place win.
// Source: containers.conf(5), "mounts", "volumes", "devices".

import type { ContainerSpec } from "../../base/container-spec.ts";
import type { Host } from "../../engine/host.ts";
import { readMount } from "./written/mount-option.ts";
import { refuse } from "./written/refuse.ts";
import { isCdiName, readDevice } from "./written/security.ts";
import { readVolume } from "./written/volumes.ts";

function read<T>(what: string, written: readonly string[], reader: (text: string) => T): T[] {
  return written.map((text) => {
    try {
      return reader(text);
    } catch (cause) {
      throw refuse(`parsing containers.conf ${what}: ${(cause as Error).message}`);
    }
  });
}

function addMounts(spec: ContainerSpec, more: NonNullable<ContainerSpec["mounts"]>): void {
  const taken = new Set((spec.mounts ?? []).map(({ target }) => target));
  const added = more.filter(({ target }) => !taken.has(target));
  if (added.length > 0) spec.mounts = [...(spec.mounts ?? []), ...added];
}

function addDevices(spec: ContainerSpec, written: readonly string[]): void {
  const described = written.filter(isCdiName);
  if (described.length > 0) spec.cdiDevices = [...new Set([...(spec.cdiDevices ?? []), ...described])];
  const own = new Set((spec.devices ?? []).map(({ target }) => target));
  const added = read("devices", written.filter(name => !isCdiName(name)), readDevice).filter(({ target }) => !own.has(target));
  if (added.length > 0) spec.devices = [...(spec.devices ?? []), ...added];
}

/** Of containers. @throws Fault "usage.invalid" */
export function addConfigured(spec: ContainerSpec, { conf: { containers: { mounts = [], volumes = [], devices = [] } } }: Host): void {
  if (mounts.length + volumes.length > 0) addMounts(spec, [...read("mounts", mounts, readMount), ...read("volumes", volumes, readVolume)]);
  if (devices.length > 0) addDevices(spec, devices);
}

/** Of builds and working containers, which know no `mounts`. @throws Fault "usage.invalid" */
export function addConfiguredForSteps(spec: ContainerSpec, { conf: { containers: { volumes = [], devices = [] } } }: Host): void {
  if (volumes.length > 0) addMounts(spec, read("volumes", volumes, readVolume));
  if (devices.length > 0) addDevices(spec, devices);
}
