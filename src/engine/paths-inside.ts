// Paths inside an image or a container that begin as a half-written word does, for completion.

import { readdirSync } from "node:fs";
import { findImage } from "../image/resolve.ts";
import { closeQuietly, openDirectory, O_DIRECTORY, O_PATH, RESOLVE_IN_ROOT, tryOpenat2 } from "../kernel/files.ts";
import { containerView } from "./containers/copy-view.ts";
import { find } from "./containers/lookup.ts";
import type { Host } from "./host.ts";
import { mountImage, unmountImage } from "./images-mount.ts";

/** Names in a directory of the tree, those of directories with a slash; [] where there is no such directory. */
function namesIn(rootFd: number, directory: string): string[] {
  const fd = tryOpenat2(rootFd, directory.replace(/^\/+/, "") || ".", { flags: O_PATH | O_DIRECTORY, resolve: RESOLVE_IN_ROOT });
  if (fd < 0) return [];
  try {
    return readdirSync(`/proc/self/fd/${fd}/.`, { withFileTypes: true }).map(entry => entry.isDirectory() ? `${entry.name}/` : entry.name).sort();
  } finally {
    closeQuietly(fd);
  }
}

function suggest(rootFd: number, word: string): string[] {
  const slash = word.lastIndexOf("/");
  const [directory, base] = [word.slice(0, slash + 1) || (word === "" ? "/" : ""), word.slice(slash + 1)];
  const found = namesIn(rootFd, directory).filter(name => name.startsWith(base)).map(name => `${directory}${name}`);
  const [only, more] = found;
  if (only === undefined || more !== undefined || only !== `${word}/`) return found;
  const inner = namesIn(rootFd, only).map(name => `${only}${name}`);
  return inner.length > 0 ? inner : found;
}

export function pathsInImage(host: Host, name: string, word: string): string[] {
  const image = findImage(host.store, name, host.imageSystem);
  if (!image) return [];
  const rootFd = openDirectory(mountImage(host, image));
  try {
    return suggest(rootFd, word);
  } finally {
    closeQuietly(rootFd);
    unmountImage(host, image.id);
  }
}

export async function pathsInContainer(host: Host, name: string, word: string): Promise<string[]> {
  const record = find(host, name);
  if (!record) return [];
  await using view = await containerView(host, record.id, word || "/");
  return suggest(view.rootFd, word);
}
