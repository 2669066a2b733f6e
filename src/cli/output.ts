// Standard output and error by plain synchronous writes: nothing is lost at exit, and nothing slow is loaded.

import * as fs from "node:fs";
import { errnoOf, systemFault } from "../base/fault.ts";

/** The reader of our output went away; the program ends quietly, as by SIGPIPE. */
export class OutputClosed extends Error {}

let outputFd = 1;

/** Sends standard output to a file from now on. */
export function sendOutputTo(path: string): void {
  outputFd = fs.openSync(path, fs.constants.O_CREAT | fs.constants.O_WRONLY | fs.constants.O_TRUNC, 0o777);
}

/** The descriptor that standard output goes to. */
export function outputDescriptor(): number {
  return outputFd;
}

const steers = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/;

/** What would steer a terminal instead of being shown on it is written as \x1b; for a terminal alone, as programs want to read what is there. */
export function harmless(text: string, fd: number): string {
  if (!steers.test(text) || !isTerminalAt(fd)) return text;
  return text.replace(new RegExp(steers, "g"), letter => `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** Whether a descriptor leads to a terminal, told by where it points: cheaper than asking the runtime. */
export function isTerminalAt(fd: number): boolean {
  try {
    return /^\/dev\/(pts\/\d+|tty\w*|console)$/.test(fs.readlinkSync(`/proc/self/fd/${fd}`));
  } catch {
    return false;
  }
}

/**
 * A text is ours, with names, labels and commands of others in it; bytes are a program's own output, or meant for the terminal.
 *
 * @throws OutputClosed when nobody reads any more; Fault "system.…" when it cannot be written
 */
export function writeOut(data: string | Uint8Array): void {
  try {
    writeWhole(outputFd, typeof data === "string" ? harmless(data, outputFd) : data);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    if (errno === "EPIPE") throw new OutputClosed();
    const why = error instanceof Error ? error.message.split(",", 1)[0] : errno;
    throw systemFault(errno, `cannot write to standard output: ${why}`, error);
  }
}

/** A failure to write is ignored: there is nowhere to tell it. */
export function writeErr(text: string): void {
  try {
    writeWhole(2, text);
  } catch {
    // Standard error is closed.
  }
}

function writeWhole(fd: number, data: string | Uint8Array): void {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  let done = 0;
  while (done < bytes.length) {
    try {
      done += fs.writeSync(fd, bytes, done, bytes.length - done);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EAGAIN") pause();
      else if (errno !== "EINTR") throw error;
    }
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
}
