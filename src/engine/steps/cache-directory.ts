// A directory that several builds may use, held by one of them at a time.

import { rmSync } from "node:fs";
import { lockFile } from "../../kernel/locks.ts";
import type { Host } from "../host.ts";

const waitMs = 50;

/** What RUN --mount=type=cache keeps from build to build. */
export const buildCaches = (host: Host): string => `${host.store.root}/build-cache`;

export function removeBuildCaches(host: Host): void {
  rmSync(buildCaches(host), { recursive: true, force: true });
}

/** Waits for its turn; what is answered lets go. */
export async function lockCache(file: string): Promise<() => void> {
  for (;;) {
    const lock = lockFile(file, { exclusive: true, wait: false });
    if (lock !== undefined) return () => lock.release();
    await Bun.sleep(waitMs);
  }
}
