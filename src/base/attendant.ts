// An attendant: the process that serves a container's streams and will clean up after it, and those who wait for it to have done so.
// A file in the container's run directory names it by process ID and start time (proc_pid_stat(5), field 22).

import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";

const pauseMs = 10;
/** An attendant may be held up for ever by whoever reads its output; the locks make it safe not to wait for that. */
const patienceMs = 2000;

/** Field 22 of /proc/PID/stat, or undefined when there is no such process. */
function startOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

/** Says that this process cleans up; a failure to say so costs only time. */
export function attend(file: string): void {
  try {
    // A whole line: a shell reads it, too.
    writeFileSync(file, `${process.pid} ${startOf("self")}\n`, { mode: 0o600 });
  } catch {
    // Then nobody waits for us, and whoever comes first cleans up.
  }
}

/** Leaves the cleaning to others. */
export function stopAttending(file: string): void {
  rmSync(file, { force: true });
}

function isAttended(file: string): boolean {
  try {
    const [pid, start] = readFileSync(file, "utf8").trimEnd().split(" ");
    return pid !== undefined && /^\d+$/.test(pid) && start !== undefined && startOf(pid) === start;
  } catch {
    return false;
  }
}

/** Waits a while for an attendant that lives; whether anything is left to clean: the file's directory, or the other file. */
export async function attendantLeft(file: string, other: string): Promise<boolean> {
  const end = performance.now() + patienceMs;
  while (performance.now() < end && isAttended(file)) await Bun.sleep(pauseMs);
  return [file.slice(0, file.lastIndexOf("/")), other].some(path => statSync(path, { throwIfNoEntry: false }) !== undefined);
}
