// What completes operands: names and IDs from the host, as the verbs need them.

import type { Completer } from "../cli/complete.ts";
import type { Host } from "../engine/host.ts";
import { completer } from "./verb.ts";

type Wanted = (status: string) => boolean;

/** Names of containers in a wanted state. */
function containersIn(isWanted: Wanted): Completer {
  return completer((context, word) => namesOf(context.host, word, isWanted));
}

function namesOf(host: Host, word: string, isWanted: Wanted): string[] {
  const records = host.state.containers().filter(({ state }) => isWanted(state.status));
  const ids = word.length >= 2 ? records.filter(({ id }) => id.startsWith(word)).map(({ id, name }) => `${id.slice(0, 12)}\t${name}`) : [];
  return [...ids, ...records.filter(({ name }) => name.startsWith(word)).map(({ id, name }) => `${name}\t${id.slice(0, 12)}`)];
}

export const allContainers = containersIn(() => true);
export const runningContainers = containersIn((status) => status === "running");
export const createdContainers = containersIn((status) => status === "created");
export const startableContainers = containersIn((status) => status === "created" || status === "exited" || status === "stopped");

/** Whole names of images and their short forms. */
export const imageNames: Completer = completer((context) => imageWords(context.host));

function imageWords(host: Host): string[] {
  return host.store.images.list().flatMap(({ names }) => names.flatMap((name) => [name, name.slice(name.lastIndexOf("/") + 1)]));
}

/** What can be restored: containers that do not run, and images. */
export const containersAndImages: Completer = completer((context, word) =>
  [...namesOf(context.host, word, (status) => status === "exited" || status === "created"), ...imageWords(context.host)]);

/** An image first, then whatever the shell knows. */
export const imageThenFiles: Completer = completer(async (context, word, operands) => {
  if (operands.length === 0) return imageWords(context.host);
  const { pathsInImage } = await import("../engine/paths-inside.ts");
  return { words: pathsInImage(context.host, operands[0]!, word), open: true, files: true };
});

/** Paths of the host, or CONTAINER: and a path inside it. */
export const hostOrContainerPaths: Completer = completer(async (context, word) => {
  const colon = /^[./]/.test(word) ? -1 : word.indexOf(":");
  if (colon < 0) return { words: namesOf(context.host, word, () => true).map((name) => name.replace(/(\t|$)/, ":$1")), open: true, files: true };
  const { pathsInContainer } = await import("../engine/paths-inside.ts");
  const name = word.slice(0, colon);
  return { words: (await pathsInContainer(context.host, name, word.slice(colon + 1))).map((path) => `${name}:${path}`), open: true };
});

/** A running container first, then whatever the shell knows. */
export const runningThenFiles: Completer = completer((context, word, operands) =>
  operands.length === 0 ? namesOf(context.host, word, (status) => status === "running") : { words: [], files: true });

/** Interfaces of this host. */
export const interfaceNames: Completer = async () => {
  const { readdirSync } = await import("node:fs");
  return readdirSync("/sys/class/net");
};

/** Keys of sysctl(8) that a container may have of its own. */
export const sysctlNames: Completer = async (word) => {
  const { readdirSync } = await import("node:fs");
  const found: string[] = [];
  const visit = (directory: string, prefix: string, depth: number): void => {
    if (depth > 6) return;
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const name = `${prefix}${entry.name}`;
      if (!name.startsWith(word) && !word.startsWith(name)) continue;
      if (entry.isDirectory()) visit(`${directory}/${entry.name}`, `${name}.`, depth + 1);
      else found.push(name);
    }
  };
  visit("/proc/sys", "", 0);
  return found.sort();
};

export const networkNames: Completer = completer(async (context) => {
  const { listNetworks } = await import("../engine/networks/networks.ts");
  return ["bridge", "container:", "host", "none", "ns:", "private", ...listNetworks(context.host).map(({ name }) => name)];
});

/** A network first, then a container. */
export const networkThenContainer: Completer = completer(async (context, word, operands) => {
  if (operands.length === 1) return namesOf(context.host, word, () => true);
  if (operands.length > 1) return [];
  const { listNetworks } = await import("../engine/networks/networks.ts");
  return listNetworks(context.host).map(({ name }) => name);
});

export const volumeNames: Completer = completer(async (context) => {
  const { listVolumes } = await import("../engine/volumes/volumes.ts");
  return listVolumes(context.host).map(({ name }) => name);
});

export const secretNames: Completer = completer(async (context) => {
  const { listSecrets } = await import("../engine/secrets/secrets.ts");
  return listSecrets(context.host).map(({ name }) => name);
});

/** Whole names of artifacts. */
export const artifactNames: Completer = completer((context) => context.host.store.artifacts.list().map(({ name }) => name));

/** An artifact first, then whatever the shell knows. */
export const artifactThenFiles: Completer = completer((context, _word, operands) =>
  operands.length === 0 ? context.host.store.artifacts.list().map(({ name }) => name) : { words: [], files: true });
