// Bytes that a verb writes: to a file that the person names, or to standard output when that is no terminal.

import { closeSync, openSync, writeSync } from "node:fs";
import { errnoOf, systemFault, reasonOf } from "../base/fault.ts";
import { isTerminal } from "../cli/prompt.ts";
import { refuse } from "./container/written/refuse.ts";
import type { Invocation } from "./verb.ts";

type Fill = (write: (chunk: Uint8Array) => void) => Promise<void>;

/** @param refusal what to say where standard output is a terminal */
export async function writeTo(context: Invocation, { path, refusal }: { path: string | undefined; refusal: string }, fill: Fill): Promise<void> {
  if (path !== undefined) return toFile(path, fill);
  if (isTerminal(1)) throw refuse(refusal);
  await fill((chunk) => context.write(chunk));
}

async function toFile(path: string, fill: Fill): Promise<void> {
  let fd: number;
  try {
    fd = openSync(path, "w", 0o644);
  } catch (thrown) {
    throw systemFault(errnoOf(thrown) ?? "EIO", `cannot write to "${path}": ${reasonOf(thrown)}`, thrown);
  }
  try {
    await fill((chunk) => {
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
    });
  } finally {
    closeSync(fd);
  }
}
