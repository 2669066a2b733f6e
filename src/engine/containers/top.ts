// top: the processes of a container, by podman's descriptors or by the options of ps(1).

import type { Host } from "../host.ts";

/** Rows of cells, headings first. */
export async function top(host: Host, nameOrId: string, descriptors: readonly string[]): Promise<string[][]> {
  throw new Error("not written yet");
}

/** Every descriptor `top` knows, for --list-descriptors. */
export function topDescriptors(): string[] {
  throw new Error("not written yet");
}
