// Where an ordinary user's files of this login lie: XDG_RUNTIME_DIR, or a safe place of our own where there is none.
// Source: XDG Base Directory Specification, "XDG_RUNTIME_DIR".

import * as fs from "node:fs";
import { Fault } from "../base/fault.ts";

/**
 * The user's run directory, made where it is missing; never one that another user could have put there.
 *
 * @param uid the user's number as this process sees it: 0 in his own namespace
 * @throws Fault "system.denied"
 */
export function userRunDirectory(env: NodeJS.ProcessEnv, user: { readonly uid: number; readonly seen: number }): string {
  const { XDG_RUNTIME_DIR: given } = env;
  if (given) {
    const stat = statOf(given);
    if (stat === undefined && !makeDirectory(given)) throw notOurs(`cannot make XDG_RUNTIME_DIR "${given}"`);
    if (stat !== undefined && (stat.uid !== user.seen || !stat.isDirectory())) throw notOurs(`XDG_RUNTIME_DIR directory "${given}" is not owned by the current user`);
    if (stat !== undefined && (stat.mode & writableByOthers) !== 0) throw notOurs(`cannot use XDG_RUNTIME_DIR "${given}": others may write to it`);
    return given.replace(/(.)\/+$/, "$1");
  }
  const logins = statOf(`/run/user/${user.uid}`);
  if (logins?.isDirectory() && logins.uid === user.seen) return `/run/user/${user.uid}`;
  const fallback = `/tmp/podman-run-${user.uid}`;
  makeDirectory(fallback);
  const found = fs.lstatSync(fallback, { throwIfNoEntry: false });
  if (!found?.isDirectory() || found.uid !== user.seen) throw notOurs(`cannot use the run directory "${fallback}": it is not a directory of the current user`);
  if ((found.mode & 0o077) !== 0) throw notOurs(`cannot use the run directory "${fallback}": others may enter it`);
  return fallback;
}

const writableByOthers = 0o022;

function makeDirectory(path: string): boolean {
  try {
    fs.mkdirSync(path, { mode: 0o700 });
    return true;
  } catch {
    return false;
  }
}

function statOf(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** @throws Fault "system.denied" where the directory of a store is there and someone else's */
export function refuseForeign(path: string, owner: number): void {
  const stat = statOf(path);
  if (stat === undefined || (stat.isDirectory() && stat.uid === owner)) return;
  throw new Fault("system.denied", `cannot use "${path}": it is not a directory of the current user`, {
    hint: "have it removed, or name another place with --root and --runroot",
  });
}

const notOurs = (message: string): Fault =>
  new Fault("system.denied", message, { hint: "set XDG_RUNTIME_DIR to a directory of your own that no one else may enter" });

/** A directory of ours below the run directory: made private, and refused where it is anything else. */
export function privateDirectory(path: string, owner: number): string {
  fs.mkdirSync(path, { recursive: true, mode: 0o700 });
  const stat = fs.lstatSync(path);
  if (stat.isDirectory() && stat.uid === owner) return path;
  throw notOurs(`cannot use the run directory "${path}": it is not a directory of the current user`);
}
