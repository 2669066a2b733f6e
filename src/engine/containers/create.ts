// create: completes a spec from its image and the defaults, makes the root, and writes the row.
// Source: podman-create(1).

import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { ContainerSpec, MountSpec } from "../../base/container-spec.ts";
import { Fault, reasonOf } from "../../base/fault.ts";
import { nowRfc3339Nano } from "../../base/time.ts";
import { readConfig } from "../../image/config.ts";
import type { PullRequest } from "../../image/pull.ts";
import { lookupImage } from "../../image/resolve.ts";
import type { ImageSystem } from "../../image/system.ts";
import type { StoredImage } from "../../storage/store.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { findUses, keepSecrets } from "../secrets/uses.ts";
import { createVolume, dropVolume, getVolume } from "../volumes/volumes.ts";
import { imageEvent } from "../images.ts";
import { withAutoUsers } from "../users/auto.ts";
import { withLabels } from "./labels.ts";
import { refuseOtherDevices } from "./limits.ts";
import { fresh, locked } from "../state/lock.ts";
import { find } from "./lookup.ts";
import { checkName, randomId, randomName } from "./names.ts";
import { containerEvent } from "./container-event.ts";
import { resolve } from "./resolve.ts";
import { forgetUnstarted, holdUnstarted, noteUnstarted, releaseUnstarted } from "./unstarted.ts";
import type { ImageForSpec } from "./resolve.ts";

export interface CreateOptions {
  readonly pull?: "always" | "missing" | "never" | "newer";
  /** A container of the same name goes first, running or not. */
  readonly replace?: boolean;
  readonly quiet?: boolean;
  /** It is started next and goes at its end: should we die before it runs, it goes as well. */
  readonly isPassing?: boolean;
  /** The next name to try where none is given; absent: any that is free. */
  readonly nextName?: () => string;
  readonly pullOptions?: Pick<PullRequest, "system" | "onProgress" | "prompt">;
}

/** More than the commands that may choose at one moment. */
const nameTriesMax = 1000;

export interface Created {
  readonly id: string;
  readonly name: string;
  /** One sentence each, for standard error. */
  readonly warnings: readonly string[];
}

interface FoundImage {
  readonly image: StoredImage;
  readonly name: string;
}

/** Places such as docker-archive:FILE are no names; pulling reads them, or says what is wrong with them. */
function hereAlready(host: Host, imageName: string, system: ImageSystem): FoundImage | undefined {
  try {
    return lookupImage(host.store, imageName, system);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "reference.malformed") return undefined;
    throw thrown;
  }
}

/** The image of a container that is to be made, pulled where it is missing. */
export async function imageFor(host: Host, spec: ContainerSpec, options: CreateOptions): Promise<FoundImage | undefined> {
  if (spec.rootfs || spec.imageName === undefined) return undefined;
  const { imageName } = spec;
  const { platform } = spec;
  const { system: asked, onProgress, prompt } = options.pullOptions ?? {};
  const system: ImageSystem = { ...host.imageSystem, ...asked, ...(platform ? { platform: { ...asked?.platform, ...platform } } : {}) };
  const policy = options.pull ?? (host.conf.engine.pull_policy as CreateOptions["pull"]) ?? "missing";
  const here = policy === "missing" || policy === "never" ? hereAlready(host, imageName, system) : undefined;
  if (here) {
    imageEvent(host, "pull", { id: here.image.id, name: imageName });
    return here;
  }
  const { pull } = await import("../../image/pull.ts");
  const [image] = await pull(imageName, {
    store: host.store, system, policy,
    ...(onProgress ? { onProgress } : {}),
    ...(prompt ? { prompt } : {}),
  });
  if (!image) throw new Fault("image.not-found", `${imageName}: image not known`);
  imageEvent(host, "pull", { id: image.id, name: imageName });
  return { image, name: nameOf(host, image, imageName, system) };
}

/** The whole name the image was asked for by; an archive's image has only its own. */
function nameOf(host: Host, image: StoredImage, asked: string, system: ImageSystem): string {
  try {
    const found = lookupImage(host.store, asked, system);
    if (found?.image.id === image.id) return found.name;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
  }
  return image.names[0] ?? image.id;
}

function forSpec(host: Host, { image, name }: FoundImage): ImageForSpec {
  const config = readConfig(host.store.images.configBytes(image));
  const byId = image.id.startsWith(name) || name.startsWith("sha256:");
  return { id: image.id, reference: byId ? image.names[0] ?? name : name, defaults: config.config ?? {} };
}

/** Makes the volumes that mounts name, on first use; answers the mounts with every name filled in. */
function prepareVolumes(host: Host, mounts: readonly MountSpec[], made: string[]): MountSpec[] {
  return mounts.map(mount => {
    if (mount.kind !== "volume") return mount;
    const isNew = mount.source === "" || !host.state.findVolume(mount.source);
    const volume = createVolume(host, {
      ...(mount.source === "" ? {} : { name: mount.source }),
      ...(mount.volumeDriver ? { driver: mount.volumeDriver } : {}),
      ...(mount.volumeLabels ? { labels: mount.volumeLabels } : {}),
      anonymous: mount.source === "",
      ignore: true,
    });
    if (isNew) made.push(volume.name);
    return { ...mount, source: volume.name, ...(mount.source === "" ? { anonymous: true } : {}) };
  });
}

