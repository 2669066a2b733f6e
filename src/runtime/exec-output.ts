// One short process in a running container whose output is wanted, without a monitor: health checks.
// Source: crun(1) and runc(8), exec.

import { readFileSync } from "node:fs";
import { closeQuietly, pipe2 } from "../kernel/files.ts";
import { killBorn, processStart } from "../kernel/processes.ts";
import { beginRuntimeWith, type RuntimeProgram } from "./program.ts";

export interface ExecWish {
  /** A process object of the runtime-spec. */
  readonly processPath: string;
  readonly pidfile: string;
  /** 0 waits without end. */
  readonly timeoutMs: number;
  /** What is more is read and dropped. */
  readonly outputBytesMax: number;
}

export interface ExecOutput {
  /** The process's own status; 125 to 127 where the runtime could not start it. */
  readonly status: number;
  /** stdout and stderr in the order they were written. */
  readonly output: string;
  readonly timedOut: boolean;
}

export async function execForOutput(program: RuntimeProgram, id: string, wish: ExecWish): Promise<ExecOutput> {
  const [ours, theirs] = pipe2();
  let child: ReturnType<typeof beginRuntimeWith>;
  try {
    child = beginRuntimeWith(program, ["exec", "--process", wish.processPath, "--pid-file", wish.pidfile, id], ["ignore", theirs, theirs]);
  } catch (thrown) {
    closeQuietly(ours);
    throw thrown;
  } finally {
    closeQuietly(theirs);
  }
  let timedOut = false;
  const timer = wish.timeoutMs > 0 ? setTimeout(() => {
    timedOut = true;
    killProcess(wish.pidfile);
    child.kill("SIGKILL");
  }, wish.timeoutMs) : undefined;
  const reading = readAll(ours, wish.outputBytesMax);
  const status = await child.exited;
  clearTimeout(timer);
  // A grandchild may keep the pipe open after the check's own end.
  const output = await Promise.race([reading.done, Bun.sleep(afterEndMs).then(() => reading.sofar())]);
  return { status, output, timedOut };
}

const afterEndMs = 200;

function readAll(fd: number, bytesMax: number): { done: Promise<string>; sofar: () => string } {
  const decoder = new TextDecoder();
  let text = "";
  const read = async (): Promise<string> => {
    for await (const chunk of Bun.file(fd).stream()) if (text.length < bytesMax) text += decoder.decode(chunk, { stream: true });
    closeQuietly(fd);
    return text;
  };
  return { done: read(), sofar: () => text };
}

function killProcess(pidfile: string): void {
  try {
    const pid = Number(readFileSync(pidfile, "utf8"));
    const start = processStart(pid);
    if (pid > 1 && start !== undefined) killBorn(pid, start, 9);
  } catch {
    // It did not get as far as a process.
  }
}
