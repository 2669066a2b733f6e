// Letting a created container go without one more process: its first process waits for somebody to open a fifo.
// Source: crun and runc, whose `start` does this and, besides, runs poststart hooks and looks for a service's readiness.

import { closeSync, constants, existsSync, openSync, readdirSync, readlinkSync, rmSync, writeSync } from "node:fs";
import { errnoOf } from "../base/fault.ts";
import type { RuntimeProgram } from "./program.ts";

/** Where crun keeps what it knows, unless it was told another place. */
const crunRoot = (env: NodeJS.ProcessEnv): string => `${env["XDG_RUNTIME_DIR"] || "/run"}/crun`;

const fifoOf = (id: string, env: NodeJS.ProcessEnv): string => `${crunRoot(env)}/${id}/exec.fifo`;
const isKnown = ({ name, flags }: RuntimeProgram): boolean => name === "crun" && flags.length === 0;

/**
 * Whether the container was let go; false where the runtime itself has to be asked, which says so too where the process is gone.
 * Whoever is killed in the middle has let it go: the runtime then takes it for one that waits, until `settleLetGo`.
 */
export function openExecFifo(program: RuntimeProgram, id: string, env: NodeJS.ProcessEnv = process.env): boolean {
  if (!isKnown(program)) return false;
  const fifo = fifoOf(id, env);
  let fd: number;
  try {
    // Without a reader the process is gone, and the runtime will say so.
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    return false;
  }
  try {
    writeSync(fd, "\0");
    // The program may have ended meanwhile, and the runtime's directory gone with it.
    rmSync(fifo, { force: true });
  } finally {
    closeSync(fd);
  }
  return true;
}

/** For a container whose process lives: whether someone has let it go and died before the fifo was removed, which is done now. */
export function settleLetGo(program: RuntimeProgram, { id, pid }: { readonly id: string; readonly pid: number }, env: NodeJS.ProcessEnv = process.env): boolean {
  const fifo = fifoOf(id, env);
  if (!isKnown(program) || !existsSync(fifo) || waitsAt(pid)) return false;
  rmSync(fifo, { force: true });
  return true;
}

/** The first process holds its end from the fifo's making until it becomes the program. True where nobody lets us look. */
function waitsAt(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some(fd => readlinkSync(`/proc/${pid}/fd/${fd}`).endsWith("/exec.fifo"));
  } catch {
    return true;
  }
}
