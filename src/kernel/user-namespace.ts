// A user's own user and mount namespaces: made by a process that does nothing but keep them, mapped by newuidmap and newgidmap.
// Source: user_namespaces(7), newuidmap(1), unshare(1), nsenter(1).
// We have several threads, and the kernel lets no such process change its user namespace: util-linux's small programs do.

import * as fs from "node:fs";
import { Fault } from "../base/fault.ts";
import type { IdRange } from "../base/id-mapping.ts";
import { findProgram, needProgram, scrubbed, spawn, spawnSync } from "../base/spawn.ts";
import { mount, MS_BIND } from "./mount-calls.ts";
import { closeQuietly } from "./files.ts";
import { bringLoopbackUp, bringLoopbackUpByChild, CLONE_NEWNS, CLONE_NEWUSER, createNetnsByChild, inNetns, openNamespace, removeNamedNetns, setns } from "./namespaces.ts";
import { processStart } from "./processes.ts";
import { alone } from "./sole-thread.ts";
import { call } from "./syscall.ts";

export interface Mapped {
  readonly id: number;
  /** Empty: the user's own ID alone, as 0. */
  readonly ranges: readonly IdRange[];
}

/** Makes the namespaces; gives the process that keeps them. It ends by any deadly signal. */
export async function keepNamespaces(users: Mapped, groups: Mapped): Promise<number> {
  const keeper = spawn([needProgram("unshare", "util-linux"), "--user", "--mount", "--propagation", "slave", ...keeperProgram()], {
    detached: true, cwd: "/", env: { PATH: "/usr/bin:/bin" }, stdio: ["ignore", "ignore", "ignore"],
  });
  keeper.unref();
  try {
    await untilKeeps(keeper.pid);
    if (users.ranges.length === 0 || groups.ranges.length === 0) {
      fs.writeFileSync(`/proc/${keeper.pid}/setgroups`, "deny");
      fs.writeFileSync(`/proc/${keeper.pid}/uid_map`, `0 ${users.id} 1\n`);
      fs.writeFileSync(`/proc/${keeper.pid}/gid_map`, `0 ${groups.id} 1\n`);
    } else {
      map("newuidmap", keeper.pid, users);
      map("newgidmap", keeper.pid, groups);
    }
    return keeper.pid;
  } catch (thrown) {
    keeper.kill(9);
    throw thrown;
  }
}

/** A new process that keeps the namespaces `pid` is in; undefined where that one ends before. */
export async function keepNamespacesOf(pid: number): Promise<number | undefined> {
  const entering = [needProgram("nsenter", "util-linux"), "--preserve-credentials", `--user=/proc/${pid}/ns/user`, `--mount=/proc/${pid}/ns/mnt`, "--"];
  const keeper = spawn([...entering, ...keeperProgram()], { detached: true, cwd: "/", env: { PATH: "/usr/bin:/bin" }, stdio: ["ignore", "ignore", "ignore"] });
  keeper.unref();
  const end = performance.now() + waitMs;
  for (; performance.now() < end; await Bun.sleep(0.2)) {
    if (processStart(keeper.pid) === undefined) return undefined;
    if (isWayIn(keeper.pid) && fs.readFileSync(`/proc/${keeper.pid}/comm`, "utf8").trim() !== "nsenter") return keeper.pid;
  }
  return undefined;
}

/** catatonit's pause mode; where it is not there, a sleep does the same. */
function keeperProgram(): string[] {
  for (const path of ["/usr/libexec/podman/catatonit", "/usr/lib/podman/catatonit"]) if (fs.existsSync(path)) return [path, "-P"];
  const found = findProgram("catatonit");
  return found ? [found, "-P"] : [needProgram("sleep", "coreutils"), "infinity"];
}

const waitMs = 5000;

/** Until it has left our namespaces, made its mounts its own, and become the program that waits. */
async function untilKeeps(pid: number): Promise<void> {
  const end = performance.now() + waitMs;
  while (performance.now() < end) {
    if (processStart(pid) === undefined) break;
    const name = fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim();
    if (name !== "unshare" && fs.readlinkSync(`/proc/${pid}/ns/user`) !== fs.readlinkSync("/proc/self/ns/user")) return;
    await Bun.sleep(0.2);
  }
  throw new Fault("system.denied", "cannot clone: cannot make a user namespace", {
    hint: "let users make namespaces, for instance with: sysctl -w user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1",
  });
}

