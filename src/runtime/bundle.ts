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
  const marked = JSON.stringify(value, (_key, one: unknown) => (one === Infinity ? `\u0001${unlimited}` : one));
  return marked.replaceAll(`"\\u0001${unlimited}"`, unlimited);
}
