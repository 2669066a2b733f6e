// YAML text to plain values, bounded, with the file named where it is wrong.
// Source: YAML 1.2, by the runtime's own parser.

import { Fault } from "./fault.ts";
import { limits } from "./limits.ts";

interface YamlParser {
  parse(text: string): unknown;
}

/** @throws Fault "config.invalid"; "usage.unsupported" on a runtime that reads no YAML */
export function parseYaml(text: string, file: string): unknown {
  if (text.length > limits.configFileBytesMax) {
    throw new Fault("config.invalid", `cannot read ${JSON.stringify(file)}: larger than ${limits.configFileBytesMax} bytes`);
  }
  const parser = (globalThis as { Bun?: { YAML?: YamlParser } }).Bun?.YAML;
  if (!parser) throw new Fault("usage.unsupported", `cannot read ${JSON.stringify(file)}: this JavaScript runtime reads no YAML`);
  try {
    return parser.parse(text);
  } catch (cause) {
    throw new Fault("config.invalid", `cannot read ${JSON.stringify(file)}: ${(cause as Error).message.split("\n")[0]}`, { cause });
  }
}
