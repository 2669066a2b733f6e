// --entrypoint and --umask as written.
// Source: podman-run(1).

import { refuse } from "./refuse.ts";

/** A JSON array of words, or one word; "" clears the image's. */
export function readEntrypoint(written: string): string[] {
  if (written === "") return [];
  if (!written.startsWith("[")) return [written];
  try {
    const words: unknown = JSON.parse(written);
    if (Array.isArray(words) && words.every((word) => typeof word === "string")) return words as string[];
  } catch {
    // Not JSON: the whole text is the program's name, as podman takes it.
  }
  return [written];
}

export function readUmask(written: string): string {
  if (!/^[0-7]{1,4}$/.test(written)) throw refuse(`invalid umask string ${written}: invalid argument`, "write it in octal, such as 0022");
  return written.padStart(4, "0");
}
