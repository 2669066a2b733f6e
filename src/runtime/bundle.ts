// The bundle: a directory with config.json, as the runtime takes it.
// Source: OCI runtime-spec bundle.md.

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import type { OciConfig, OciProcess } from "./oci.ts";

/** Written beside and renamed, so that no half file is ever run. */
export function writeBundle(directory: string, config: OciConfig): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeJson(`${directory}/config.json`, config);
}

export function writeProcess(path: string, process: OciProcess): void {
  writeJson(path, process);
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, jsonText(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

const unlimited = "18446744073709551615";

/** JSON in which Infinity is RLIM_INFINITY, in digits that a double does not hold. */
export function jsonText(value: unknown): string {
  const plain = JSON.stringify(value);
  // A text of the person's may look like any mark, so one is taken that stands nowhere.
  let mark = "unlimited";
  while (plain.includes(mark)) mark += ".";
  const marked = JSON.stringify(value, (_key, one: unknown) => (one === Infinity ? mark : one));
  return marked.replaceAll(`"${mark}"`, unlimited);
}
