// Volumes that are mounts themselves (type=tmpfs, nfs, a device …): mounted at first use, with mount(8)'s options.
// Source: podman-volume-create(1), "--opt".

import { Fault } from "../../base/fault.ts";
import { needProgram, spawnSync } from "../../base/spawn.ts";
import { isMountpoint, umount2 } from "../../kernel/mounts.ts";
import type { Host } from "../host.ts";
import type { VolumeRecord } from "../state/state.ts";

const dataOf = (host: Host, name: string): string => `${host.paths.volumes}/${name}/_data`;

export const isBacked = ({ options }: Pick<VolumeRecord, "options">): boolean =>
  options.type !== undefined || options.device !== undefined || options.o !== undefined;

export const isMountedVolume = (host: Host, name: string): boolean => isMountpoint(dataOf(host, name));

/** @throws Fault "component.failed" with mount(8)'s own words */
export function mountVolume(host: Host, { name, options }: VolumeRecord): void {
  const target = dataOf(host, name);
  const isBind = options.type === "bind" || (options.o ?? "").split(",").some(option => option === "bind" || option === "rbind");
  const settings = (options.o ?? "").split(",").filter(option => option !== "" && !/^(uid|gid|size|noquota|inodes)=?/.test(option) || options.type === "tmpfs" && option !== "");
  if (!options.type && !options.device) return;
  if (isMountpoint(target)) return;
  const argv = [needProgram("mount", "mount"), ...(settings.length > 0 ? ["-o", settings.join(",")] : []),
    ...(options.type && options.type !== "bind" ? ["-t", options.type] : isBind && !settings.some(one => one.endsWith("bind")) ? ["--bind"] : []),
    options.device ?? options.type ?? "none", target];
  const { status, complaint } = spawnSync(argv);
  if (status !== 0) throw new Fault("component.failed", `mounting volume ${name}: ${complaint()}`);
}

export function unmountVolume(host: Host, name: string): void {
  umount2(dataOf(host, name), 2);
}
