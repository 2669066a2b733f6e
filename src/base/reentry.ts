// What a first start as an ordinary user hands to the second one, which runs in the user's own namespaces.
// Source: podman-unshare(1); the names that begin with _CONTAINERS are those the field's programs look for.

import { Fault, reasonOf } from "./fault.ts";

/** Set in every process of the user's namespaces. */
export const insideMark = "_CONTAINERS_USERNS_CONFIGURED";
export const outerUid = "_CONTAINERS_ROOTLESS_UID";
export const outerGid = "_CONTAINERS_ROOTLESS_GID";
/** The name and the directory we were called by and in; the second start takes both away. */
const calledAs = "_CORACLE_CALLED_AS";
const calledIn = "_CORACLE_CALLED_IN";

let entered = false;

/** What to add to the environment of the second start. */
export function reentry(name: string, directory: string): Record<string, string> {
  return { [calledAs]: name, [calledIn]: directory };
}

/** The name we were called by; goes where we were called. To be asked once, before anything else. */
export function settle(argv0: string): string {
  const name = process.env[calledAs];
  if (name === undefined) return argv0;
  const directory = process.env[calledIn] ?? "/";
  delete process.env[calledAs];
  delete process.env[calledIn];
  entered = true;
  try {
    process.chdir(directory);
  } catch (cause) {
    throw new Fault("system.denied", `cannot enter the current directory "${directory}" in the user's namespaces: ${reasonOf(cause)}`, {
      cause, hint: "change to your home directory and try again",
    });
  }
  return name;
}

/** Whether this command came into the namespaces by itself, and not by being called in them. */
export const hasEntered = (): boolean => entered;

/** This very process went in. */
export function noteEntered(): void {
  entered = true;
}
