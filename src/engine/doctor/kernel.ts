// The doctor's look at the kernel, its limits, and the files every program takes for granted.

import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { reasonOf } from "../../base/fault.ts";
import { findProgram, spawnSync } from "../../base/spawn.ts";
import { textOf, type Check, type Looked } from "./finding.ts";

/** openat2, with which every path inside a container is resolved, came with it. */
const kernelMin = [5, 6] as const;
const filesMin = 1024;
const processesMin = 256;
const inotifyMin = 16;

function release(): Looked {
  const text = textOf("/proc/sys/kernel/osrelease").trim();
  const [major = 0, minor = 0] = text.split(".").map(part => Number.parseInt(part, 10));
  if (major > kernelMin[0] || (major === kernelMin[0] && minor >= kernelMin[1])) return undefined;
  return { evidence: `the kernel is ${text || "unknown"}, and paths inside containers are confined by a call that came with ${kernelMin.join(".")}`, next: "boot a newer kernel: apt-get install linux-image-amd64" };
}

function overlay(): Looked {
  const known = textOf("/proc/filesystems");
  if (known === "" || /\boverlay$/m.test(known)) return undefined;
  const modprobe = findProgram("modprobe");
  return {
    evidence: "/proc/filesystems has no overlay: the module is not loaded, or this kernel has none", next: "modprobe overlay",
    ...(modprobe ? { fix: () => void spawnSync([modprobe, "overlay"]) } : {}),
  };
}

const number = (path: string): number => Number.parseInt(textOf(path), 10);

/** Soft limits of this process, from which containers have theirs. */
function softLimit(name: string): number {
  const found = new RegExp(`^${name}\\s+(\\S+)`, "m").exec(textOf("/proc/self/limits"))?.[1];
  return found === undefined || found === "unlimited" ? Number.POSITIVE_INFINITY : Number(found);
}

function isWritable(path: string): string | undefined {
  try {
    if (!statSync(path).isDirectory()) return "it is not a directory";
    accessSync(path, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (thrown) {
    return reasonOf(thrown);
  }
}

const devices = ["/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"];
const isDevice = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isCharacterDevice() ?? false;

function seccomp(): Looked {
  try {
    if (readdirSync("/proc/sys/kernel/seccomp").includes("actions_avail")) return undefined;
  } catch {
    // Without the directory there is no seccomp.
  }
  return { evidence: "/proc/sys/kernel/seccomp/actions_avail is missing: the kernel has no system call filters", next: "boot a kernel with CONFIG_SECCOMP_FILTER, or run containers with --security-opt seccomp=unconfined" };
}

function forbiddenNamespaces(): Looked {
  for (const [name, bad] of [["unprivileged_userns_clone", 0], ["apparmor_restrict_unprivileged_userns", 1]] as const) {
    if (number(`/proc/sys/kernel/${name}`) === bad) return { evidence: `/proc/sys/kernel/${name} is ${bad}: ordinary users get no user namespace`, next: `as root: sysctl -w kernel.${name}=${1 - bad}` };
  }
  return undefined;
}

export const kernelChecks: readonly Check[] = [
  { code: "kernel.too-old", severity: "error", holds: `the kernel is at least ${kernelMin.join(".")}`, look: release },
  { code: "kernel.no-overlay", severity: "error", holds: "the kernel has overlay", look: overlay },
  { code: "kernel.no-seccomp", severity: "error", holds: "the kernel filters system calls", look: seccomp },
  {
    code: "kernel.no-user-namespaces", severity: "error", holds: "user namespaces may be made", for: "user",
    look: () => number("/proc/sys/user/max_user_namespaces") === 0 ? { evidence: "/proc/sys/user/max_user_namespaces is 0", next: "as root: sysctl -w user.max_user_namespaces=15000" } : undefined,
  },
  { code: "kernel.user-namespaces-forbidden", severity: "error", holds: "ordinary users may make user namespaces", for: "user", look: forbiddenNamespaces },
  {
    code: "kernel.few-watches", severity: "warning", holds: "there are watches of files to be had",
    look: () => number("/proc/sys/fs/inotify/max_user_instances") < inotifyMin ? { evidence: `/proc/sys/fs/inotify/max_user_instances is ${number("/proc/sys/fs/inotify/max_user_instances")}: logs --follow needs one of them each`, next: "sysctl -w fs.inotify.max_user_instances=512" } : undefined,
  },
  {
    code: "limits.few-files", severity: "error", holds: `at least ${filesMin} files may be open`,
    look: () => softLimit("Max open files") < filesMin ? { evidence: `this shell lets a process have ${softLimit("Max open files")} open files`, next: "ulimit -n 4096" } : undefined,
  },
  {
    code: "limits.few-processes", severity: "warning", holds: `at least ${processesMin} processes may run`,
    look: () => softLimit("Max processes") < processesMin ? { evidence: `this shell lets a user have ${softLimit("Max processes")} processes`, next: "ulimit -u 4096" } : undefined,
  },
  {
    code: "files.no-devices", severity: "error", holds: `${devices.join(", ")} are devices`,
    look: () => {
      const wrong = devices.filter(path => !isDevice(path));
      return wrong.length > 0 ? { evidence: `${wrong.join(", ")}: not a character device`, next: "mount -t devtmpfs devtmpfs /dev" } : undefined;
    },
  },
  {
    code: "files.no-temporary", severity: "error", holds: "the directory for temporary files can be written",
    look: ({ env }) => {
      const [path, from] = env.TMPDIR ? [env.TMPDIR, "TMPDIR"] : ["/var/tmp", "the default"];
      const reason = isWritable(path);
      return reason === undefined ? undefined : { evidence: `${path} (${from}): ${reason}`, next: env.TMPDIR ? "unset TMPDIR" : "mkdir -p -m 1777 /var/tmp" };
    },
  },
  {
    code: "files.home-unwritable", severity: "error", holds: "the home directory can be written", for: "user",
    look: ({ env }) => {
      const path = env.HOME ?? "";
      const reason = path === "" ? "it is not set" : isWritable(path);
      return reason === undefined ? undefined : { evidence: `HOME ${path}: ${reason}`, next: "export HOME=… to a directory of yours; the store lies there" };
    },
  },
  {
    code: "files.no-tun", severity: "warning", holds: "/dev/net/tun is there for pasta", for: "user",
    look: () => isDevice("/dev/net/tun") ? undefined : { evidence: "/dev/net/tun: no such device; an ordinary user's containers reach the network by it", next: "as root: modprobe tun" },
  },
];
