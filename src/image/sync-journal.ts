// What a sync has done so far, kept while it runs: the next run of the same command goes on where a broken one stopped.
// A run that comes to its end takes its journal away, so that the run after it looks at everything again.

import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { digestOf, hexOf, isDigest } from "../base/digest.ts";
import type { Digest } from "../base/digest.ts";
import { log } from "../base/log.ts";
import { isRecord } from "../base/shape.ts";

export interface SyncJournal {
  /** What a broken run wrote to this destination; undefined where it did not come so far. */
  digestAt(target: string): Digest | undefined;
  note(target: string, digest: Digest): void;
  /** The run has come to its end. */
  close(): void;
}

/** An older one says too little about how things are now. */
const ageMsMax = 6 * 3600 * 1000;
const bytesMax = 64 * 1024 * 1024;

/** @param command everything that decides what is copied where */
export function openSyncJournal(command: readonly unknown[]): SyncJournal {
  const directory = join(process.env["XDG_CACHE_HOME"] || join(process.env["HOME"] || "/root", ".cache"), "coracle", "sync");
  const file = join(directory, `${hexOf(digestOf(new TextEncoder().encode(JSON.stringify(command)))).slice(0, 32)}.journal`);
  const done = readJournal(file);
  if (done.size > 0) log.info("Going on with an interrupted sync", { done: String(done.size) });
  let isUsable = true;
  return {
    digestAt: target => done.get(target),
    note(target, digest) {
      if (!isUsable) return;
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        appendFileSync(file, `${JSON.stringify({ target, digest })}\n`, { mode: 0o600 });
      } catch (thrown) {
        // A sync works without a journal as well; it only begins anew after an interruption.
        isUsable = false;
        log.debug(`Cannot keep a journal: ${(thrown as Error).message}`);
      }
    },
    close: () => rmSync(file, { force: true }),
  };
}

/** A last line that was cut off by a crash is passed over. */
function readJournal(file: string): Map<string, Digest> {
  const done = new Map<string, Digest>();
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined || stat.size > bytesMax || Date.now() - stat.mtimeMs > ageMsMax) {
    rmSync(file, { force: true });
    return done;
  }
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const entry = readLine(line);
    if (entry) done.set(entry.target, entry.digest);
  }
  return done;
}

function readLine(line: string): { target: string; digest: Digest } | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (!isRecord(value) || typeof value["target"] !== "string" || !isDigest(value["digest"])) return undefined;
    return { target: value["target"], digest: value["digest"] };
  } catch {
    return undefined;
  }
}
