// Which program checkpoints and restores a container: its own runtime where that can, else a crun that shares its state.
// Source: crun(1), runc(8): "checkpoint", "restore".

import { statSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { spawnSync } from "../base/spawn.ts";
import { cgroupMode } from "./cgroups.ts";
import { criuEnvironment, criuFault, criuFolder, isPassing, type Criu } from "./criu.ts";
import { beginRuntime, type RuntimeProgram } from "./program.ts";

/** The crun that `system setup criu` fetched beside its criu. */
export function privateCrun(folder = criuFolder): { path: string } | undefined {
  const path = `${folder}/bin/crun`;
  return statSync(path, { throwIfNoEntry: false })?.isFile() ? { path } : undefined;
}

/** Whether a crun was built with it. */
export const hasCriu = (crun: string): boolean => spawnSync([crun, "--version"], { timeoutMs: 10_000 }).text().includes("+CRIU");

/**
 * The program that dumps and restores what `runtime` runs.
 *
 * @throws Fault "usage.unsupported" where none can, before anything was done
 */
export function checkpointRuntime(runtime: RuntimeProgram): RuntimeProgram {
  if (runtime.name.includes("runc")) return runtime;
  if (runtime.name.includes("crun")) {
    const own = privateCrun();
    // Both keep their state in the same place and form.
    if (own) return { ...runtime, path: own.path, hidesUnified: cgroupMode() === "hybrid" };
    if (hasCriu(runtime.path)) return runtime;
    throw new Fault("usage.unsupported", `cannot checkpoint or restore: runtime ${runtime.path} was built without CRIU: configured runtime does not support checkpoint/restore`, {
      hint: "get a crun that can with: podman system setup criu; or create the container with --runtime runc",
    });
  }
  throw new Fault("usage.unsupported", `cannot checkpoint or restore: configured runtime does not support checkpoint/restore: ${runtime.path}`, {
    hint: "create the container with --runtime crun or --runtime runc",
  });
}

export interface DumpAsked {
  readonly id: string;
  /** Where criu's images go. */
  readonly images: string;
  /** Where dump.log and stats-dump go. */
  readonly work: string;
  readonly leaveRunning?: boolean;
  readonly tcpEstablished?: boolean;
  readonly fileLocks?: boolean;
  /** Memory alone, as a base for a later dump. */
  readonly preDump?: boolean;
  /** Images of an earlier pre-dump, relative to `images`. */
  readonly parent?: string;
}

const triesMax = 4;

/**
 * Dumps a running container. The runtime goes on to its end even where we are interrupted: half a dump helps nobody.
 *
 * @throws Fault "checkpoint.failed" with what criu's log means; the container runs on then
 */
export async function dumpContainer(program: RuntimeProgram, criu: Criu, asked: DumpAsked): Promise<void> {
  const { id, images, work } = asked;
  const args = [
    "checkpoint", "--image-path", images, "--work-path", work,
    ...(asked.leaveRunning ? ["--leave-running"] : []),
    ...(asked.tcpEstablished ? ["--tcp-established"] : []),
    ...(asked.fileLocks ? ["--file-locks"] : []),
    ...(asked.preDump ? ["--pre-dump"] : []),
    ...(asked.parent ? ["--parent-path", asked.parent] : []),
    id,
  ];
  let answer = await beginRuntime(program, args, { env: criuEnvironment(criu), detached: true });
  for (let tries = 1; answer.status !== 0 && tries < triesMax && isPassing(`${work}/dump.log`); tries++) {
    answer = await beginRuntime(program, args, { env: criuEnvironment(criu), detached: true });
  }
  const { status, complaint } = answer;
  if (status !== 0) throw criuFault(`checkpoint container ${id}`, `${work}/dump.log`, complaint.split("\n").at(-1) ?? "");
}

export interface RestoreAsked {
  readonly tcpEstablished?: boolean;
  readonly tcpClose?: boolean;
  readonly fileLocks?: boolean;
}

/** @throws Fault "usage.unsupported" for what the runtime does not know */
export function restoreOptions(program: RuntimeProgram, asked: RestoreAsked): string[] {
  if (asked.tcpClose && !spawnSync([program.path, "restore", "--help"], { timeoutMs: 10_000 }).text().includes("--tcp-close")) {
    throw new Fault("usage.unsupported", `cannot restore with --tcp-close: runtime ${program.path} does not know it`, { hint: "create the container with --runtime crun" });
  }
  return [
    ...(asked.tcpEstablished ? ["--tcp-established"] : []),
    ...(asked.tcpClose ? ["--tcp-close"] : []),
    ...(asked.fileLocks ? ["--file-locks"] : []),
  ];
}
