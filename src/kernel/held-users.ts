// A user namespace of given maps, kept by a small child process until it is let go; with it, a network namespace it owns.
// Source: user_namespaces(7), unshare(1).

import * as fs from "node:fs";
import type { IdMaps } from "../base/id-mapping.ts";
import type { IdMapping } from "../base/container-spec.ts";
import { Fault } from "../base/fault.ts";
import { needProgram, spawn, spawnSync } from "../base/spawn.ts";
import { ownIdMaps, type IdMap } from "./users.ts";

/** Its namespaces are there as long as it is not disposed, or a process or mount is in them. */
export interface HeldUsers extends Disposable {
  readonly userPath: string;
  readonly networkPath: string;
}

export interface HoldUsers {
  /** Absent: the namespace is joined, not made. */
  readonly maps?: IdMaps;
  /** A namespace that is there already. */
  readonly join?: string;
  /** Makes a network namespace too. */
  readonly network?: boolean;
}

/** @throws Fault "system.denied" where the kernel makes none or refuses the maps */
export function holdUsers({ maps, join, network = false }: HoldUsers): HeldUsers {
  const unshare = needProgram("unshare", "util-linux");
  const kinds = [...(join === undefined ? ["--user"] : []), ...(network ? ["--net"] : [])];
  const entering = join === undefined ? [] : [needProgram("nsenter", "util-linux"), `--user=${join}`, "--"];
  // It ends when its standard input does, so also with us.
  const keeper = spawn([...entering, ...(kinds.length > 0 ? [unshare, ...kinds] : []), needProgram("cat", "coreutils")], {
    stdio: ["pipe", "ignore", "ignore"], cwd: "/", env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  keeper.unref();
  const held = {
    userPath: `/proc/${keeper.pid}/ns/user`,
    networkPath: `/proc/${keeper.pid}/ns/net`,
    [Symbol.dispose]: () => keeper.kill(9),
  };
  try {
    untilWaits(keeper.pid);
    if (maps) writeMaps(keeper.pid, maps);
    return held;
  } catch (thrown) {
    held[Symbol.dispose]();
    throw thrown;
  }
}

const waitMs = 5000;

function untilWaits(pid: number): void {
  const end = performance.now() + waitMs;
  while (performance.now() < end) {
    let name: string;
    try {
      name = fs.readFileSync(`/proc/${pid}/comm`, "latin1").trim();
    } catch {
      break;
    }
    if (name === "cat") return;
    Bun.sleepSync(0.1);
  }
  throw new Fault("system.denied", "cannot make a user namespace: the kernel refused it", {
    hint: "let users make namespaces, for instance with: sysctl -w user.max_user_namespaces=15000",
  });
}

/**
 * The lines of a map as the kernel takes them: each within one line of our own map. What reaches over several is cut there; what is
 * in none stays, for the kernel to refuse.
 */
export function cutAt(maps: readonly IdMapping[], own: readonly IdMap[]): IdMapping[] {
  return maps.flatMap(({ containerId, hostId, size }) => {
    const parts: IdMapping[] = [];
    for (let done = 0; done < size;) {
      const at = hostId + done;
      const line = own.find(({ inside, count }) => at >= inside && at < inside + count);
      const length = Math.min(size - done, line === undefined ? size : line.inside + line.count - at);
      parts.push({ containerId: containerId + done, hostId: at, size: length });
      done += length;
    }
    return parts;
  });
}

const text = (maps: readonly IdMapping[]): string => maps.map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}\n`).join("");

function writeMaps(pid: number, { uid, gid }: IdMaps): void {
  for (const [kind, maps] of [["uid", uid], ["gid", gid]] as const) {
    try {
      fs.writeFileSync(`/proc/${pid}/${kind}_map`, text(cutAt(maps, ownIdMaps(kind))));
    } catch (cause) {
      const lines = maps.map(({ containerId, hostId, size }) => `${containerId}:${hostId}:${size}`).join(",");
      throw new Fault("system.denied", `cannot map ${kind.toUpperCase()}s by ${lines}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, {
        cause, hint: "see that no two lines speak of the same IDs and that all of them are yours",
      });
    }
  }
}

/** The maps of a user namespace as seen from ours. @throws Fault "system.failed" */
export function readMapsOf(path: string): { uid: IdMapping[]; gid: IdMapping[] } {
  const both = 'cat /proc/self/uid_map && echo && cat /proc/self/gid_map';
  const ran = spawnSync([needProgram("nsenter", "util-linux"), `--user=${path}`, "--", "/bin/sh", "-c", both]);
  if (ran.status !== 0) throw new Fault("system.failed", `cannot enter the user namespace ${path}: ${ran.complaint()}`);
  const [uid, gid] = ran.text().split("\n\n").map(part => part.trim().split("\n").map((line): IdMapping => {
    const [containerId = 0, hostId = 0, size = 0] = line.trim().split(/\s+/).map(Number);
    return { containerId, hostId, size };
  }));
  return { uid: uid ?? [], gid: gid ?? [] };
}
