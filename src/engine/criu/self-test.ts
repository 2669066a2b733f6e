// Whether a criu really works on this machine: a process with a listening socket is dumped and restored.
// `criu check` passes with versions that can dump no socket of this kernel.

import { mkdirSync, mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { needProgram, spawn, spawnSync } from "../../base/spawn.ts";
import { closeQuietly } from "../../kernel/files.ts";
import { bindPort } from "../../kernel/inet-sockets.ts";
import { isAlive, kill, processStart } from "../../kernel/processes.ts";
import { complaintOf, type Criu } from "../../runtime/criu.ts";

const callMs = 30_000;
const sigkill = 9;

/** A program that sleeps, with a listening socket as its descriptor 3. */
function beginListener(): { pid: number; exited: Promise<number> } {
  const socket = bindPort({ protocol: "tcp", version: 4, address: new Uint8Array([127, 0, 0, 1]), port: 0 });
  try {
    const { pid, exited } = spawn([needProgram("sleep", "coreutils"), "60"], { stdio: ["ignore", "ignore", "ignore", socket], cwd: "/", detached: true });
    return { pid, exited };
  } finally {
    closeQuietly(socket);
  }
}

const hasSocket = (pid: number): boolean => {
  try {
    return readlinkSync(`/proc/${pid}/fd/3`).startsWith("socket:");
  } catch {
    return false;
  }
};

/** Why it does not work; undefined where it does. */
export async function selfTest(criu: Criu): Promise<string | undefined> {
  const work = mkdtempSync(`${tmpdir()}/coracle-criu-`);
  const images = `${work}/images`;
  mkdirSync(images);
  const { pid, exited } = beginListener();
  const call = (verb: string, ...args: readonly string[]): string | undefined => {
    const ran = spawnSync([criu.path, verb, "--images-dir", images, "--work-dir", work, "--log-file", `${verb}.log`, "--manage-cgroups=ignore", ...args],
      { timeoutMs: callMs, cwd: "/" });
    if (ran.status === 0) return undefined;
    return complaintOf(`${work}/${verb}.log`)?.reason ?? (ran.complaint() || `criu ${verb} ended with status ${ran.status}`);
  };
  try {
    const undumped = call("dump", "--tree", String(pid));
    if (undumped !== undefined) return `it cannot dump a process with a listening socket: ${undumped}`;
    await exited;
    const unrestored = call("restore", "--restore-detached");
    if (unrestored !== undefined) return `it cannot restore a process with a listening socket: ${unrestored}`;
    return isAlive(pid) && hasSocket(pid) ? undefined : "what it restores is not what it dumped";
  } finally {
    if (processStart(pid) !== undefined) kill(pid, sigkill);
    rmSync(work, { recursive: true, force: true });
  }
}
