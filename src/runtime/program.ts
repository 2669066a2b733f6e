// Which OCI runtime runs a container, and how it is called on this host.
// Source: runtime-spec runtime.md; on hybrid hosts crun wants the v2 tree out of sight.

import { findProgram, spawn, spawnSync, type Child, type Environment, type Finished, type SpawnOptions, type Stdio } from "../base/spawn.ts";
import { Fault } from "../base/fault.ts";
import { cgroupMode, type CgroupMode } from "./cgroups.ts";
import { sealed } from "./sealed.ts";
import { entranceWithoutUnified, withoutUnified } from "./unified.ts";

export interface RuntimeProgram {
  /** "crun", "runc", …: the last part of the path. */
  readonly name: string;
  readonly path: string;
  /** Before the verb: --root, --systemd-cgroup and what --runtime-flag gave. */
  readonly flags: readonly string[];
  /** Whether every call must run without the v2 tree of a hybrid host. */
  readonly hidesUnified: boolean;
}

const packages: Readonly<Record<string, string>> = { crun: "crun", runc: "runc", kata: "kata-containers", youki: "youki" };

export interface RuntimeWish {
  /** Name or path; absent: crun, else runc. */
  readonly runtime?: string;
  readonly flags?: readonly string[];
  /** Paths by name, of containers.conf. */
  readonly places?: Readonly<Record<string, readonly string[]>>;
  readonly mode?: CgroupMode;
}

/** @throws Fault "component.missing" naming the package */
export function findRuntime(wish: RuntimeWish): RuntimeProgram {
  const names = wish.runtime ? [wish.runtime] : ["crun", "runc"];
  for (const name of names) {
    const path = name.includes("/") ? name : (wish.places?.[name] ?? []).map(place => findProgram(place)).find(Boolean) ?? findProgram(name);
    if (!path) continue;
    const short = path.slice(path.lastIndexOf("/") + 1);
    const isCrun = short.includes("crun");
    const flags = (wish.flags ?? []).map(flag => (flag.startsWith("-") ? flag : `--${flag}`));
    return { name: short, path, flags, hidesUnified: isCrun && (wish.mode ?? cgroupMode()) === "hybrid" };
  }
  const [first] = names;
  throw new Fault("component.missing", `default OCI runtime "${first}" not found: invalid argument`, {
    hint: `install it with: apt-get install ${packages[first!] ?? "crun"}`,
  });
}

/** What is started in place of the program: itself, where nobody can write to it. */
function started({ name, path }: RuntimeProgram): { path: string; env: Environment } {
  return (clonesItself(name) ? sealed(path) : undefined) ?? { path, env: {} };
}

const clonesItself = (name: string): boolean => name.includes("crun") || name.includes("runc");

export interface ConmonRuntime {
  readonly path: string;
  /** They stand before ours. */
  readonly args: readonly string[];
  readonly env: Environment;
  /** To be called when the runtime has answered. */
  close(): void;
}

/** What conmon is given as its runtime. conmon and its exit command stay in the host's mount namespace. */
export function runtimeForConmon(program: RuntimeProgram): ConmonRuntime {
  const { path: own, env } = started(program);
  if (!program.hidesUnified) return { path: own, args: program.flags, env, close: () => {} };
  const { argv: [path, ...args], close } = entranceWithoutUnified();
  return { path: path!, args: [...args, own, ...program.flags], env, close };
}

/** Calls the runtime and waits; the caller reads status and stderr. */
export function callRuntime(program: RuntimeProgram, args: readonly string[], options: { stdin?: string; fds?: readonly number[] } = {}): Finished {
  return inSight(program, how => spawnSync([how.path, ...program.flags, ...args], { ...options, env: how.env, argv0: program.path }));
}

export interface Answer {
  readonly status: number;
  readonly complaint: string;
}

const complaintBytesMax = 64 * 1024;

/** Calls the runtime while we go on. */
export async function beginRuntime(program: RuntimeProgram, args: readonly string[], how: Pick<SpawnOptions, "env" | "cwd" | "detached"> = {}): Promise<Answer> {
  const child = inSight(program, run => spawn([run.path, ...program.flags, ...args], {
    stdio: ["ignore", "ignore", "pipe"], ...how, env: { ...run.env, ...how.env }, argv0: program.path,
  }));
  const decoder = new TextDecoder();
  let complaint = "";
  for await (const chunk of child.stderr ?? []) {
    if (complaint.length < complaintBytesMax) complaint += decoder.decode(chunk, { stream: true });
  }
  return { status: await child.exited, complaint: complaint.trim() };
}

/** Starts the runtime, whose life and streams are the caller's. */
export function spawnRuntime(program: RuntimeProgram, args: readonly string[], stdio: readonly Stdio[]): Child {
  return inSight(program, ({ path, env }) => spawn([path, ...program.flags, ...args], { stdio, env, argv0: program.path }));
}

/** Starts something as the runtime wants to see this host. */
function inSight<T>(program: RuntimeProgram, run: (how: { path: string; env: Environment }) => T): T {
  const { path, env } = started(program);
  const act = (): T => run({ path, env: { ...process.env, ...env } });
  return program.hidesUnified ? withoutUnified(act) : act();
}

/** Starts the runtime with these descriptors as its own 0, 1, 2. */
export function beginRuntimeWith(program: RuntimeProgram, args: readonly string[], stdio: readonly Stdio[]): Child {
  return inSight(program, ({ path, env }) => spawn([path, ...program.flags, ...args], { stdio, env, argv0: program.path }));
}
