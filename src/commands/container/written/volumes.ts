// -v [SOURCE:]TARGET[:OPTIONS] and --tmpfs TARGET[:OPTIONS] as written.
// Source: podman-run(1), --volume and --tmpfs.

import type { MountSpec } from "../../../base/container-spec.ts";
import { cut, refuse } from "./refuse.ts";

const simpleOptions = new Set([
  "exec", "noexec", "suid", "nosuid", "dev", "nodev", "rbind", "bind", "shared", "rshared", "private", "rprivate",
  "slave", "rslave", "unbindable", "runbindable", "remount", "copy", "nocopy", "no-dereference", "atime", "noatime",
  "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "sync", "async",
]);

/** One -v. @throws Fault "usage.invalid" */
export function readVolume(written: string): MountSpec {
  const parts = splitVolume(written);
  const [source, target, options] =
    parts.length === 1 ? ["", parts[0]!, []] : [parts[0]!, parts[1]!, (parts[2] ?? "").split(",").filter(Boolean)];
  if (parts.length > 1 && source === "") throw refuse("host directory cannot be empty");
  const clean = checkTarget(target);
  if (parts.length === 1) return { kind: "volume", source: "", target: clean, options: [], anonymous: true };
  const isPath = /^[/.]/.test(source);
  const kind = isPath ? "bind" : "volume";
  const path = isPath ? absolute(source) : source;
  return applyOptions({ kind, source: path, target: clean, options: [] }, options);
}

/** A drive-less split at colons; "\:" stands for a colon of the path. */
function splitVolume(written: string): string[] {
  const parts = written.split(/(?<!\\):/).map((part) => part.replaceAll("\\:", ":"));
  if (parts.length > 3 || written === "") {
    throw refuse(`${written}: incorrect volume format, should be [host-dir:]ctr-dir[:option]`);
  }
  return parts;
}

/** @throws Fault "usage.invalid" unless absolute; cleaned of "." and doubled slashes */
export function checkTarget(target: string): string {
  if (target === "") throw refuse("container directory cannot be empty");
  if (!target.startsWith("/")) throw refuse(`invalid container path ${JSON.stringify(target)}, must be an absolute path`);
  return cleanPath(target);
}

export function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") kept.pop();
    else kept.push(part);
  }
  return `/${kept.join("/")}`;
}

export function absolute(path: string): string {
  return cleanPath(path.startsWith("/") ? path : `${process.cwd()}/${path}`);
}

/** Reads mount options shared by -v and --mount into the fields that carry them. */
export function applyOptions(mount: MountSpec, options: readonly string[]): MountSpec {
  const found: { -readonly [K in keyof MountSpec]: MountSpec[K] } = { ...mount, options: [...mount.options] };
  let access = "";
  for (const option of options) {
    const [name, value] = cut(option);
    if (name === "ro" || name === "rw") {
      if (access !== "" && access !== name) throw refuse(`${mount.target}: cannot be both "ro" and "rw"`);
      access = name;
      found.readOnly = name === "ro";
      found.options.push(name);
    } else if (name === "z" || name === "Z") {
      if (found.relabel) throw refuse('invalid options "z, Z", can only specify 1 of them');
      found.relabel = name === "z" ? "shared" : "private";
    } else if (name === "U" && value === undefined) found.chown = true;
    else if (name === "O" && value === undefined) found.overlay = true;
    else if (name === "idmap") found.idmap = value ?? "";
    else if (name === "upperdir" || name === "workdir") found.options.push(option);
    else if (name === "nocopy" && mount.kind === "volume") found.noCopy = true;
    else if (simpleOptions.has(name) && value === undefined) found.options.push(name);
    else if (mount.kind === "volume" && /^(uid|gid|size|o|type|device)$/.test(name)) found.options.push(option);
    else throw refuse(`invalid mount option ${JSON.stringify(option)}: invalid mount option`);
  }
  if (found.overlay) checkOverlay(found);
  return found;
}

function checkOverlay(mount: MountSpec): void {
  const has = (name: string): boolean => mount.options.some((option) => option.startsWith(`${name}=`));
  if (has("upperdir") !== has("workdir")) throw refuse("must set both `upperdir` and `workdir`");
  if (mount.relabel || mount.chown && !has("upperdir") && mount.options.length > 0) throw refuse("can't use 'O' with other options");
}

/** --image-volume; "bind" is an old name of "anonymous". */
export function readImageVolume(written: string): "anonymous" | "tmpfs" | "ignore" {
  if (written === "bind" || written === "anonymous") return "anonymous";
  if (written === "tmpfs" || written === "ignore") return written;
  throw refuse(`invalid image-volume type ${JSON.stringify(written)}. Pick one of bind, tmpfs, or ignore`);
}

/** --tmpfs TARGET[:OPTIONS]. */
export function readTmpfs(written: string): MountSpec {
  const [target, options] = cut(written, ":");
  return { kind: "tmpfs", source: "tmpfs", target: checkTarget(target), options: (options ?? "").split(",").filter(Boolean) };
}

/** @throws Fault "usage.invalid" when two mounts share a target, unless both are written the same */
export function checkTargets(mounts: readonly MountSpec[]): void {
  const seen = new Map<string, string>();
  for (const mount of mounts) {
    const same = JSON.stringify(mount);
    if (seen.has(mount.target) && seen.get(mount.target) !== same) {
      throw refuse(`${mount.target}: duplicate mount destination`);
    }
    seen.set(mount.target, same);
  }
}
