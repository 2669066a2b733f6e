// mount, umount: a container's root at a path of the host.

import type { Choice, Outcome } from "../batch.ts";
import type { Host } from "../host.ts";

export interface Mounted extends Outcome {
  readonly path?: string;
}

/** Mounts each and answers its path. */
export async function mount(host: Host, choice: Choice): Promise<Mounted[]> {
  throw new Error("not written yet");
}

export async function unmount(host: Host, choice: Choice, options: { force?: boolean } = {}): Promise<Outcome[]> {
  throw new Error("not written yet");
}

/** What `mount` made and nobody unmounted yet. */
export function mounted(host: Host): { id: string; name: string; path: string }[] {
  throw new Error("not written yet");
}
