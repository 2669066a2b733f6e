// mounts.conf: directories of the host that every container gets a copy of, such as subscriptions.
// Source: containers-mounts.conf(5).

import { mkdirSync, readFileSync, statSync } from "node:fs";
import { log } from "../../base/log.ts";
import { needProgram, spawnSync } from "../../base/spawn.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";

const places = ["/etc/containers/mounts.conf", "/usr/share/containers/mounts.conf"];

function linesOf(file: string): string[] | undefined {
  try {
    return readFileSync(file, "utf8").split("\n").map(line => line.trim()).filter(line => line !== "" && !line.startsWith("#"));
  } catch {
    return undefined;
  }
}

/** What to mount where: paths inside by the copies' paths on the host. What is missing or wrong is logged, never fatal. */
export function copyDefaultMounts(host: Host, { id, spec }: ContainerRecord): Record<string, string> {
  const named = host.options.defaultMountsFile ?? spec.defaultMountsFile;
  const files = named ? [named] : places;
  const lines = files.map(linesOf).find(Boolean) ?? [];
  const copies: Record<string, string> = {};
  for (const line of lines) {
    const [source = "", target = source] = line.split(":");
    if (!source.startsWith("/") || !target.startsWith("/")) {
      log.warn(`skipping "${line}" of mounts.conf: not SOURCE:TARGET with absolute paths`);
      continue;
    }
    if (!statSync(source, { throwIfNoEntry: false })) {
      log.info(`Path ${JSON.stringify(source)} from mounts.conf doesn't exist, skipping`);
      continue;
    }
    const copy = `${host.paths.runDir(id)}/defaults${target}`;
    mkdirSync(copy.slice(0, copy.lastIndexOf("/")), { recursive: true, mode: 0o755 });
    // Subscriptions are links to elsewhere on the host, which would lead nowhere inside.
    const { status, complaint } = spawnSync([needProgram("cp", "coreutils"), "-a", "-L", source, copy]);
    if (status === 0) copies[target] = copy;
    else log.warn(`copying ${source} of mounts.conf: ${complaint()}`);
  }
  return copies;
}
