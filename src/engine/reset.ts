// system reset: all containers, images, volumes and networks of ours go, and the store's directories with them.
// Source: podman-system-reset(1).

import { existsSync, readdirSync, rmSync } from "node:fs";
import { log } from "../base/log.ts";
import { remove } from "./containers/remove.ts";
import { removeTree } from "./containers/run-files.ts";
import type { Host } from "./host.ts";
import { removeImagesOf } from "./images.ts";
import { defaultNetworkName, listNetworks, removeNetworks } from "./networks/networks.ts";
import { hideTrees } from "../storage/erofs/views.ts";
import { removeVolumes } from "./volumes/volumes.ts";

async function quietly(what: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (thrown) {
    log.error(`cannot remove ${what}: ${(thrown as Error).message}`);
  }
}

/** Removes only what lies in directories of ours; a directory that holds other things stays with them. */
function clear(directory: string, known: readonly string[]): void {
  if (!existsSync(directory)) return;
  for (const name of known) removeTree(`${directory}/${name}`);
  for (const name of readdirSync(directory)) if (name.startsWith("coracle.db") || name.startsWith("boot")) rmSync(`${directory}/${name}`, { force: true });
  if (readdirSync(directory).length === 0) rmSync(directory, { recursive: true });
}

/** What went wrong is logged, and the rest goes on. The host is of no use afterwards. */
export async function reset(host: Host): Promise<void> {
  const { workingContainers } = await import("./working/records.ts");
  const { removeWorking } = await import("./working/remove.ts");
  await quietly("containers", async () => {
    for (const { fault } of await remove(host, { all: true }, { force: true, timeout: 0, depend: true, volumes: true })) if (fault) throw fault;
  });
  await quietly("working containers", async () => {
    for (const record of workingContainers(host)) await removeWorking(host, record);
  });
  await quietly("volumes", () => removeVolumes(host, { all: true }, { force: true }));
  await quietly("images", () => removeImagesOf(host, host.store.images.list().map(({ id }) => id), { force: true, ignore: true }));
  const own = listNetworks(host).map(({ name }) => name).filter(name => name !== defaultNetworkName(host));
  await quietly("networks", () => removeNetworks(host, own, { force: true }));
  await quietly("what was learned from registries", async () => (await import("../image/blob-reuse.ts")).forgetNotes());
  const { root, runroot, volumes } = host.paths;
  host.store.close();
  hideTrees(runroot);
  clear(volumes, []);
  clear(root, ["blobs", "layers", "containers", "volumes", "roots", "leases", "staging", "write-back", "secrets", "artifacts", "mounts", "downloads", "tmp", "mapped", "driver", "layer-form", "borrowed", "reserve"]);
  clear(runroot, ["exits", "locks", "netns", "containers", "timer", "leases", "mounts", "events.log", "events.log.lock", "networks", "images"]);
}
