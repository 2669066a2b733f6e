// kill -9 at a chosen system call that changes the disk, the database or the kernel; then what the next command finds.
// Source: strace(1), "Tampering".

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { podman, run } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import type { Operation } from "./operations.ts";
import { leftSince, type Traces } from "./traces.ts";

const calls = [
  "write", "pwrite64", "writev", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat", "mknodat", "ftruncate",
  "fallocate", "fsync", "fdatasync", "syncfs", "copy_file_range", "fchmod", "fchmodat", "chmod", "fchown", "fchownat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "mount", "umount2",
  "move_mount", "fsmount", "setns", "unshare", "vfork", "clone3", "kill", "pidfd_send_signal", "flock", "sendto", "shutdown",
].join(",");

/** Programs that it starts are let go as soon as they are others than ours. */
const traced = (how: readonly string[], { program = "podman", argv }: Operation): string[] =>
  ["strace", "-f", "-qq", "-b", "execve", ...how, program, ...argv];

/** The n-th call of this name in one thread. */
export interface Point {
  readonly call: string;
  readonly count: number;
}

/** Every moment at which it can be stopped, in some order; calls are counted for each thread and name, as strace does. */
export function pointsOf(operation: Operation): Point[] {
  const file = join(newFolder("count"), "trace");
  operation.prepare();
  const ran = run(traced(["-o", file, "-e", `trace=${calls}`], operation));
  if (ran.status !== 0) throw new Error(`${operation.name} fails without being killed: ${ran.err}`);
  const counts = new Map<string, number>();
  for (const [, thread, call] of readFileSync(file, "utf8").matchAll(/^(\d+)\s+(\w+)\(/gm)) counts.set(`${thread} ${call}`, (counts.get(`${thread} ${call}`) ?? 0) + 1);
  const most = new Map<string, number>();
  for (const [key, count] of counts) most.set(key.split(" ")[1]!, Math.max(count, most.get(key.split(" ")[1]!) ?? 0));
  return [...most].flatMap(([call, count]) => Array.from({ length: count }, (_, index) => ({ call, count: index + 1 })));
}

export interface Killed {
  readonly operation: string;
  /** Undefined for a moment by chance. */
  readonly at: Point | undefined;
  readonly wasKilled: boolean;
  readonly problems: readonly string[];
}

/** @param before of a world without containers */
export async function killAt(operation: Operation, at: Point, before: Traces): Promise<Killed> {
  operation.prepare();
  const ran = run(traced(["-o", "/dev/null", "-e", `trace=${at.call}`, "-e", `inject=${at.call}:signal=KILL:when=${at.count}`], operation));
  return judged(operation, { at, status: ran.status, err: ran.err }, before);
}

/** @param afterMs from its start */
export async function killAfter(operation: Operation, afterMs: number, before: Traces): Promise<Killed> {
  operation.prepare();
  const ran = run(["timeout", "-s", "KILL", `${afterMs / 1000}`, operation.program ?? "podman", ...operation.argv]);
  return judged(operation, { at: undefined, status: ran.status, err: ran.err }, before);
}

interface Ended {
  readonly at: Point | undefined;
  readonly status: number;
  readonly err: string;
}

async function judged(operation: Operation, { at, status, err }: Ended, before: Traces): Promise<Killed> {
  const wasKilled = status === 137;
  const problems: string[] = [];
  if (!wasKilled && status !== 0) problems.push(`it failed: ${err.trim()}`);
  if (status === 0 && !operation.isDone()) problems.push("it reported success, and nothing is done");
  problems.push(...nextCommand(), ...(operation.left?.() ?? []), ...(await afterRemoval(before)));
  return { operation: operation.name, at, wasKilled, problems };
}

/** Whatever comes next finds a sound store, and nothing of the dead command's on its way. */
function nextCommand(): string[] {
  const ran = ["ps -aq", "system check --quick"].map(line => ({ line, ...podman(...line.split(" ")) }));
  const failed = ran.filter(({ status, err }) => status !== 0 || err !== "").map(({ line, out, err }) => `${line}: ${err}${out}`.trim());
  return failed;
}

/** Where the store is ours. */
const stagingPath = "/var/lib/containers/coracle/staging";
/** Cleaning by conmon's call goes on for a moment. */
const settleMs = 5000;

async function afterRemoval(before: Traces): Promise<string[]> {
  const removed = podman("rm", "-f", "-a", "-v", "-t", "0");
  if (removed.status !== 0) return [`rm -fa: ${removed.err.trim()}`];
  const end = Date.now() + settleMs;
  const staging = (): string[] => (existsSync(stagingPath) ? readdirSync(stagingPath).map(name => `staging: ${name}`) : []);
  let left = [...leftSince(before), ...staging()];
  while (left.length > 0 && Date.now() < end) {
    await Bun.sleep(50);
    left = [...leftSince(before), ...staging()];
  }
  return left;
}

/** All images, volumes and networks go; what is then still on the disk is leaked. */
export function leakedBytes(before: Traces): string[] {
  const problems = ["rm -fa -t 0", "rmi -fa", "volume rm -fa", "network prune -f", "system prune -fa"].flatMap(line => {
    const ran = podman(...line.split(" "));
    return ran.status === 0 ? [] : [`${line}: ${ran.err.trim()}`];
  });
  return [...problems, ...leftSince(before, ["files"])];
}
