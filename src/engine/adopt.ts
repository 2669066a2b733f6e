// Moving over from Podman: its images, volumes, networks and secrets, read from its store and brought into ours.
// What is here already is passed over, so that an interrupted move goes on where it stopped.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { needProgram, spawnSync } from "../base/spawn.ts";
import { copyImage } from "../image/copy.ts";
import { podmanStorageImages, podmanStorageSource } from "../image/transports/podman-storage.ts";
import { storageSink } from "../image/transports/storage.ts";
import type { Host } from "./host.ts";
import { adoptNetwork, listNetworks, type Network } from "./networks/networks.ts";
import { createSecret, findSecret } from "./secrets/secrets.ts";
import { podmanVolumes } from "./state/podman-db.ts";
import { createVolume, volumeDirectory } from "./volumes/volumes.ts";

export interface AdoptStep {
  readonly kind: "image" | "volume" | "network" | "secret";
  /** As a person knows it. */
  readonly name: string;
  readonly isHere: boolean;
  /** Why it cannot come over. */
  readonly obstacle?: string;
  run(): Promise<void>;
}

function imageSteps(host: Host, root: string): AdoptStep[] {
  const { images } = host.store;
  return podmanStorageImages(root).map(image => {
    const names = image.names.filter(name => !name.includes("@"));
    const here = images.get(image.id);
    return {
      kind: "image", name: names.length > 0 ? `${image.id.slice(0, 12)} ${names.join(" ")}` : image.id.slice(0, 12),
      isHere: here !== undefined && names.every(name => images.findByName(name) !== undefined),
      async run() {
        // Names that mean another image here by now stay with it.
        const free = names.filter(name => images.findByName(name) === undefined);
        if (here) for (const name of free) images.tag(image.id, name);
        else await copyImage(podmanStorageSource(root, image.id), storageSink(host.store, free));
      },
    };
  });
}

function copyFiles(from: string, to: string): void {
  const { status, complaint } = spawnSync([needProgram("cp", "coreutils"), "-a", "--reflink=auto", `${from}/.`, to]);
  if (status !== 0) throw new Fault("component.failed", `cannot copy "${from}": ${complaint()}`);
}

function volumeSteps(host: Host, root: string): AdoptStep[] {
  return podmanVolumes(root).map(volume => {
    const source = `${root}/volumes/${volume.name}/_data`;
    const isMount = ["type", "device"].some(key => volume.options[key] !== undefined);
    const obstacle = volume.driver !== "local" ? `its driver ${volume.driver} is not supported` : undefined;
    return {
      kind: "volume", name: volume.name, isHere: host.state.findVolume(volume.name) !== undefined, ...(obstacle ? { obstacle } : {}),
      async run() {
        const { name, labels, options, anonymous, uid, gid } = volume;
        const aside = `${host.paths.volumes}/.adopting-${name}`;
        for (const path of [aside, volumeDirectory(host, name)]) rmSync(path, { recursive: true, force: true });
        mkdirSync(`${aside}/_data`, { recursive: true, mode: 0o755 });
        if (!isMount && existsSync(source)) copyFiles(source, `${aside}/_data`);
        renameSync(aside, volumeDirectory(host, name));
        createVolume(host, { name, labels, options, anonymous, ...(uid || gid ? { uid, gid } : {}) });
        const record = host.state.findVolume(name);
        if (record && !isMount && readdirSync(`${volumeDirectory(host, name)}/_data`).length > 0) host.state.saveVolume({ ...record, needsCopyUp: false, needsChown: false });
      },
    };
  });
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function networkSteps(host: Host, root: string): AdoptStep[] {
  const directory = `${root}/networks`;
  if (!existsSync(directory) || directory === host.paths.networks) return [];
  const here = new Set(listNetworks(host).map(({ name }) => name));
  return readdirSync(directory).filter(file => file.endsWith(".json")).flatMap((file): AdoptStep[] => {
    const network = readJson(`${directory}/${file}`) as Network | undefined;
    if (!network?.name || network.name === "podman") return [];
    return [{ kind: "network", name: network.name, isHere: here.has(network.name), run: async () => adoptNetwork(host, network) }];
  });
}

interface PodmanSecrets {
  readonly secrets?: Record<string, { name: string; driver: string; labels?: Record<string, string>; driverOptions?: Record<string, string> }>;
}

/** Base64, from where it was said to be, or from the store itself, which may have been moved. */
function valueOf(root: string, id: string, place: string | undefined): string | undefined {
  for (const directory of [place, `${root}/secrets/filedriver`]) {
    const values = directory === undefined ? undefined : readJson(`${directory}/secretsdata.json`) as Record<string, unknown> | undefined;
    const value = values?.[id];
    if (typeof value === "string") return value;
  }
  return undefined;
}

function secretSteps(host: Host, root: string): AdoptStep[] {
  const { secrets = {} } = (readJson(`${root}/secrets/secrets.json`) ?? {}) as PodmanSecrets;
  return Object.entries(secrets).map(([id, { name, driver, labels, driverOptions = {} }]) => {
    const value = driver === "file" ? valueOf(root, id, driverOptions["path"]) : undefined;
    const obstacle = driver !== "file" ? `its driver ${driver} keeps it under podman's ID` : value === undefined ? "its value is missing" : undefined;
    return {
      kind: "secret", name, isHere: findSecret(host, name)?.name === name, ...(obstacle ? { obstacle } : {}),
      run: async () => void createSecret(host, { name, value: Buffer.from(value ?? "", "base64"), driver: "file", ...(labels ? { labels } : {}) }),
    };
  });
}

/** All that podman has at `root`, in the order in which it is to come. @throws Fault "system.not-found" where there is no store */
export function planAdoption(host: Host, root: string): AdoptStep[] {
  if (!existsSync(`${root}/overlay-images`) && !existsSync(`${root}/db.sql`)) {
    throw new Fault("system.not-found", `cannot adopt from "${root}": no store of podman's is there`, { hint: "name its root, which podman info shows as graphRoot, with --from" });
  }
  return [...imageSteps(host, root), ...volumeSteps(host, root), ...networkSteps(host, root), ...secretSteps(host, root)];
}
