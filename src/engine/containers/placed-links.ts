// Mounts with "no-dereference" whose source is a link: the link itself is put into the container's root, at the mount's place.
// Source: podman-run(1), --mount, "no-dereference". Done here, as only some runtimes can.

import { lstatSync, readlinkSync } from "node:fs";
import type { MountSpec } from "../../base/container-spec.ts";
import { errnoOf, Fault } from "../../base/fault.ts";
import { closeQuietly, O_DIRECTORY, O_PATH, openDirectory, readlinkat, RESOLVE_IN_ROOT, symlinkat, tryOpenat2 } from "../../kernel/files.ts";
import { makeInside } from "./inside-root.ts";

export const isKeptLink = ({ kind, options, source }: MountSpec): boolean =>
  kind === "bind" && options.includes("no-dereference") && (lstatSync(source, { throwIfNoEntry: false })?.isSymbolicLink() ?? false);

/** @throws Fault where another mount lies over the place, or something else is there already */
export function placeLink({ source, target }: MountSpec, root: string, others: readonly MountSpec[]): void {
  const over = others.find(other => target.startsWith(`${other.target.replace(/\/+$/, "")}/`));
  if (over) throw new Fault("usage.unsupported", `cannot mount link "${source}" at "${target}": the mount at "${over.target}" lies over it`, { hint: "leave no-dereference out" });
  const slash = target.lastIndexOf("/");
  const [directory, name] = [target.slice(0, slash), target.slice(slash + 1)];
  const leadsTo = readlinkSync(source);
  const rootFd = openDirectory(root);
  try {
    makeInside(rootFd, directory);
    const fd = tryOpenat2(rootFd, directory === "" ? "." : directory, { flags: O_PATH | O_DIRECTORY, resolve: RESOLVE_IN_ROOT });
    if (fd < 0) throw taken(source, target);
    try {
      symlinkat(leadsTo, fd, name);
    } catch (thrown) {
      if (errnoOf(thrown) !== "EEXIST" || !isSame(fd, name, leadsTo)) throw errnoOf(thrown) === "EEXIST" ? taken(source, target) : thrown;
    } finally {
      closeQuietly(fd);
    }
  } finally {
    closeQuietly(rootFd);
  }
}

const taken = (source: string, target: string): Fault =>
  new Fault("system.exists", `cannot mount link "${source}" at "${target}": the image has something else there`, { hint: "mount it elsewhere, or leave no-dereference out" });

/** As an earlier start has left it. */
function isSame(fd: number, name: string, leadsTo: string): boolean {
  try {
    return Buffer.from(readlinkat(fd, name)).toString() === leadsTo;
  } catch {
    return false;
  }
}
