// restore by the one door: containers of this host, archives, and images that hold a checkpoint.
// Source: podman-container-restore(1).

import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import type { ContainerSpec, NetworkSpec, PortMapping } from "../../base/container-spec.ts";
import { errnoOf, Fault } from "../../base/fault.ts";
import { hostPlatform } from "../../image/platform.ts";
import { lookupImage } from "../../image/resolve.ts";
import { storedManifest } from "../../image/stored-config.ts";
import type { StoredImage } from "../../storage/store.ts";
import { tarOfTree } from "../../storage/tar/tree.ts";
import type { Choice } from "../batch.ts";
import { createComplete, imageFor } from "../containers/create.ts";
import { assignPorts } from "../containers/free-ports.ts";
import { find } from "../containers/lookup.ts";
import { checkName, randomId } from "../containers/names.ts";
import { removeRecord } from "../containers/remove.ts";
import type { MountedRoot } from "../containers/root.ts";
import type { Host } from "../host.ts";
import { mountImage, unmountImage } from "../images-mount.ts";
import { fresh, locked } from "../state/lock.ts";
import { dropVolume, getVolume } from "../volumes/volumes.ts";
import { members } from "./archive.ts";
import { checkpointFiles } from "./files.ts";
import { nameAnnotation } from "./image.ts";
import { importedContainer, type Imported } from "./imported-spec.ts";
import { type Taken, takeArchive } from "./intake.ts";
import { restore, restoreLocked, type RestoreOptions, type RestoreOutcome } from "./restore.ts";
import { checkDeleted, deletePaths } from "./rootfs-diff.ts";
import { unpackInto } from "./shm.ts";
import { readJsonMember, validate } from "./validate.ts";

export interface RestoreRequest extends RestoreOptions {
  readonly choice: Choice;
  /** An archive's bytes, packed or not. */
  readonly archive?: AsyncIterable<Uint8Array>;
  /** An archive of the --pre-checkpoint before it. */
  readonly previous?: AsyncIterable<Uint8Array>;
  /** The new container's; its ID and addresses are new then, too. */
  readonly name?: string;
  readonly ports?: readonly PortMapping[];
  readonly ignoreRootfs?: boolean;
  readonly ignoreVolumes?: boolean;
}

type Importing = Omit<RestoreRequest, "choice" | "archive">;

const only = (option: string): Fault => new Fault("usage.invalid", `${option} can only be used with image or --import`);

function refusePlain(request: RestoreRequest): void {
  if (request.previous) throw only("--import-previous");
  if (request.ignoreRootfs) throw only("--ignore-rootfs");
  if (request.ignoreVolumes) throw only("--ignore-volumes");
  if (request.name !== undefined) throw only("--name");
  if (request.ports && request.ports.length > 0) throw only("--publish");
}

async function* piecesOfTree(path: string): AsyncGenerator<Uint8Array> {
  yield* tarOfTree(path);
}

/** A container of another name is another container: with addresses of its own, and a host name where that was the old ID. */
function renamed(spec: ContainerSpec, imported: Imported, id: string): ContainerSpec {
  const { network, hostname, env, cidfile: _cid, pidfile: _pid, conmonPidfile: _conmon, ...rest } = spec;
  const old = imported.id.slice(0, 12);
  const networks = network?.networks?.map(({ ips: _ips, mac: _mac, ...one }) => ({ ...one, ...(one.aliases ? { aliases: one.aliases.filter(alias => alias !== old) } : {}) }));
  const own: NetworkSpec | undefined = network && networks ? { ...network, networks } : network;
  return {
    ...rest, ...(own ? { network: own } : {}), ...(hostname === undefined ? {} : { hostname: hostname === old ? id.slice(0, 12) : hostname }),
    ...(env ? { env: env.HOSTNAME === old ? { ...env, HOSTNAME: id.slice(0, 12) } : env } : {}),
  };
}

/** The spec of a copy of a container of this host, with ID `id`. */
export const ownOfCopy = (host: Host, original: Imported, id: string): ContainerSpec => settled(host, { id, spec: renamed(original.spec, original, id) });

