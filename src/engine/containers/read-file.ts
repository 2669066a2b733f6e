// Small files that hold one number.

import { readFileSync } from "node:fs";

/** undefined where the file is missing or holds something else. */
export function readNumberFile(path: string): number | undefined {
  try {
    const number = Number.parseInt(readFileSync(path, "utf8"), 10);
    return Number.isSafeInteger(number) ? number : undefined;
  } catch {
    return undefined;
  }
}
