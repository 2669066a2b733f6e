// Trying again what failed because a server could not be reached, where somebody asked for it.
// Source: podman-pull(1), "--retry", "--retry-delay".

import { goDuration } from "./duration.ts";
import { Fault } from "./fault.ts";
import { log } from "./log.ts";

export interface Retries {
  /** After the first attempt; 0 for none. */
  readonly times: number;
  /** Absent: one second, doubled each time. */
  readonly delayMs?: number;
}

const waitMsMax = 600_000;

/** Says at the level of warnings why, and how long it waits. */
export async function withRetries<T>({ times, delayMs }: Retries = { times: 0 }, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== "registry.unreachable" || attempt > times) throw thrown;
      const waitMs = Math.min(delayMs ?? 1000 * 2 ** (attempt - 1), waitMsMax);
      log.warn(`Failed, retrying in ${goDuration(waitMs * 1e6)} ... (${attempt}/${times}). Error: ${thrown.message.replace(/^unable to copy from source \S+: /, "")}`);
      await Bun.sleep(waitMs);
    }
  }
}
