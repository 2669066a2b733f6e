// A directory that several builds may use, held by one of them at a time.

import { lockFile } from "../../kernel/locks.ts";

const waitMs = 50;

/** Waits for its turn; what is answered lets go. */
export async function lockCache(file: string): Promise<() => void> {
  for (;;) {
    const lock = lockFile(file, { exclusive: true, wait: false });
    if (lock !== undefined) return () => lock.release();
    await Bun.sleep(waitMs);
  }
}
