// Questions to a person at a terminal: a line, or one of several choices.

import * as fs from "node:fs";
import { errnoOf } from "../base/fault.ts";
import { isTerminalAt, writeErr } from "./output.ts";

const lineBytesMax = 64 * 1024;

export const isTerminal = (fd: 0 | 1 | 2): boolean => isTerminalAt(fd);

/** The next line of standard input without its end; undefined at the end of input. */
export async function askLine(): Promise<string | undefined> {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  while (bytes.length < lineBytesMax) {
    const got = readByte(one);
    if (got === 0) return bytes.length === 0 ? undefined : text(bytes);
    if (one[0] === 10) return text(bytes);
    bytes.push(one[0]!);
  }
  return text(bytes);
}

/** Bytes one by one: what follows the line stays for whoever reads standard input next. */
function readByte(one: Uint8Array): number {
  for (;;) {
    try {
      return fs.readSync(0, one, 0, 1, null);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      else if (errno === "EOF") return 0;
      else if (errno !== "EINTR") throw error;
    }
  }
}

const text = (bytes: readonly number[]): string => Buffer.from(bytes).toString().replace(/\r$/, "");

/** Shows numbered choices on standard error and asks until one is named. @returns its index; undefined at the end of input */
export async function askChoice(question: string, choices: readonly string[]): Promise<number | undefined> {
  writeErr(`${question}\n${choices.map((choice, index) => `  ${index + 1}) ${choice}\n`).join("")}`);
  for (let tries = 0; tries < 10; tries++) {
    writeErr(`Choose 1 to ${choices.length}: `);
    const answer = await askLine();
    if (answer === undefined) return undefined;
    const index = choices.indexOf(answer.trim());
    const number = /^\d{1,4}$/.test(answer.trim()) ? Number(answer) - 1 : index;
    if (number >= 0 && number < choices.length) return number;
  }
  return undefined;
}
