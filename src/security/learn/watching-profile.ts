// The seccomp profile that tells a listener of every call, and the one made of what was told; pure.
// Source: OCI runtime-spec config-linux.md "Seccomp"; seccomp_unotify(2).

import { Fault } from "../../base/fault.ts";
import type { OciSeccomp } from "../seccomp.ts";

/** Told of nobody: the runtime tells of its listener by them, or the kernel makes them on its own. They stay allowed for ever. */
const untold = ["write", "rt_sigreturn", "restart_syscall", "exit", "exit_group"];

/** What runtimes and init programs call between taking the filter on and the container's program; each of them others. */
const runtimeNeeds = [
  "brk", "capget", "capset", "chdir", "clone", "clone3", "close", "close_range", "dup3", "epoll_ctl", "epoll_pwait", "execve", "execveat", "faccessat", "faccessat2",
  "fchdir", "fchown", "fcntl", "fstat", "fstatfs", "futex", "getcwd", "getdents64", "getegid", "geteuid", "getgid", "getpid", "getppid",
  "getrandom", "getuid", "ioctl", "kill", "lseek", "lstat", "madvise", "mmap",
  "mprotect", "munmap", "nanosleep", "newfstatat", "open", "openat", "openat2", "pipe2", "poll", "prctl",
  "pselect6", "read", "readlink", "readlinkat", "rt_sigaction", "rt_sigprocmask", "sched_yield",
  "sendmsg", "setgid", "setgroups", "setresgid", "setresuid", "setsid", "setuid", "sigaltstack", "stat", "statx", "tgkill", "umask", "wait4",
];

export interface Watching {
  /** What would hold without watching; undefined: no filter. */
  readonly base: OciSeccomp | undefined;
  /** Where the listener's handle is sent. */
  readonly socket: string;
  /** All names of calls that this machine knows. */
  readonly known: readonly string[];
}

/** As strict as the base, but every call it allows is told of first. @throws Fault "usage.unsupported" for a base with a listener of its own */
export function watchingProfile({ base, socket, known }: Watching): OciSeccomp {
  if (base?.listenerPath !== undefined || base?.syscalls.some(({ action }) => action === "SCMP_ACT_NOTIFY")) {
    throw new Fault("usage.unsupported", "cannot learn from a container whose seccomp profile has a listener of its own", { hint: "name another profile, or none" });
  }
  const { flags: _flags, ...plain } = base ?? openProfile(known);
  return {
    ...plain,
    // Where all is allowed that no rule names, all that has a name gets a rule.
    syscalls: [...plain.syscalls, ...(plain.defaultAction === "SCMP_ACT_ALLOW" ? restOf(plain, known) : [])].flatMap(told),
    listenerPath: socket,
  };
}

const openProfile = (known: readonly string[]): OciSeccomp => ({ defaultAction: "SCMP_ACT_ALLOW", architectures: [], syscalls: [{ names: known, action: "SCMP_ACT_ALLOW" }] });

function restOf({ syscalls }: OciSeccomp, known: readonly string[]): OciSeccomp["syscalls"] {
  const named = new Set(syscalls.flatMap(({ names }) => names));
  const names = known.filter(name => !named.has(name));
  return names.length === 0 ? [] : [{ names, action: "SCMP_ACT_ALLOW" }];
}

function told(rule: OciSeccomp["syscalls"][number]): OciSeccomp["syscalls"] {
  if (rule.action !== "SCMP_ACT_ALLOW") return [rule];
  const parts = [[rule.names.filter(name => untold.includes(name)), rule.action], [rule.names.filter(name => !untold.includes(name)), "SCMP_ACT_NOTIFY"]] as const;
  return parts.flatMap(([names, action]) => (names.length === 0 ? [] : [{ ...rule, names, action }]));
}

/** As a file for --security-opt seccomp=: the base's own rules for what was used, and nothing else. */
export function learnedProfile(base: OciSeccomp | undefined, used: ReadonlySet<string>): Omit<OciSeccomp, "listenerPath" | "listenerMetadata"> {
  const wanted = new Set([...used, ...untold, ...runtimeNeeds]);
  if (base === undefined || base.defaultAction === "SCMP_ACT_ALLOW") {
    const refused = base?.syscalls.filter(({ action }) => action !== "SCMP_ACT_ALLOW") ?? [];
    const never = new Set(refused.flatMap(({ names, args }) => (args ? [] : names)));
    return { ...refusal, architectures: base?.architectures ?? [], syscalls: [...refused, { names: [...wanted].filter(name => !never.has(name)).sort(), action: "SCMP_ACT_ALLOW" }] };
  }
  const { defaultErrnoRet } = base;
  return {
    defaultAction: base.defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    architectures: base.architectures,
    syscalls: base.syscalls.flatMap(rule => {
      const names = rule.action === "SCMP_ACT_ALLOW" ? rule.names.filter(name => wanted.has(name)).sort() : rule.names;
      return names.length === 0 ? [] : [{ ...rule, names }];
    }),
  };
}

/** A program that meets what was never used shall go on as on a kernel without it. */
const refusal = { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38 } as const;
