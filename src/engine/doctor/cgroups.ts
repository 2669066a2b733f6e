// The doctor's look at control groups.

import { existsSync } from "node:fs";
import { mounts } from "../../kernel/mounts.ts";
import { cgroupMode, isSystemdRunning, ownCgroup } from "../../runtime/cgroups.ts";
import { configured, textOf, type Check, type Looked } from "./finding.ts";

const base = "/sys/fs/cgroup";
const mounted = () => mounts().filter(({ type, target }) => /^cgroup2?$/.test(type) && (target === base || target.startsWith(`${base}/`)) && existsSync(target));

function missingControllers(): string[] {
  const wanted = ["cpu", "memory", "pids"];
  if (cgroupMode() === "v2") {
    const there = textOf(`${base}/cgroup.controllers`).split(/\s+/);
    return wanted.filter(name => !there.includes(name));
  }
  return wanted.filter(name => !mounted().some(({ superOptions }) => superOptions.includes(name)));
}

function controllers(): Looked {
  const missing = missingControllers();
  if (missing.length === 0) return undefined;
  const known = new Set(textOf("/proc/cgroups").split("\n").map(line => line.split("\t")[0]));
  const lost = missing.filter(name => !known.has(name));
  return {
    evidence: `no controller ${missing.join(", ")} below ${base}${lost.length > 0 ? `; the kernel has none for ${lost.join(", ")}` : ""}`,
    next: missing.includes("memory") && lost.includes("memory") ? "boot with cgroup_enable=memory on the kernel's command line" : `mount -t cgroup -o ${missing[0]} cgroup ${base}/${missing[0]}`,
  };
}

export const cgroupChecks: readonly Check[] = [
  {
    code: "cgroups.not-mounted", severity: "error", holds: "control groups are mounted",
    look: () => mounted().length === 0 ? { evidence: `nothing of type cgroup or cgroup2 is mounted at ${base}`, next: `mount -t cgroup2 cgroup2 ${base}` } : undefined,
  },
  {
    code: "cgroups.read-only", severity: "error", holds: "control groups can be written", for: "root", needs: ["cgroups.not-mounted"],
    look: () => {
      const closed = mounted().filter(({ options, superOptions }) => options.includes("ro") || superOptions.includes("ro"));
      return closed.length > 0 ? { evidence: `${closed.map(({ target }) => target).join(", ")}: mounted read-only, as in a container without privileges`, next: `mount -o remount,rw,bind ${closed[0]!.target}` } : undefined;
    },
  },
  { code: "cgroups.no-controller", severity: "error", holds: "processor, memory and number of processes can be limited", for: "root", needs: ["cgroups.not-mounted"], look: controllers },
  {
    code: "cgroups.not-delegated", severity: "warning", holds: "limits work for this user", for: "user", needs: ["cgroups.not-mounted"],
    look: () => {
      if (cgroupMode() !== "v2") return undefined;
      const own = ownCgroup(textOf("/proc/self/cgroup"), "v2");
      const given = textOf(`${base}${own}/cgroup.controllers`).split(/\s+/);
      const missing = ["memory", "pids"].filter(name => !given.includes(name));
      return missing.length > 0 ? { evidence: `${base}${own} has no ${missing.join(", ")}`, next: "systemd-run --user --scope -p Delegate=yes $SHELL" } : undefined;
    },
  },
  {
    code: "cgroups.no-systemd", severity: "error", holds: "the cgroup manager that was chosen runs", needs: configured,
    look: ({ host }) => {
      const wanted = host.options.cgroupManager ?? host.conf.engine.cgroup_manager;
      return wanted === "systemd" && !isSystemdRunning() ? { evidence: "cgroup_manager is systemd, but /run/systemd/system is missing: systemd does not run", next: 'set cgroup_manager = "cgroupfs" in containers.conf, or give --cgroup-manager cgroupfs' } : undefined;
    },
  },
];
