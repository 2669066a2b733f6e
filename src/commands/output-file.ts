// Bytes that a verb writes: to a file that the person names, or to standard output when that is no terminal.

import { writeSync } from "node:fs";
import { errnoOf, systemFault, reasonOf } from "../base/fault.ts";
import { isTerminal } from "../cli/prompt.ts";
import { wholeFile, type WholeFile, type WholeFileOptions } from "../storage/whole-file.ts";
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
  const file = open(path);
  try {
    await fill(writingTo(file));
    file.keep();
  } finally {
    file.drop();
  }
}

function open(path: string, options: WholeFileOptions = {}): WholeFile {
  try {
    return wholeFile(path, options);
  } catch (thrown) {
    throw systemFault(errnoOf(thrown) ?? "EIO", `cannot write to "${path}": ${reasonOf(thrown)}`, thrown);
  }
}

const writingTo = ({ fd }: WholeFile) => (chunk: Uint8Array): void => {
  for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
};

/** A file that comes to its place when it is whole, and is gone again where that never happens. */
export interface ArchiveFile extends Disposable {
  write(chunk: Uint8Array): void;
  /** It is whole. */
  keep(): void;
}

/** Of our own eyes alone; "-" is standard output. @throws Fault "usage.invalid" for a terminal, "system.…" */
export function archiveFile(context: Invocation, path: string): ArchiveFile {
  if (path === "-") {
    if (isTerminal(1)) throw refuse("refusing to export to terminal. Name a file or redirect");
    return { write: (chunk) => context.write(chunk), keep() {}, [Symbol.dispose]() {} };
  }
  if (path === "") throw refuse("must provide valid path for file to write to");
  const file = open(path, { mode: 0o600, isSecret: true });
  return { write: writingTo(file), keep: file.keep, [Symbol.dispose]: file.drop };
}
