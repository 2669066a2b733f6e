// What the distribution's profile comes to for a set of capabilities, kept until the next boot: reading and checking its 500 names took a
// thirtieth of a `run`. It stands for the very file it was made of, by inode, size and times.
// Source: statx(2).

import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import type { OciSeccomp } from "./seccomp.ts";

/** Changes with what is made of a profile. */
const form = 1;

/** What the result depends on, as one text. */
function originOf(profile: string, capabilities: readonly string[]): string | undefined {
  const stat = statSync(profile, { bigint: true, throwIfNoEntry: false });
  return stat && [form, process.arch, profile, stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs, ...capabilities].join(" ");
}

interface Kept {
  readonly origin: string;
  readonly seccomp: OciSeccomp;
}

function find(file: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Kept;
  } catch {
    return undefined;
  }
}

/**
 * The kept result, else `resolve`'s, which is kept. undefined where there is no such profile.
 *
 * @param directory ours alone: what lies there is believed
 */
export function keptSeccomp(directory: string, profile: string, how: { capabilities: readonly string[]; resolve: () => OciSeccomp | undefined }): OciSeccomp | undefined {
  const origin = originOf(profile, how.capabilities);
  if (origin === undefined) return undefined;
  const file = `${directory}/${Bun.hash(origin).toString(16)}.json`;
  const kept = find(file);
  if (kept?.origin === origin) return kept.seccomp;
  const seccomp = how.resolve();
  if (seccomp !== undefined) keep(file, { origin, seccomp });
  return seccomp;
}

/** A failure costs only time. */
function keep(file: string, kept: Kept): void {
  try {
    mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(kept), { mode: 0o600 });
    renameSync(`${file}.${process.pid}`, file);
  } catch {
    // Without a place for it the next start reads the profile again.
  }
}
