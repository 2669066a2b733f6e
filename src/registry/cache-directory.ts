// Where what was learned from registries is kept: the machine's cache for root, the person's own for everyone else.
// Source: containers-registries.conf(5), "short-name-aliases.conf"; XDG Base Directory Specification.

import { insideMark } from "../base/reentry.ts";
import type { Environment } from "./wire.ts";

/** Root of a user name space is the person who entered it. */
export function cacheDirectory(environment: Environment): string {
  if (process.geteuid?.() === 0 && environment[insideMark] === undefined) return "/var/cache/containers";
  return `${environment["XDG_CACHE_HOME"] || `${environment["HOME"] ?? ""}/.cache`}/containers`;
}
