// TOML text to plain values, with file, line and column where it is wrong.
// Source: TOML 1.0.0. Bun's own parser where there is one; smol-toml elsewhere and for positions on the error path.

import { Fault } from "./fault.ts";
import { limits } from "./limits.ts";

export type TomlTable = Record<string, unknown>;

interface Positioned {
  readonly line?: unknown;
  readonly column?: unknown;
  readonly message?: unknown;
}

/**
 * Reads one TOML document.
 *
 * @param file the path named in the fault
 * @throws Fault "config.invalid" naming file, line and column
 */
export function parseToml(text: string, file: string): TomlTable {
  if (text.length > limits.configFileBytesMax) {
    throw new Fault("config.invalid", `cannot read ${JSON.stringify(file)}: larger than ${limits.configFileBytesMax} bytes`);
  }
  const bun = (globalThis as { Bun?: { TOML?: { parse(text: string): object } } }).Bun;
  if (bun?.TOML) {
    try {
      return bun.TOML.parse(text) as TomlTable;
    } catch {
      // Bun's errors carry no position, and integers past 2^53 are no error: the second parser decides.
    }
  }
  return parseWithPositions(text, file);
}

function parseWithPositions(text: string, file: string): TomlTable {
  const { parse } = require("smol-toml") as typeof import("smol-toml");
  try {
    return parse(text, { integersAsBigInt: "asNeeded" }) as TomlTable;
  } catch (thrown) {
    const { line, column, message } = thrown as Positioned;
    const reason = String(message).split("\n")[0]!.replace(/^Invalid TOML document: /, "");
    const place = typeof line === "number" ? `${file}:${line}:${typeof column === "number" ? column : 1}` : file;
    throw new Fault("config.invalid", `cannot read ${JSON.stringify(file)}: ${place}: ${reason}`, {
      hint: `correct the line in ${file}`,
      cause: thrown,
    });
  }
}
