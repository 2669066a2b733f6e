// Devices a container is given: those asked for, and with --privileged all of the host's.
// Source: OCI runtime-spec config-linux.md "Devices".

import { readdirSync, statSync } from "node:fs";
import type { ContainerSpec } from "../base/container-spec.ts";
import { Fault, errnoOf } from "../base/fault.ts";
import { AT_FDCWD, findStat } from "../kernel/files.ts";
import type { OciDevice } from "./oci.ts";

/** A device of the host's, and where it lies there. */
export interface HostDevice extends OciDevice {
  readonly source: string;
}

const typeMask = 0o170000;
const character = 0o020000;
const block = 0o060000;
/** Made anew for every container, or not a device of the host's. */
const leftOut = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console", "null", "zero", "full", "random", "urandom", "tty", "ptmx"]);
const devicesMax = 4096;

/** @throws Fault "usage.invalid" when `path` is no device */
export function deviceOf(path: string, target: string): HostDevice {
  const device = findDevice(path, target);
  if (device) return device;
  throw new Fault("usage.invalid", `${path}: not a device node`, { hint: "give a character or block device, or a directory of them" });
}

function findDevice(path: string, target: string): HostDevice | undefined {
  const stat = findStat(AT_FDCWD, path, true);
  if (!stat) throw new Fault("usage.invalid", `stat ${path}: no such file or directory`);
  const type = stat.mode & typeMask;
  if (type !== character && type !== block) return undefined;
  const { major, minor } = stat.rdev;
  return { source: path, path: target, type: type === block ? "b" : "c", major, minor, fileMode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
}

/** A device, or every device below a directory. */
function devicesAt(path: string, target: string): HostDevice[] {
  if (!statOf(path).isDirectory()) return [deviceOf(path, target)];
  return readdirSync(path, { withFileTypes: true }).flatMap(entry => {
    const inside = `${path}/${entry.name}`;
    if (entry.isDirectory()) return devicesAt(inside, `${target}/${entry.name}`);
    return findDevice(inside, `${target}/${entry.name}`) ?? [];
  });
}

function statOf(path: string): { isDirectory(): boolean } {
  try {
    return statSync(path);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") throw new Fault("usage.invalid", `stat ${path}: no such file or directory`, { cause });
    throw cause;
  }
}

/** @throws Fault "usage.invalid" for what is not there or no device */
export function devicesOf(spec: ContainerSpec, rootless = false): HostDevice[] {
  const asked = (spec.devices ?? []).flatMap(({ source, target, access: _, ...own }) => devicesAt(source, target).map(device => ({ ...device, ...own })));
  if (!spec.security?.privileged) return asked;
  const host = hostDevices("/dev", !rootless && !spec.terminal && spec.systemd !== "always");
  return [...host.filter(({ path }) => !asked.some(device => device.path === path)), ...asked];
}

function hostDevices(directory: string, withConsoles: boolean): HostDevice[] {
  const found: HostDevice[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = `${directory}/${entry.name}`;
    if (leftOut.has(entry.name) && directory === "/dev") continue;
    if (entry.isDirectory()) found.push(...hostDevices(path, withConsoles));
    else if (entry.isCharacterDevice() || entry.isBlockDevice()) {
      const device = findDevice(path, path);
      // Virtual consoles are not for a container that gets a terminal of its own, nor for an ordinary user's.
      if (device && (withConsoles || !/^\/dev\/tty\d+$/.test(path))) found.push(device);
    }
    if (found.length > devicesMax) break;
  }
  return found;
}
