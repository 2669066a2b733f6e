// What a dead command may leave with the kernel and on the disk, as sets that can be compared with those from before.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mustRun, run, storeListing } from "../fixtures/coracle.ts";

export interface Traces {
  readonly mounts: ReadonlySet<string>;
  readonly namespaces: ReadonlySet<string>;
  readonly interfaces: ReadonlySet<string>;
  readonly rules: ReadonlySet<string>;
  readonly processes: ReadonlySet<string>;
  readonly volumes: ReadonlySet<string>;
  readonly files: ReadonlySet<string>;
}

const lines = (text: string): Set<string> => new Set(text.split("\n").filter(Boolean));

/** A layer that is a file stays mounted as long as it is there. */
function isLayer(path: string): boolean {
  const name = /^\/run\/containers\/coracle\/layers\/([0-9a-f]{64})$/.exec(path)?.[1];
  return name !== undefined && existsSync(`/var/lib/containers/coracle/layers/${name}`);
}

/** Taken when a container with a port has come and gone: some chains of the firewall are made once and kept. */
export function traces(): Traces {
  const processes = run(["ps", "-eo", "comm=,args="]).out.split("\n").map(line => line.trim())
    .filter(line => /^(conmon|crun|runc|netavark|aardvark-dns|coracle|podman|catatonit|sleep)\b/.test(line) && !/strace|ps -eo/.test(line));
  return {
    mounts: lines(readFileSync("/proc/self/mountinfo", "utf8").split("\n").map(line => line.split(" ")[4] ?? "").filter(path => !isLayer(path)).join("\n")),
    namespaces: new Set(readdirSync("/run/netns")),
    interfaces: lines(mustRun(["ip", "-br", "link"]).split("\n").map(line => line.split(/[\s@]/)[0]!).join("\n")),
    rules: lines(run(["nft", "list", "ruleset"]).out.replace(/ # handle.*/g, "").replace(/counter packets \d+ bytes \d+ ?/g, "").replace(/^\s+/gm, "")),
    processes: new Set(processes),
    volumes: lines(mustRun(["podman", "volume", "ls", "-q"])),
    files: new Set(storeListing().filter(path => !/coracle\.db|events|\.lock$|blobs\/partial|cache|build-notes|\/lock$/.test(path))),
  };
}

/** What is there now and was not before, one a line. */
export function leftSince(before: Traces, parts: readonly (keyof Traces)[] = ["mounts", "namespaces", "interfaces", "rules", "processes", "volumes"]): string[] {
  const now = traces();
  return parts.flatMap(part => [...now[part]].filter(item => !before[part].has(item)).map(item => `${part}: ${item.slice(0, 200)}`));
}
