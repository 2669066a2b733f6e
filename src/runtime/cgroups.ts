// Control groups: how this host has them, where a container's lies, and its limits in OCI's terms.
// Source: cgroups(7), OCI runtime-spec config-linux.md "Control groups".

import { accessSync, constants, existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import type { ContainerSpec } from "../base/container-spec.ts";
import { Fault, errnoOf } from "../base/fault.ts";

/** "hybrid": v1 controllers with a v2 tree mounted at "unified". */
export type CgroupMode = "v1" | "hybrid" | "v2";
export type CgroupManager = "cgroupfs" | "systemd";

const base = "/sys/fs/cgroup";

export function cgroupMode(): CgroupMode {
  if (existsSync(`${base}/cgroup.controllers`)) return "v2";
  return existsSync(`${base}/unified/cgroup.controllers`) ? "hybrid" : "v1";
}

export const isSystemdRunning = (): boolean => existsSync("/run/systemd/system");

const parentDefaults = { cgroupfs: "/libpod_parent", systemd: "machine.slice", rootless: "user.slice" } as const;

export interface CgroupPlace {
  readonly rootless?: boolean;
  /** Text of /proc/self/cgroup; read when it is needed and absent. */
  readonly own?: string;
  readonly mode?: CgroupMode;
}

/**
 * OCI's cgroupsPath: a slice triple under systemd, else a path; undefined where the container gets no cgroup of its own.
 *
 * @throws Fault "usage.invalid" for a parent that does not fit
 */
export function cgroupPathOf(spec: Pick<ContainerSpec, "cgroups" | "cgroupParent">, id: string, manager: CgroupManager, place: CgroupPlace = {}): string | undefined {
  const parent = spec.cgroupParent || undefined;
  if (spec.cgroups === "disabled") return undefined;
  if (spec.cgroups === "split") return splitPath(parent, id, place);
  if (manager === "systemd") {
    const slice = parent?.split("/").at(-1) ?? (place.rootless ? parentDefaults.rootless : parentDefaults.systemd);
    if (slice.endsWith(".slice") && slice.length > ".slice".length) return `${slice}:libpod:${id}`;
    throw new Fault("usage.invalid", "did not receive systemd slice as cgroup parent when using systemd to manage cgroups: invalid argument", {
      hint: "give a name that ends in .slice, or use --cgroup-manager cgroupfs",
    });
  }
  if (parent?.endsWith(".slice")) {
    throw new Fault("usage.invalid", "systemd slice received as cgroup parent when using cgroupfs: invalid argument", {
      hint: "give a path such as /mine, or use --cgroup-manager systemd",
    });
  }
  // Without root no cgroup can be made below the common parent; only a tree that was given to the person is taken.
  if (place.rootless && (parent === undefined || parent === parentDefaults.cgroupfs)) {
    const given = delegatedCgroup(place);
    return given === undefined ? undefined : `${given}/libpod-${id}`;
  }
  return `${(parent ?? parentDefaults.cgroupfs).replace(/\/+$/, "")}/libpod-${id}`;
}

/**
 * The cgroup around ours, where it was given to us with all in it: others may be made beside ours, and limited. Undefined with v1, of which
 * nothing can be given.
 */
export function delegatedCgroup({ own, mode = cgroupMode(), base: top = base }: CgroupPlace & Pick<OwnTree, "base"> = {}): string | undefined {
  if (mode !== "v2") return undefined;
  const path = ownCgroup(own ?? readFileSync("/proc/self/cgroup", "utf8"), "v2");
  const around = path.slice(0, path.lastIndexOf("/"));
  const isOurs = ["", "/cgroup.procs", "/cgroup.subtree_control"].every(name => isWritable(`${top}${around}${name}`));
  return around !== "" && isOurs ? around : undefined;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Beside us in the cgroup we are in: what started us, such as a systemd unit, keeps the container in its own tree. */
function splitPath(parent: string | undefined, id: string, place: CgroupPlace): string {
  if (parent !== undefined) throw new Fault("usage.invalid", "cannot specify --cgroup-mode=split with a cgroup-parent: invalid argument");
  const own = ownCgroup(place.own ?? readFileSync("/proc/self/cgroup", "utf8"), place.mode ?? cgroupMode()).replace(/\/runtime$/, "") || "/";
  if (own !== "/") return `${own}/libpod-payload-${id}`;
  throw new Fault("usage.invalid", "cannot split the root cgroup: invalid argument", { hint: "run it from a systemd unit, or in a cgroup of its own" });
}

/** Our cgroup; where hierarchies are many, that of the first which is not the root. */
export function ownCgroup(text: string, mode: CgroupMode): string {
  const paths = text.split("\n").flatMap(line => {
    const [, controllers, ...path] = line.split(":");
    return controllers === undefined || (mode === "v2") !== (controllers === "") ? [] : [path.join(":")];
  });
  return paths.find(path => path !== "/") ?? "/";
}

/** Where the processes of a container's cgroup are listed, by hierarchy; only those that exist. */
export function cgroupDirectories(path: string, mode: CgroupMode = cgroupMode()): string[] {
  const relative = path.replace(/^\/+/, "");
  if (mode === "v2") return [`${base}/${relative}`].filter(existsSync);
  return readdirSync(base).map(controller => `${base}/${controller}/${relative}`).filter(existsSync);
}

/** Process IDs in the cgroup and below it. */
export function processesOf(path: string): number[] {
  const pids = new Set<number>();
  const visit = (directory: string, depth: number): void => {
    for (const line of readLines(`${directory}/cgroup.procs`)) pids.add(Number(line));
    if (depth > 32) return;
    for (const entry of readdirSync(directory, { withFileTypes: true })) if (entry.isDirectory()) visit(`${directory}/${entry.name}`, depth + 1);
  };
  for (const directory of cgroupDirectories(path)) visit(directory, 0);
  return [...pids];
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

/** What a runtime left behind; empty ones only, so nothing that lives is touched. */
export function removeCgroup(path: string): void {
  for (const directory of cgroupDirectories(path)) {
    try {
      rmdirSync(directory);
    } catch {
      // Not empty or gone already: the next cleanup meets it again.
    }
  }
}

/** The same with all below it. */
export function removeCgroupTree(path: string): void {
  const remove = (directory: string, depth: number): void => {
    if (depth > 32) return;
    try {
      for (const entry of readdirSync(directory, { withFileTypes: true })) if (entry.isDirectory()) remove(`${directory}/${entry.name}`, depth + 1);
      rmdirSync(directory);
    } catch {
      // Not empty or gone already.
    }
  };
  for (const directory of cgroupDirectories(path)) remove(directory, 0);
}

/** The cgroup a process is in, "" when it has gone. */
export function cgroupOfProcess(pid: number, mode: CgroupMode = cgroupMode()): string {
  try {
    return ownCgroup(readFileSync(`/proc/${pid}/cgroup`, "utf8"), mode);
  } catch {
    return "";
  }
}

export interface OwnTree {
  /** Text of /proc/self/cgroup. */
  readonly own?: string;
  /** Where the v2 tree is mounted. */
  readonly base?: string;
}

/** With v2 only a cgroup without processes can limit those below it: ours go into one beside the container's. */
export function makeRoomForPayload({ own = readFileSync("/proc/self/cgroup", "utf8"), base: top = base }: OwnTree = {}): void {
  const path = ownCgroup(own, "v2");
  if (path === "/" || path.endsWith("/runtime")) return;
  const beside = `${top}${path}/runtime`;
  mkdirSync(beside, { recursive: true, mode: 0o755 });
  for (const pid of readLines(`${top}${path}/cgroup.procs`)) {
    try {
      writeFileSync(`${beside}/cgroup.procs`, pid);
    } catch (thrown) {
      // It ended meanwhile; anything else would end in limits that do nothing.
      if (errnoOf(thrown) !== "ESRCH") throw thrown;
    }
  }
}
