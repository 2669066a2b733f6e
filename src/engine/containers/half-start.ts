// Starts and restores of ours that were killed between the start of the monitor and our writing that down.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { log } from "../../base/log.ts";
import { kill } from "../../kernel/processes.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { afterAttendant, removeFromRuntime } from "./launch.ts";
import { isLive } from "./observe.ts";

/** A monitor that has come to its end leaves an exit file beside its bundle. */
export function hasHalfStart(host: Host, { id, state }: ContainerRecord): boolean {
  if (isLive(state) || state.status === "initialized" || !existsSync(`${host.paths.runDir(id)}/bundle`)) return false;
  return state.status === "created" || !existsSync(`${host.paths.exits}/${id}`);
}

/** The process of the conmon that lives for this container. */
export function findMonitor(id: string): number | undefined {
  const found = readdirSync("/proc").find(pid => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      if (readFileSync(`/proc/${pid}/comm`, "utf8") !== "conmon\n") return false;
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return words[words.indexOf("-u") + 1] === id;
    } catch {
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}

type Stage = "none" | "making" | "made" | "ending";

/** How far the runtime and its monitor are, told from their processes alone. */
function stageOf(host: Host, id: string): Stage {
  const monitor = findMonitor(id);
  if (monitor === undefined) return "none";
  const children = childrenOf(monitor);
  if (existsSync(`${host.paths.exits}/${id}`) || children.some(isExitCommand)) return "ending";
  const pidfile = `${host.paths.runDir(id)}/pidfile`;
  if (!existsSync(pidfile)) return "making";
  // Beside the program it is the runtime itself.
  const program = Number(readFileSync(pidfile, "utf8"));
  return children.some(pid => pid !== program) ? "making" : "made";
}

/** Whether the runtime is at it still, above all at a restore: what it has made until then must not be taken from it, or nobody knows of the rest. */
export const isStartUnderWay = (host: Host, { id }: ContainerRecord): boolean => stageOf(host, id) === "making";

const makingMsMax = 60_000;
const endingMsMax = 2000;

async function until(condition: () => boolean, timeMs: number): Promise<boolean> {
  const end = Date.now() + timeMs;
  for (let pauseMs = 5; !condition(); pauseMs = Math.min(pauseMs * 2, 100)) {
    if (Date.now() > end) return false;
    await Bun.sleep(pauseMs);
  }
  return true;
}

/** What was made goes. Its monitor then calls our cleanup, which waits for the lock that the caller holds. */
export async function endHalfStart(host: Host, record: ContainerRecord): Promise<void> {
  await until(() => !isStartUnderWay(host, record), makingMsMax);
  await removeFromRuntime(host, record, { quiet: true });
  if (await until(() => ["none", "ending"].includes(stageOf(host, record.id)), endingMsMax)) return;
  const monitor = findMonitor(record.id);
  if (monitor === undefined) return;
  log.debug(`conmon ${monitor} of container ${record.id} waits for children that its runtime knows nothing of`);
  for (const pid of childrenOf(monitor)) kill(pid, 9);
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function isExitCommand(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(afterAttendant);
  } catch {
    return false;
  }
}
