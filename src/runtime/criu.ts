// CRIU: which one is used, and what it says in its logs, in words with the way out.
// Source: criu(8); `coracle system setup criu` fills the private folder.

import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { findProgram, spawnSync, type Environment } from "../base/spawn.ts";

/** Programs of ours alone: nothing here is in anybody's PATH but that of a checkpoint or a restore. */
export const criuFolder = "/usr/local/lib/coracle/criu";

export interface Criu {
  readonly path: string;
  /** Whether it is the one that `system setup criu` fetched. */
  readonly isPrivate: boolean;
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

export function findCriu(folder = criuFolder): Criu | undefined {
  if (isFile(`${folder}/bin/criu`)) return { path: `${folder}/bin/criu`, isPrivate: true };
  const path = findProgram("criu");
  return path === undefined ? undefined : { path, isPrivate: false };
}

const setUpHint = "get one that works here with: podman system setup criu";

/** @throws Fault "component.missing" */
export function needCriu(): Criu {
  const found = findCriu();
  if (found) return found;
  throw new Fault("component.missing", 'cannot checkpoint or restore: program "criu" not found', { hint: setUpHint });
}

/** The runtime looks for criu in PATH. */
export function criuEnvironment(criu: Criu, env: Environment = process.env): Environment {
  return { ...env, PATH: `${criu.path.slice(0, criu.path.lastIndexOf("/"))}:${env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin"}` };
}

/** "4.2.1" as 40201, as podman counts; 0 where it does not say. */
export function criuVersion({ path }: Criu): { text: string; number: number } {
  const said = spawnSync([path, "--version"], { timeoutMs: 10_000 }).text();
  const [, text = "", major = "0", minor = "0", patch = "0"] = /Version: ((\d+)\.(\d+)(?:\.(\d+))?)/.exec(said) ?? [];
  return { text, number: Number(major) * 10_000 + Number(minor) * 100 + Number(patch) };
}

/** Whether this kernel and criu can tell which memory changed since an earlier dump. */
export const canTrackMemory = ({ path }: Criu): boolean => spawnSync([path, "check", "--feature", "mem_dirty_track"], { timeoutMs: 10_000 }).status === 0;

/** A program is a few MB. */
const programBytesMax = 64 * 1024 * 1024;

/** Whether it gives restored processes their SELinux labels back: built with libselinux, which Debian's is not. */
export function knowsSelinux({ path, isPrivate }: Criu, folder = criuFolder): boolean {
  try {
    const program = isPrivate ? `${folder}/libexec/criu` : path;
    return statSync(program).size <= programBytesMax && readFileSync(program).includes("libselinux.so");
  } catch {
    return false;
  }
}

/** The end of a log of criu, which may be long. */
const tailBytes = 256 * 1024;

function tailOf(path: string): string {
  try {
    const fd = openSync(path, "r");
    try {
      const { size } = fstatSync(fd);
      const buffer = Buffer.alloc(Math.min(size, tailBytes));
      const got = readSync(fd, buffer, 0, buffer.length, Math.max(0, size - tailBytes));
      return buffer.toString("utf8", 0, got);
    } finally {
      closeSync(fd);
    }
  } catch {
    return "";
  }
}

export interface CriuComplaint {
  /** What it means; else criu's own words. */
  readonly reason: string;
  readonly hint: string | undefined;
}

const meanings: readonly (readonly [RegExp, string, string])[] = [
  [/--?tcp-established|Connected TCP socket|connected TCP socket/, "it has open TCP connections, which --tcp-established would keep", "use --tcp-established, or close them first"],
  [/Some file locks are hold|--file-locks|file locks/i, "it holds file locks, which --file-locks would keep", "use --file-locks"],
  [/External socket is used|external unix|Unix socket .* without peer|ext-unix-sk/i, "it is connected to a unix socket outside of the container", "close that connection before the checkpoint"],
  [/The criu itself is within dumped tree/, "criu would have to dump itself", "run podman outside of the container"],
  [/iptables-restore|ip6tables-restore|network.*lock.*failed|Can't lock network/i, "criu could not hold the network still: iptables is missing or failed", "install it with: apt-get install iptables"],
  [/Pid \d+ (?:is )?busy|Can't fork for \d+: File exists|already exists in the namespace|File exists.*pid/i, "a process number that it needs is taken", "give the container a process namespace of its own: without --pid host"],
  [/No such file or directory.*(?:exe|binary)|File .* has bad (?:size|mode|build-id)|has bad size/i, "a file that a process had open or ran from is another one now, or is gone", "restore over the same image and the same volumes"],
  [/Can't bind inet socket.*(?:Cannot assign|99)|Cannot assign requested address/i, "an address of the process is not this container's now", "restore without --ignore-static-ip, or use --tcp-close"],
  [/dirty track|mem_dirty_track|soft-dirty/i, "this kernel does not track changed memory", "checkpoint without --pre-checkpoint"],
  [/mount.*(?:doesn't|does not) have a proper root mount|not (?:a )?proper mount|--root/i, "the container's root is not its mount namespace's root: podman itself runs in a changed root (chroot)", "start podman by pivot_root, as unshare --root does not"],
  [/Unknown vDSO|vdso: .*unsupported|VDSO|vDSO/i, "this criu does not know this kernel", setUpHint],
  [/[Cc]an't dump .*(?:sk|socket)|Can't get.*inet.*sock|inet: .*[Ff]ailed|sockdiag/i, "this criu cannot read the sockets of this kernel", setUpHint],
  [/Can't get rlimit \d+: Operation not permitted/, "one of its processes has another user, whose limits criu may not read without the capability CAP_SYS_RESOURCE", "run the program in the container as root, or podman with CAP_SYS_RESOURCE"],
  [/Unable to connect a transport socket: Permission denied/, "SELinux does not let criu's part in the container's process call criu", "load what the engine needs with: udica --engine-policy"],
  [/No space left on device/i, "there is no space left on the disk", "free some space, for instance with: podman image prune"],
];

/** Whether a dump failed because processes came and went under its hands: the next one may not. */
export const isPassing = (log: string): boolean => errorsOf(log).some(line => /No such process|Unable to detach from|SEIZE \d+: can't/i.test(line));

const errorsOf = (log: string): string[] =>
  tailOf(log).split("\n").flatMap(line => /^\((?:\d|\.)+\)\s+(?:\d+:\s+)?Error \(([^)]*)\): (.*)$/.exec(line)?.[2] ?? []);

/** criu also calls things errors which it gets over: only the last ones say why it gave up. */
const lastErrors = 12;

/** @param log dump.log or restore.log */
export function complaintOf(log: string): CriuComplaint | undefined {
  const ours = errorsOf(log).slice(-lastErrors);
  if (ours.length === 0) return undefined;
  for (const [pattern, reason, hint] of meanings) if (ours.some(line => pattern.test(line))) return { reason, hint };
  const telling = ours.filter(line => !/^(?:Dumping|Restoring) FAILED|^(?:pie: )?\d*:? ?Task .* exited|^Killed|cgroupd: recv req/i.test(line));
  return { reason: (telling.at(-1) ?? ours.at(-1)!).trim(), hint: undefined };
}

/** @param said what the runtime itself said, for where criu wrote no log */
export function criuFault(attempt: string, log: string, said: string): Fault {
  const found = complaintOf(log);
  const reason = found?.reason ?? (said.trim() || "criu failed and said nothing");
  return new Fault("checkpoint.failed", `cannot ${attempt}: ${reason}`, { hint: found?.hint ?? `see ${log}` });
}
