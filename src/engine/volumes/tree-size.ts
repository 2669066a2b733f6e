// How much a tree of files takes.

import { lstatSync, readdirSync } from "node:fs";
import { log } from "../../base/log.ts";

/** Bytes of all regular files below `path`; hard links count each time. What cannot be read counts nothing. */
export function treeSize(path: string): number {
  let bytes = 0;
  const waiting = [path];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    try {
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        const child = `${directory}/${entry.name}`;
        if (entry.isDirectory()) waiting.push(child);
        else if (entry.isFile()) bytes += lstatSync(child).size;
      }
    } catch (thrown) {
      log.debug(`cannot read ${directory}: ${String(thrown)}`);
    }
  }
  return bytes;
}