function map(program: "newuidmap" | "newgidmap", pid: number, { id, ranges }: Mapped): void {
  const words = [0, id, 1];
  let inside = 1;
  for (const { start, count } of ranges) {
    words.push(inside, start, count);
    inside += count;
  }
  const ran = spawnSync([needProgram(program, "uidmap"), String(pid), ...words.map(String)]);
  if (ran.status === 0) return;
  throw new Fault("component.failed", `cannot set up namespace using "${program}": ${ran.complaint()}`, {
    hint: `see that ${program} is setuid root or has file capabilities, and that the ranges in /etc/subuid and /etc/subgid are yours`,
  });
}

/** Whether a process lives in a user namespace that is not ours and that we made; another user's process is no way in. */
export function isWayIn(pid: number): boolean {
  try {
    const own = fs.statSync("/proc/self").uid;
    return processStart(pid) !== undefined && fs.statSync(`/proc/${pid}`).uid === own &&
      fs.readlinkSync(`/proc/${pid}/ns/user`) !== fs.readlinkSync("/proc/self/ns/user") &&
      /^\s*0\s/.test(fs.readFileSync(`/proc/${pid}/uid_map`, "latin1"));
  } catch {
    return false;
  }
}

/**
 * Takes this very process into the user and mount namespace of another one, as root there, at the same place in the tree of files.
 * False, and nothing has changed, where it has threads that it cannot do without.
 */
export function enterHere(pid: number): boolean {
  const here = process.cwd();
  const [users, mounts] = [openNamespace("user", pid), openNamespace("mnt", pid)];
  try {
    if (!alone(() => call("setns", users, CLONE_NEWUSER), "enter the user's namespaces")) return false;
    setns(mounts, CLONE_NEWNS);
  } finally {
    for (const fd of [users, mounts]) closeQuietly(fd);
  }
  process.chdir(here);
  return true;
}

/** Becomes `program` in the user and mount namespace of a process, as root there; does not return. */
export function becomeInside(pid: number, program: readonly string[], env: Readonly<Record<string, string | undefined>>): never {
  const nsenter = needProgram("nsenter", "util-linux");
  const argv = ["nsenter", "--preserve-credentials", `--user=/proc/${pid}/ns/user`, `--mount=/proc/${pid}/ns/mnt`, "--", ...program];
  return become(nsenter, argv, env);
}

/** Replaces this process; does not return. */
export function become(file: string, argv: readonly string[], env: Readonly<Record<string, string | undefined>>): never {
  return process.execve!(file, [...argv], scrubbed(env)) as never;
}

/**
 * Makes a network namespace that lives as long as the file `path` is mounted, with its loopback up. By a child: our own
 * thread could not come back to the host's, which no user owns.
 */
export function keepNetns(path: string): void {
  fs.writeFileSync(path, "", { mode: 0o444, flag: "wx" });
  try {
    if (createNetnsByChild(path)) return;
    const ran = spawnSync([needProgram("unshare", "util-linux"), `--net=${path}`, needProgram("ip", "iproute2"), "link", "set", "lo", "up"]);
    if (ran.status !== 0) throw new Fault("system.failed", `cannot make a network namespace: ${ran.complaint()}`);
  } catch (thrown) {
    fs.rmSync(path, { force: true });
    throw thrown;
  }
}

/** Keeps a network namespace that is there already at `path`, its loopback up. @param byThread whether our own thread can come back */
export function nameNetns(path: string, made: string, byThread: boolean): void {
  fs.writeFileSync(path, "", { mode: 0o444, flag: "wx" });
  try {
    mount({ source: made, target: path, flags: MS_BIND });
    if (byThread) return inNetns(path, bringLoopbackUp);
    if (bringLoopbackUpByChild(path)) return;
    const ran = spawnSync([needProgram("nsenter", "util-linux"), `--net=${path}`, needProgram("ip", "iproute2"), "link", "set", "lo", "up"]);
    if (ran.status !== 0) throw new Fault("system.failed", `cannot set up the loopback of a network namespace: ${ran.complaint()}`);
  } catch (thrown) {
    removeNamedNetns(path);
    throw thrown;
  }
}
