// What is said once and then no more until the machine starts anew, such as that containers.conf has a key nobody knows.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { log } from "../base/log.ts";

/** Sentences that differ from those of before are said. Where that cannot be written down, they are said each time. */
export function tellOnce(runroot: string, sentences: readonly string[]): void {
  const note = `${runroot}/told`;
  const text = sentences.join("\n");
  if (readQuietly(note) === text) return;
  for (const sentence of sentences) log.warn(sentence);
  try {
    mkdirSync(runroot, { recursive: true, mode: 0o700 });
    writeFileSync(note, text, { mode: 0o600 });
  } catch (thrown) {
    log.debug(`what was said is not written down: ${(thrown as Error).message}`);
  }
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
