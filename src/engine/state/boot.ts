// Reboot detection: the first opener after a boot takes every container that the boot ended out of its running states.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { errnoOf, reasonOf, systemFault } from "../../base/fault.ts";
import type { ContainerState, ContainerStatus } from "../../base/container-state.ts";
import { lockFile } from "../../kernel/locks.ts";
import type { State } from "./state.ts";

interface BootPaths {
  readonly runroot: string;
  readonly exits: string;
  readonly locks: string;
  readonly namespaces: string;
}

function readQuietly(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

const afterBoot: Readonly<Record<ContainerStatus, ContainerStatus>> = {
  created: "created", initialized: "created", running: "exited", paused: "exited", stopping: "exited",
  stopped: "exited", exited: "exited", removing: "removing",
};

/** What is left of a state when its boot has ended. */
export function stateAfterBoot(state: ContainerState): ContainerState {
  const {
    pid: _pid, pidStart: _start, conmonPid: _conmon, networkStatus: _network, networkNamespace: _namespace,
    mountpoint: _mountpoint, bundle: _bundle, execIds: _execs, cgroupPath: _cgroup, ...lasting
  } = state;
  const wasRunning = state.status === "running" || state.status === "paused" || state.status === "stopping";
  return { ...lasting, status: afterBoot[state.status], mountCount: 0, ...(wasRunning ? { exitCode: state.exitCode ?? 0 } : {}) };
}

function makeDirectories(paths: BootPaths): void {
  try {
    for (const directory of [paths.runroot, paths.exits, paths.locks, paths.namespaces]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw systemFault(errnoOf(thrown) ?? "EIO", `cannot make the run directory "${paths.runroot}": ${reasonOf(thrown)}`, thrown);
  }
}

/** Compares the run directory's marker with the kernel's boot ID; resets the states when they differ. */
export function noticeBoot(paths: BootPaths, state: State): void {
  const marker = `${paths.runroot}/boot`;
  const boot = readQuietly("/proc/sys/kernel/random/boot_id") ?? "unknown";
  if (readQuietly(marker) === boot) return;
  makeDirectories(paths);
  using _lock = lockFile(`${paths.runroot}/boot.lock`, { exclusive: true, wait: true });
  if (readQuietly(marker) === boot) return;
  state.transaction(() => {
    for (const { id } of state.leavings()) {
      state.forgetLeaving(id);
      state.freeAddresses(id);
    }
    for (const { id, state: before } of state.containers()) {
      state.saveState(id, stateAfterBoot(before));
      state.freeAddresses(id);
      for (const session of state.execs(id)) state.removeExec(session.id);
    }
  });
  writeFileSync(`${marker}.new`, boot, { mode: 0o600 });
  renameSync(`${marker}.new`, marker);
}