function withPorts(host: Host, spec: ContainerSpec, ports: readonly PortMapping[] = []): ContainerSpec {
  if (ports.length === 0) return spec;
  const fallback = host.conf.network.default_host_ips?.[0];
  return { ...spec, ports: assignPorts(ports.map(port => (port.hostIp === "" && fallback ? { ...port, hostIp: fallback } : port))) };
}

/** Where it lies here: log and files of the old host are none of ours. */
function settled(host: Host, { id, spec }: Omit<Imported, "name">): ContainerSpec {
  const { log, ...rest } = spec;
  const { path: _path, ...logged } = log ?? { driver: "k8s-file" as const };
  const isFile = logged.driver === "k8s-file" || logged.driver === "json-file";
  return { ...rest, log: { ...logged, ...(isFile ? { path: `${host.paths.staticDir(id)}/ctr.log` } : {}) } };
}

async function imageOfImported(host: Host, { imageId, imageReference, imageName }: ContainerSpec): Promise<StoredImage | undefined> {
  const here = imageId === undefined ? undefined : host.store.images.get(imageId);
  if (here) return here;
  const name = imageReference ?? imageName;
  if (name === undefined) throw new Fault("input.malformed", "cannot import the checkpoint: it names no image");
  const found = await imageFor(host, { imageName: name }, { pull: "missing" });
  if (imageId === undefined || found?.image.id === imageId) return found?.image;
  throw new Fault("image.not-found", `cannot import the checkpoint: it was made over image ${imageId}, and ${name} is another one here`, {
    hint: `bring that very image here, for instance with: podman save and podman load`,
  });
}

function refuseTaken(host: Host, { id, name, spec }: Imported, ignoreVolumes: boolean): void {
  if (find(host, name)) throw new Fault("container.name-in-use", `cannot import the checkpoint: the container name "${name}" is already in use`, { hint: "give the copy another name with --name" });
  if (host.state.findById(id)) throw new Fault("container.name-in-use", `cannot import the checkpoint: a container with ID ${id} is here already`, { hint: "give the copy another name with --name, or remove the old one" });
  if (ignoreVolumes) return;
  for (const { kind, source } of spec.mounts ?? []) {
    if (kind === "volume" && host.state.findVolume(source)) throw new Fault("volume.exists", `volume with name ${source} already exists. Use --ignore-volumes to not restore content of volumes`);
  }
}

/** Moves what the restore reads to the container's own files. */
function place(host: Host, id: string, { folder, names }: Taken, isNew: boolean): void {
  const files = checkpointFiles(host, id);
  const all: [string, string][] = [[members.images, files.images], [members.preImages, files.preImages], [members.shm, files.shm], [members.statistics, files.dumpStatistics]];
  if (!isNew) all.push([members.networkStatus, files.networkStatus]);
  if (names.has(members.log)) all.push([members.log, `${files.folder}/ctr.log`]);
  for (const [name, target] of all) if (existsSync(`${folder}/${name}`)) move(`${folder}/${name}`, target);
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (thrown) {
    if (errnoOf(thrown) !== "EXDEV") throw thrown;
    cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  }
}

function filling(host: Host, taken: Taken, imported: Imported, { ignoreRootfs, ignoreVolumes }: Importing): (root: MountedRoot) => void {
  return ({ path }) => {
    if (!ignoreVolumes) {
      for (const name of new Set((imported.spec.mounts ?? []).filter(({ kind }) => kind === "volume").map(({ source }) => source))) {
        const file = `${taken.folder}/${members.volumes}/${name}.tar`;
        if (existsSync(file)) unpackInto(getVolume(host, name).mountpoint, file);
      }
    }
    if (ignoreRootfs) return;
    if (taken.names.has(members.rootfs)) unpackInto(path, `${taken.folder}/${members.rootfs}`);
    if (taken.names.has(members.deleted)) deletePaths(path, checkDeleted(readJsonMember(taken, members.deleted)));
  };
}

/** What the import itself made goes with it where it fails; what was here before stays. */
async function discard(host: Host, id: string, volumes: readonly string[]): Promise<void> {
  await locked(host, id, async () => {
    const record = host.state.findById(id);
    if (record) await removeRecord(host, record, { volumes: true });
  });
  for (const name of volumes) if (host.state.findVolume(name) && host.state.usersOfVolume(name).length === 0) dropVolume(host, { name });
}

