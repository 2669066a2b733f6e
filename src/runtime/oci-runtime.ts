// The verbs of the OCI runtime: start, kill, delete, pause, resume, state, update.
// Source: runtime-spec runtime.md "Operations"; crun(1), runc(8).

import { Fault } from "../base/fault.ts";
import { runtimeFault } from "./complaint.ts";
import { openExecFifo } from "./exec-fifo.ts";
import { beginRuntime, callRuntime, type RuntimeProgram } from "./program.ts";

function must(program: RuntimeProgram, args: readonly string[], stdin?: string): string {
  const finished = callRuntime(program, args, stdin === undefined ? {} : { stdin });
  if (finished.status === 0) return finished.text();
  throw runtimeFault(program.name, plain(finished.complaint()));
}

/** Without the time stamps and levels that runtimes print before their message. */
function plain(complaint: string): string {
  return complaint.split("\n").at(-1)!.replace(/^\d{4}-\d\d-\d\dT\S+:? /, "").replace(/^time="[^"]*" level=\w+ msg=/, "").replace(/^"(.*)"$/, "$1");
}

/**
 * Lets the created container's process go.
 *
 * @param options.plain nothing else is to happen at its start: no hooks
 * @throws Fault
 */
export function startContainer(program: RuntimeProgram, id: string, options: { plain?: boolean } = {}): void {
  if (options.plain && openExecFifo(program, id)) return;
  must(program, ["start", id]);
}

/** @throws Fault "container.wrong-state" when the runtime says it does not run */
export function killContainer(program: RuntimeProgram, id: string, signal: number, options: { all?: boolean } = {}): void {
  const finished = callRuntime(program, ["kill", ...(options.all ? ["--all"] : []), id, String(signal)]);
  if (finished.status === 0) return;
  const said = plain(finished.complaint());
  if (/not running|no such process|does not exist|container not running/i.test(said)) {
    throw new Fault("container.wrong-state", `cannot signal container ${id}: it is not running: container state improper`);
  }
  throw runtimeFault(program.name, said);
}

/** Takes away what the runtime knows of a container; one it does not know is no error. */
export async function deleteContainer(program: RuntimeProgram, id: string, options: { force?: boolean } = {}): Promise<void> {
  const { status, complaint: said } = await beginRuntime(program, ["delete", ...(options.force ? ["--force"] : []), id]);
  if (status === 0 || /does not exist|no such file|not found/i.test(said)) return;
  throw runtimeFault(program.name, plain(said));
}

export function pauseContainer(program: RuntimeProgram, id: string): void {
  must(program, ["pause", id]);
}

export function resumeContainer(program: RuntimeProgram, id: string): void {
  must(program, ["resume", id]);
}

/** @param resources linux.resources of the runtime-spec */
export function updateContainer(program: RuntimeProgram, id: string, resources: Readonly<Record<string, unknown>>): void {
  must(program, ["update", "--resources", "-", id], JSON.stringify(resources));
}

/** "creating", "created", "running", "paused", "stopped", or undefined where the runtime does not know it. */
export function containerStatus(program: RuntimeProgram, id: string): { status: string; pid: number } | undefined {
  const finished = callRuntime(program, ["state", id]);
  if (finished.status !== 0) return undefined;
  try {
    const { status, pid } = JSON.parse(finished.text()) as { status?: string; pid?: number };
    return { status: status ?? "stopped", pid: pid ?? 0 };
  } catch {
    return undefined;
  }
}
