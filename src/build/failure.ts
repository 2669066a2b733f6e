// What is told of a step that failed: where it stands, how it ended, what it said last; and a shell in it where one is wanted.

import { Fault } from "../base/fault.ts";
import type { Instruction } from "./containerfile/instruction.ts";

const linesKept = 10;
const bytesKept = 16 * 1024;

/** Remembers the end of what a program prints. */
export class LastOutput {
  #text = "";
  readonly #decoder = new TextDecoder();

  add(chunk: Uint8Array): void {
    this.#text = (this.#text + this.#decoder.decode(chunk, { stream: true })).slice(-bytesKept);
  }

  lines(): string[] {
    return this.#text.replace(/\n$/, "").split("\n").filter(line => line !== "").slice(-linesKept);
  }
}

/** Several lines for standard error. */
export function failureReport({ line, original }: Instruction, status: number, output: LastOutput): string {
  const said = output.lines();
  const last = said.length === 0 ? "it printed nothing" : `it printed last:\n${said.map(one => `    | ${one}`).join("\n")}`;
  return `line ${line} failed with status ${status}: ${original.split("\n")[0]!.slice(0, 200)}\n  ${last}\n`;
}

export const stepFailed = (status: number): Fault => new Fault("build.failed", `while running runtime: exit status ${status}`, { exit: status });