async function importTaken(host: Host, taken: Taken, request: Importing): Promise<RestoreOutcome> {
  const original = importedContainer(taken);
  const isNew = request.name !== undefined;
  const id = isNew ? randomId() : original.id;
  const name = isNew ? checkName(request.name) : original.name;
  const spec = isNew ? renamed(original.spec, original, id) : original.spec;
  const imported: Imported = { id, name, spec: withPorts(host, settled(host, { id, spec }), request.ports) };
  refuseTaken(host, imported, request.ignoreVolumes ?? false);
  const image = await imageOfImported(host, imported.spec);
  const made = (imported.spec.mounts ?? []).filter(({ kind, source }) => kind === "volume" && !host.state.findVolume(source)).map(({ source }) => source);
  await createComplete(host, { ...imported, spec: { ...imported.spec, name, ...(image ? { imageId: image.id } : {}) } }, image);
  try {
    place(host, id, taken, isNew);
    const fill = filling(host, taken, imported, request);
    const { hostname } = imported.spec;
    const options = { ...request, fill, ...(isNew && hostname ? { hostname } : {}) };
    const restored = await locked(host, id, () => restoreLocked(host, fresh(host, id), options));
    return { target: id, id, ...restored };
  } catch (thrown) {
    await discard(host, id, made);
    throw thrown;
  }
}

async function importArchive(host: Host, archive: AsyncIterable<Uint8Array>, request: Importing): Promise<RestoreOutcome> {
  using lease = host.store.lease();
  const folder = `${lease.directory}/import`;
  mkdirSync(folder, { mode: 0o700 });
  const taken = await takeArchive(folder, archive);
  const here = hostPlatform().architecture;
  if (request.previous) {
    const before = `${lease.directory}/previous`;
    mkdirSync(before, { mode: 0o700 });
    const previous = await takeArchive(before, request.previous);
    validate(previous, { here, preCheckpoint: true });
    if (existsSync(`${before}/${members.preImages}`)) {
      rmSync(`${folder}/${members.preImages}`, { recursive: true, force: true });
      renameSync(`${before}/${members.preImages}`, `${folder}/${members.preImages}`);
    }
  }
  validate(taken, { here });
  return await importTaken(host, taken, request);
}

/** Runs `use` with the files of a checkpoint image as an archive. @throws Fault "image.not-found", "usage.invalid" for another image */
export async function imageAsArchive<T>(host: Host, name: string, use: (archive: AsyncIterable<Uint8Array>) => Promise<T>): Promise<T> {
  const image = lookupImage(host.store, name, host.imageSystem)?.image;
  if (!image) throw new Fault("image.not-found", `no such container or image: ${name}`);
  if (storedManifest(host.store, image).annotations?.[nameAnnotation] === undefined) {
    throw new Fault("usage.invalid", `cannot restore from image ${name}: it holds no checkpoint`, { hint: "make one with: podman container checkpoint --create-image" });
  }
  const path = mountImage(host, image);
  try {
    return await use(piecesOfTree(path));
  } finally {
    unmountImage(host, image.id);
  }
}

const importImage = async (host: Host, name: string, request: Importing): Promise<RestoreOutcome> =>
  ({ ...await imageAsArchive(host, name, archive => importArchive(host, archive, request)), target: name });

async function eachNamed(host: Host, { choice, archive: _archive, ...request }: RestoreRequest): Promise<RestoreOutcome[]> {
  const outcomes: RestoreOutcome[] = [];
  for (const name of choice.names ?? []) {
    try {
      if (find(host, name)) outcomes.push(...await restore(host, { names: [name] }, request));
      else outcomes.push(await importImage(host, name, request));
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      outcomes.push({ target: name, fault });
    }
  }
  return outcomes;
}

/** @throws Fault of an import; faults of single containers stand in their outcomes */
export async function restoreFrom(host: Host, request: RestoreRequest): Promise<RestoreOutcome[]> {
  if (host.rootless) throw new Fault("system.denied", "restoring a container requires root");
  const { choice, archive, ...rest } = request;
  if (archive) return [await importArchive(host, archive, rest)];
  const names = choice.names ?? [];
  if (names.length === 0 || names.some(name => find(host, name))) refusePlain(request);
  return names.length === 0 ? restore(host, choice, rest) : eachNamed(host, request);
}
