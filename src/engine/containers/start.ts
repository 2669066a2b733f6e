// start: from a created container to a running one, detached; init stops one step short.

import type { Choice, Outcome } from "../batch.ts";
import type { Host } from "../host.ts";

/** Starts one container and leaves it to conmon. */
export async function start(host: Host, nameOrId: string): Promise<void> {
  throw new Error("not written yet");
}

/** Starts all that are chosen; running ones are left alone (success). */
export async function startAll(host: Host, choice: Choice): Promise<Outcome[]> {
  throw new Error("not written yet");
}

/** Makes the runtime create the container (config.json written), without starting it. */
export async function init(host: Host, choice: Choice): Promise<Outcome[]> {
  throw new Error("not written yet");
}
