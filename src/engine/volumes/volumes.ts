// Volumes: named directories that outlive containers, and the anonymous ones that do not.
// Source: podman-volume(1).

import { chownSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { errnoOf, Fault } from "../../base/fault.ts";
import { nowRfc3339Nano, parseRfc3339 } from "../../base/time.ts";
import { lockFile } from "../../kernel/locks.ts";
import type { Outcome } from "../batch.ts";
import { groupFilters, labelTest, regex } from "../containers/filters.ts";
import { labelVolume } from "../containers/labels.ts";
import { randomId } from "../containers/names.ts";
import { writeEvent } from "../events.ts";
import type { Host } from "../host.ts";
import { momentNs } from "../moments.ts";
import { forgetLock } from "../state/lock.ts";
import type { VolumeRecord } from "../state/state.ts";
import { treeSize } from "./tree-size.ts";
import { isMountedVolume, unmountVolume } from "./backing.ts";

export interface Volume extends VolumeRecord {
  readonly mountpoint: string;
}

export interface CreateVolume {
  /** Absent: random. */
  readonly name?: string;
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  /** An existing one of that name is answered instead of refused. */
  readonly ignore?: boolean;
  readonly anonymous?: boolean;
  readonly uid?: number;
  readonly gid?: number;
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

export const volumeDirectory = (host: Host, name: string): string => `${host.paths.volumes}/${name}`;

/** Where it lies is asked of the configuration, which a list of names does without. */
export function volumeOf(host: Host, record: VolumeRecord): Volume {
  return {
    ...record,
    get mountpoint() {
      return `${volumeDirectory(host, record.name)}/_data`;
    },
  };
}

/** What `o=uid=…,gid=…` says beside --uid and --gid. @throws Fault for what a directory cannot do */
function ownerOf(asked: CreateVolume): { uid?: number; gid?: number } {
  const words = (asked.options?.["o"] ?? "").split(",");
  const isMount = asked.options?.["type"] !== undefined || asked.options?.["device"] !== undefined;
  const limit = words.find(word => /^(size|inodes)=/.test(word)) ?? Object.keys(asked.options ?? {}).find(key => /^(size|inodes)$/i.test(key));
  if (!isMount && limit !== undefined) {
    throw new Fault("usage.unsupported", "volume options size and inodes not supported. Filesystem does not support Project Quota", { hint: "use a tmpfs volume: --opt type=tmpfs --opt device=tmpfs --opt o=size=…" });
  }
  const number = (name: "uid" | "gid"): number | undefined => {
    const text = words.find(word => word.startsWith(`${name}=`))?.slice(4) ?? asked.options?.[name];
    if (text === undefined || isMount) return undefined;
    if (!/^\d{1,10}$/.test(text)) throw new Fault("usage.invalid", `cannot convert ${name.toUpperCase()} ${text} to integer: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
    return Number(text);
  };
  const [uid, gid] = [asked.uid ?? number("uid"), asked.gid ?? number("gid")];
  return { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
}

function checkDevice(options: Readonly<Record<string, string>>): void {
  const isBind = options["type"] === "bind" || (options["o"] ?? "").split(",").some(word => word === "bind" || word === "rbind");
  const { device } = options;
  if (isBind && device !== undefined && !statSync(device, { throwIfNoEntry: false })) {
    throw new Fault("system.not-found", `invalid volume option device for driver 'local': faccessat ${device}: no such file or directory`);
  }
}

function checkOptions(options: Readonly<Record<string, string>>): void {
  checkDevice(options);
  for (const key of Object.keys(options)) {
    const known = ["type", "device", "o", "uid", "gid", "size", "inodes", "noquota", "copy", "nocopy"];
    if (!known.includes(key.toLowerCase())) throw new Fault("usage.invalid", `invalid mount option ${key} for driver 'local': invalid argument`);
  }
}

/** @throws Fault "volume.exists", "usage.invalid" */
export function createVolume(host: Host, options: CreateVolume = {}): Volume {
  const name = options.name ?? randomId();
  if (!namePattern.test(name) || name.length > 255) {
    throw new Fault("usage.invalid", "running volume create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument");
  }
  const driver = options.driver ?? "local";
  if (driver !== "local") throw new Fault("usage.unsupported", `no volume plugin with name ${driver} available: required plugin missing`);
  checkOptions(options.options ?? {});
  const owner = ownerOf(options);
  const record: VolumeRecord = {
    name,
    driver,
    createdAt: nowRfc3339Nano(),
    labels: { ...options.labels },
    options: { ...options.options },
    anonymous: options.anonymous ?? false,
    needsCopyUp: options.options?.nocopy === undefined,
    needsChown: owner.uid === undefined && owner.gid === undefined,
    ...owner,
  };
  // What is wrong in containers.conf is told before there is a row.
  void host.paths.volumes;
  const existing = host.state.findVolume(name);
  if (existing && options.ignore) return volumeOf(host, existing);
  if (existing) throw new Fault("volume.exists", `volume with name ${name} already exists: volume already exists`);
  if (!host.state.insertVolume(record)) return createVolume(host, options);
  if (!host.store.db.inTransaction) makeDirectory(host, record);
  if (!record.anonymous) host.store.lasting();
  writeEvent(host, { Type: "volume", Status: "create", Name: name });
  return volumeOf(host, record);
}

/** After the row, so that no directory is ever without one; whoever meets a volume that was never used makes what is missing. */
function makeDirectory(host: Host, record: VolumeRecord): void {
  const { mountpoint } = volumeOf(host, record);
  mkdirSync(mountpoint, { recursive: true, mode: 0o755 });
  if (record.uid !== undefined || record.gid !== undefined) chownSync(mountpoint, record.uid ?? 0, record.gid ?? 0);
  labelVolume(mountpoint);
}

function volumeTests(host: Host, filters: readonly string[]): ((volume: Volume) => boolean)[] {
  return [...groupFilters(filters)].map(([key, values]) => {
    switch (key) {
      case "name": {
        const patterns = values.map(regex);
        return ({ name }) => patterns.some(pattern => pattern.test(name));
      }
      case "driver": return ({ driver }) => values.includes(driver);
      case "scope": return () => values.includes("local");
      case "label": case "label!": {
        const test = labelTest(values);
        return ({ labels }) => test(labels) === (key === "label");
      }
      case "opt": return ({ options }) => values.some(value => {
        const [name, wanted] = value.split("=", 2);
        return Object.hasOwn(options, name!) && (wanted === undefined || options[name!] === wanted);
      });
      case "anonymous": return ({ anonymous }) => values.includes(String(anonymous));
      case "dangling": return ({ name }) => values.includes(String(host.state.usersOfVolume(name).length === 0));
      case "until": case "after": case "since": {
        const bound = momentNs(values[0]!);
        return ({ createdAt }) => ((parseRfc3339(createdAt) ?? 0n) < bound) === (key === "until");
      }
      default: throw new Fault("usage.invalid", `${JSON.stringify(key)} is an invalid volume filter`);
    }
  });
}

/** By name. @throws Fault "usage.invalid" for an unknown filter */
export function listVolumes(host: Host, filters: readonly string[] = []): Volume[] {
  const tests = volumeTests(host, filters);
  return host.state.volumes().map(record => volumeOf(host, record)).filter(volume => tests.every(test => test(volume)));
}

/** What a creation that died did not come to make, of a volume that nobody has used yet. */
function withDirectory(host: Host, record: VolumeRecord): Volume {
  const volume = volumeOf(host, record);
  if (record.needsCopyUp && !statSync(volume.mountpoint, { throwIfNoEntry: false })) makeDirectory(host, record);
  return volume;
}

/** @throws Fault "volume.not-found" */
export function getVolume(host: Host, nameOrPrefix: string): Volume {
  const exact = host.state.findVolume(nameOrPrefix);
  if (exact) return withDirectory(host, exact);
  const [only, second] = nameOrPrefix === "" ? [] : host.state.findVolumesByPrefix(nameOrPrefix);
  if (second) throw new Fault("volume.not-found", `more than one result for volume name ${nameOrPrefix}: volume already exists`);
  if (only) return withDirectory(host, only);
  throw new Fault("volume.not-found", `no volume with name "${nameOrPrefix}" found: no such volume`);
}

/** Before the name of a volume, in notes of what is unfinished. */
export const volumeNote = "volume-";

/** What a removal that died has left: the row without the directory goes too; one that had not begun is forgotten. */
export function settleVolume(host: Host, note: string): void {
  const name = note.slice(volumeNote.length);
  host.state.transaction(() => {
    if (!statSync(volumeDirectory(host, name), { throwIfNoEntry: false })) host.state.removeVolume(name);
    host.state.forgetLeaving(note);
  });
}

/** By one rename, so that nobody meets half of it; on another file system it goes at once. */
function moveAway(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return;
    if (errnoOf(thrown) !== "EXDEV") throw thrown;
    rmSync(from, { recursive: true, force: true });
  }
}

/** Takes one away that no container uses. */
export function dropVolume(host: Host, { name }: Pick<VolumeRecord, "name">): void {
  if (isMountedVolume(host, name)) unmountVolume(host, name);
  const note = `${volumeNote}${name}`;
  using lease = host.store.lease();
  using held = lockFile(`${host.paths.locks}/${note}`, { exclusive: true, wait: true });
  host.state.noteUnfinished({ id: name, name, spec: {}, state: { status: "removing", createdAt: "" } }, note);
  host.state.transaction(() => {
    host.state.removeVolume(name);
    moveAway(volumeDirectory(host, name), `${lease.directory}/volume`);
  });
  host.state.forgetLeaving(note);
  forgetLock(host, note);
  held?.release();
  writeEvent(host, { Type: "volume", Status: "remove", Name: name });
}

export async function removeVolumes(
  host: Host,
  choice: { names?: readonly string[]; all?: boolean },
  options: { force?: boolean; timeout?: number } = {},
): Promise<Outcome[]> {
  const names = choice.all ? host.state.volumes().map(({ name }) => name) : choice.names ?? [];
  const outcomes: Outcome[] = [];
  for (const target of names) {
    try {
      const volume = getVolume(host, target);
      const users = host.state.usersOfVolume(volume.name);
      if (users.length > 0 && !options.force) {
        throw new Fault("volume.in-use", `volume ${volume.name} is being used by the following container(s): ${users.join(", ")}: volume is being used`, { exit: 2 });
      }
      if (users.length > 0) {
        const { remove } = await import("../containers/remove.ts");
        await remove(host, { names: users }, { force: true, ...(options.timeout === undefined ? {} : { timeout: options.timeout }) });
      }
      if (host.state.findVolume(volume.name)) dropVolume(host, volume);
      outcomes.push({ target });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      if (thrown.code === "volume.not-found" && options.force) continue;
      outcomes.push({ target, fault: thrown.code === "volume.not-found" ? new Fault(thrown.code, thrown.message, { exit: 1 }) : thrown });
    }
  }
  return outcomes;
}

export const unusedVolumes = (host: Host, filters: readonly string[] = []): Volume[] =>
  listVolumes(host, filters).filter(({ name }) => host.state.usersOfVolume(name).length === 0);

/** Removes those that no container uses; without a filter on them only anonymous ones, as podman 5 does with `all` false. */
export function pruneVolumes(host: Host, filters: readonly string[] = []): { outcomes: Outcome[]; bytes: number } {
  let bytes = 0;
  const unused = unusedVolumes(host, filters);
  const outcomes = unused.map((volume): Outcome => {
    bytes += treeSize(volume.mountpoint);
    dropVolume(host, volume);
    return { target: volume.name };
  });
  return { outcomes, bytes };
}

/** podman's volume inspect JSON. */
export function inspectVolume(host: Host, volume: Volume): Record<string, unknown> {
  const stat = statSync(volume.mountpoint, { throwIfNoEntry: false });
  return {
    Name: volume.name,
    Driver: volume.driver,
    Mountpoint: volume.mountpoint,
    CreatedAt: volume.createdAt,
    Labels: volume.labels,
    Scope: "local",
    Options: volume.options,
    ...(volume.anonymous ? { Anonymous: true } : {}),
    ...((volume.uid ?? stat?.uid ?? 0) !== 0 ? { UID: volume.uid ?? stat?.uid } : {}),
    ...((volume.gid ?? stat?.gid ?? 0) !== 0 ? { GID: volume.gid ?? stat?.gid } : {}),
    MountCount: isMountedVolume(host, volume.name) ? 1 : 0,
    ...(volume.needsCopyUp ? { NeedsCopyUp: true } : {}),
    ...(volume.needsChown ? { NeedsChown: true } : {}),
    LockNumber: 0,
  };
}