/** What cannot work is refused now rather than at the start, in podman's words. */
function checkSources(host: Host, spec: ContainerSpec): void {
  if (spec.resources) refuseOtherDevices(spec.resources);
  for (const { kind, source } of spec.mounts ?? []) {
    if (kind === "artifact" && !host.store.artifacts.find(source)) throw new Fault("artifact.not-found", `${source}: artifact does not exist`, { hint: "get it first, with: podman artifact pull" });
    if (kind === "bind" && !statSync(source, { throwIfNoEntry: false })) {
      throw new Fault("system.not-found", `statfs ${source}: no such file or directory`, { hint: "make the directory or file first, or name a volume instead of a path" });
    }
  }
  if (spec.rootfs && !statSync(spec.rootfs.path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Fault("system.not-found", `cannot use "${spec.rootfs.path}" as the root: no such directory`);
  }
}

function writeCidfile(spec: ContainerSpec, id: string): void {
  if (!spec.cidfile) return;
  try {
    writeFileSync(spec.cidfile, id, { mode: 0o644 });
  } catch (cause) {
    throw new Fault("system.failed", `cannot write container ID to "${spec.cidfile}": ${reasonOf(cause)}`, { cause });
  }
}

/** The row, its volumes and its root come together. Should we die before, the lease tells the next command to look for a root without a row. */
function insert(host: Host, record: ContainerRecord, { image, made }: { image: StoredImage | undefined; made: string[] }): ContainerSpec {
  const { id } = record;
  using lease = host.store.lease();
  return host.store.transaction(() => {
    const whole = { ...record.spec, mounts: prepareVolumes(host, record.spec.mounts ?? [], made), ...findUses(host, record.spec) };
    const spec = withAutoUsers(host, withLabels(host, whole), image);
    host.state.insert({ ...record, spec });
    noteUnstarted(host, record);
    for (const { kind, source } of spec.mounts ?? []) if (kind === "volume") host.state.useVolume(source, id);
    const topLayer = image?.layers.at(-1);
    if (!spec.rootfs) host.store.roots.create({ id, lease, ...(topLayer ? { topLayer } : {}) });
    return spec;
  });
}

function dropQuietly(host: Host, volumes: readonly string[]): void {
  for (const name of volumes) if (host.state.usersOfVolume(name).length === 0) dropVolume(host, { name });
}

async function replaceIfAsked(host: Host, name: string, options: CreateOptions): Promise<void> {
  if (!options.replace || !find(host, name)) return;
  const { remove } = await import("./remove.ts");
  const [outcome] = await remove(host, { names: [name] }, { force: true, timeout: 0 });
  if (outcome?.fault) throw outcome.fault;
}

async function tellCreation(host: Host, id: string): Promise<void> {
  const record = host.state.findById(id);
  if (!record) return;
  const wanted = host.conf.engine.events_container_create_inspect_data ?? false;
  const inspected = wanted ? (await import("./inspect.ts")).inspect(host, id, { size: true }) : undefined;
  containerEvent(host, record, "create", inspected ? { ContainerInspectData: JSON.stringify(inspected) } : {});
}

/** @throws Fault of pulling, resolving or storing; nothing is left of the container then */
export async function create(host: Host, asked: ContainerSpec, options: CreateOptions = {}): Promise<Created> {
  if (asked.name) await replaceIfAsked(host, checkName(asked.name), options);
  checkSources(host, asked);
  const found = await imageFor(host, asked, options);
  if (asked.name) return createNamed(host, asked, { ...options, name: checkName(asked.name) }, found);
  for (let triesLeft = nameTriesMax; ; triesLeft--) {
    try {
      return await createNamed(host, asked, { ...options, name: options.nextName?.() ?? randomName(host.state) }, found);
    } catch (thrown) {
      // Another command took the name after we saw it free.
      const isTaken = thrown instanceof Fault && thrown.code === "container.name-in-use";
      if (!isTaken || triesLeft === 0) throw thrown;
    }
  }
}

/** Volumes get what the image has at their places by the root's being mounted once. */
async function fillVolumes(host: Host, id: string): Promise<void> {
  const { mountRoot, unmountRoot } = await import("./root.ts");
  await locked(host, id, () => {
    const record = fresh(host, id);
    mountRoot(host, record);
    unmountRoot(host, record);
  });
}

async function createNamed(host: Host, asked: ContainerSpec, { name, isPassing }: CreateOptions & { name: string }, found: FoundImage | undefined): Promise<Created> {
  const id = randomId();
  const { spec, warnings } = resolve(host, asked, { id, name, ...(found ? { image: forSpec(host, found) } : {}) });
  if (isPassing) await holdUnstarted(host, id);
  try {
    await createComplete(host, { id, name, spec }, found?.image);
  } catch (thrown) {
    forgetUnstarted(host, id);
    releaseUnstarted(host, id);
    throw thrown;
  }
  if (host.conf.containers.prepare_volume_on_create) await fillVolumes(host, id);
  return { id, name, warnings };
}

/** From a spec that is complete already to a row and a root; nothing is left where it fails. */
export async function createComplete(host: Host, { id, name, spec: complete }: Omit<ContainerRecord, "state">, image: StoredImage | undefined): Promise<void> {
  const made: string[] = [];
  try {
    const spec = insert(host, { id, name, spec: complete, state: { status: "created", createdAt: nowRfc3339Nano() } }, { image, made });
    for (const volume of made) getVolume(host, volume);
    mkdirSync(host.paths.staticDir(id), { recursive: true, mode: 0o700 });
    keepSecrets(host, id, spec);
    writeCidfile(spec, id);
  } catch (thrown) {
    rmSync(host.paths.staticDir(id), { recursive: true, force: true });
    if (host.state.findById(id)) host.store.transaction(() => host.state.remove(id));
    if (host.store.roots.find(id)) host.store.roots.remove(id);
    else host.store.roots.forget(id);
    dropQuietly(host, made);
    throw thrown;
  }
  await tellCreation(host, id);
}
