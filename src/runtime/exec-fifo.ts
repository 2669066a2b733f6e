// Letting a created container go without one more process: its first process waits for somebody to open a fifo.
// Source: crun and runc, whose `start` does this and, besides, runs poststart hooks and looks for a service's readiness.

import { closeSync, constants, openSync, rmSync, writeSync } from "node:fs";
import { errnoOf } from "../base/fault.ts";
import type { RuntimeProgram } from "./program.ts";

/** Where crun keeps what it knows, unless it was told another place. */
const crunRoot = (env: NodeJS.ProcessEnv): string => `${env["XDG_RUNTIME_DIR"] || "/run"}/crun`;

/** Whether the container was let go; false where the runtime itself has to be asked. */
export function openExecFifo(program: RuntimeProgram, id: string, env: NodeJS.ProcessEnv = process.env): boolean {
  if (program.name !== "crun" || program.flags.length > 0) return false;
  const fifo = `${crunRoot(env)}/${id}/exec.fifo`;
  let fd: number;
  try {
    // Without a reader the process is gone, and the runtime will say so.
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    return false;
  }
  try {
    rmSync(fifo);
    writeSync(fd, "\0");
  } finally {
    closeSync(fd);
  }
  return true;
}
