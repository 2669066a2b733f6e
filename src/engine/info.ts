// info and version: what this host has.

import type { Host } from "./host.ts";

/** podman's `info` JSON. */
export async function info(host: Host): Promise<Record<string, unknown>> {
  throw new Error("not written yet");
}

/** podman's `version` JSON: { Client: {...} }. */
export function version(): Record<string, unknown> {
  throw new Error("not written yet");
}
