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

/** --sdnotify; without a socket to tell, all modes are the same. */
export function readSdnotify(written: string): "container" | "conmon" | "healthy" | "ignore" {
  if (written !== "container" && written !== "conmon" && written !== "healthy" && written !== "ignore") {
    throw refuse(`unrecognized value "${written}" for sdnotify mode: invalid argument`, "use container, conmon, healthy or ignore");
  }
  if ((written === "conmon" || written === "healthy") && process.env["NOTIFY_SOCKET"]) {
    throw refuse(`cannot use --sdnotify ${written}: telling systemd is not built yet`, "use --sdnotify ignore");
  }
  return written;
}

/** --systemd */
export function readSystemd(written: string): "true" | "false" | "always" {
  const mode = written.toLowerCase();
  if (mode === "always") return "always";
  if (/^(1|t|true)$/.test(mode)) return "true";
  if (/^(0|f|false)$/.test(mode)) return "false";
  throw refuse(`cannot parse bool ${written}`, "use true, false or always");
}
