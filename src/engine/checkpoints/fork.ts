// fork: copies of a running container, warmed as it is: one dump while it runs on, and each copy goes on from there
// with a name, an address, files and volumes of its own.

import { availableParallelism } from "node:os";
import type { ContainerSpec, MountSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { needCriu } from "../../runtime/criu.ts";
import type { Outcome } from "../batch.ts";
import { createComplete } from "../containers/create.ts";
import { assignPorts } from "../containers/free-ports.ts";
import { find, get } from "../containers/lookup.ts";
import { checkName, randomId } from "../containers/names.ts";
import { removeRecord } from "../containers/remove.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { createVolume, dropVolume, getVolume } from "../volumes/volumes.ts";
import { checkpoint } from "./checkpoint.ts";
import { checkpointFiles, forgetCheckpoint } from "./files.ts";
import { copyFiles, linkDump } from "./fork-files.ts";
import { refuseLabelLoss, restoreLocked } from "./restore.ts";
import { ownOfCopy } from "./restore-from.ts";

export interface ForkOptions {
  readonly count?: number;
  /** The copies are NAME1, NAME2, …; default the original's name and "-fork". */
  readonly name?: string;
  readonly fileLocks?: boolean;
  /** Open connections stay the original's; the copies' are closed. */
  readonly tcpClose?: boolean;
  /** Under SELinux: the copies go on without a label where criu cannot give it to them. */
  readonly allowLabelLoss?: boolean;
}

const countMax = 1000;

interface Copy {
  readonly id: string;
  readonly name: string;
  readonly spec: ContainerSpec;
  /** The original's volumes with the copy's. */
  readonly volumes: ReadonlyMap<string, string>;
}

function freeNames(host: Host, base: string, count: number): string[] {
  const names: string[] = [];
  for (let number = 1; names.length < count; number++) if (!find(host, `${base}${number}`)) names.push(checkName(`${base}${number}`));
  return names;
}

function copyOf(host: Host, original: ContainerRecord, name: string): Copy {
  const id = randomId();
  const volumes = new Map<string, string>();
  const mounts = (original.spec.mounts ?? []).map((mount): MountSpec => {
    if (mount.kind !== "volume") return mount;
    const own = volumes.get(mount.source) ?? `${name}-${mount.source.slice(0, 64)}`;
    volumes.set(mount.source, own);
    // It was made for this copy, and goes with it.
    return { ...mount, source: own, anonymous: true };
  });
  const spec = ownOfCopy(host, original, id);
  const ports = spec.ports?.length ? { ports: assignPorts(spec.ports.map(port => ({ ...port, hostPort: 0 }))) } : {};
  return { id, name, volumes, spec: { ...spec, name, mounts, ...ports } };
}

async function make(host: Host, { id, name, spec, volumes }: Copy, original: ContainerRecord): Promise<void> {
  for (const [from, to] of volumes) {
    const { labels, driver } = getVolume(host, from);
    createVolume(host, { name: to, labels, driver, anonymous: true });
  }
  const image = original.spec.imageId === undefined ? undefined : host.store.images.get(original.spec.imageId);
  await createComplete(host, { id, name, spec }, image);
}

async function discard(host: Host, { id, volumes }: Copy): Promise<void> {
  await locked(host, id, async () => {
    const record = host.state.findById(id);
    if (record) await removeRecord(host, record, { volumes: true });
  });
  for (const name of volumes.values()) if (host.state.findVolume(name) && host.state.usersOfVolume(name).length === 0) dropVolume(host, { name });
}

async function begin(host: Host, copy: Copy, options: ForkOptions): Promise<Outcome> {
  const { id, spec } = copy;
  const { fileLocks, tcpClose, allowLabelLoss } = options;
  const passed = {
    ...(fileLocks ? { fileLocks } : {}), ...(tcpClose ? { tcpClose } : {}), ...(allowLabelLoss ? { allowLabelLoss } : {}),
    ...(spec.hostname ? { hostname: spec.hostname } : {}),
  };
  await locked(host, id, () => restoreLocked(host, fresh(host, id), passed));
  return { target: id, id };
}

/** A copy that fails goes, and says why; the others go on. */
async function orDiscard(host: Host, copy: Copy, act: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await act();
  } catch (fault) {
    await discard(host, copy);
    if (fault instanceof Fault) return { target: copy.name, fault };
    throw fault;
  }
}

/**
 * The others take their files from the first, one after the other as the disk has only one way, and each goes on as soon as it has them,
 * as many at a time as there are processors. The first goes on last: until then its files are those of the dump.
 */
async function beginAll(host: Host, [first, ...others]: readonly [Copy, ...Copy[]], options: ForkOptions): Promise<Outcome[]> {
  let lane: Promise<void> = Promise.resolve();
  const filled = others.map(copy => lane = lane.catch(() => {}).then(() => copyFiles(host, { id: first.id, volumes: name => first.volumes.get(name)! }, copy)));
  const waiting = [...others.map((copy, at) => ({ copy, ready: filled[at]! })), { copy: first, ready: Promise.allSettled(filled).then(() => {}) }].entries();
  for (const one of filled) one.catch(() => {});
  const outcomes: Outcome[] = [];
  const worker = async (): Promise<void> => {
    for (const [at, { copy, ready }] of waiting) {
      outcomes[at] = await orDiscard(host, copy, async () => {
        await ready;
        return begin(host, copy, options);
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(others.length + 1, availableParallelism()) }, worker));
  return [outcomes.at(-1)!, ...outcomes.slice(0, -1)];
}

/** @throws Fault where the original cannot be dumped; nothing is left of any copy then. A copy that fails alone says so in its outcome. */
export async function fork(host: Host, nameOrId: string, options: ForkOptions = {}): Promise<Outcome[]> {
  const { count = 1 } = options;
  if (!(count >= 1 && count <= countMax)) throw new Fault("usage.invalid", `cannot fork into ${count} copies: give a number from 1 to ${countMax}`);
  const original = get(host, nameOrId);
  refuseLabelLoss(original, needCriu(), options);
  const copies = freeNames(host, options.name ?? `${original.name}-fork`, count).map(name => copyOf(host, original, name)) as [Copy, ...Copy[]];
  const [first] = copies;
  try {
    for (const copy of copies) await make(host, copy, original);
    const files = checkpointFiles(host, original.id);
    const [dumped] = await checkpoint(host, { names: [original.id] }, {
      leaveRunning: true, travels: "copy", ...(options.fileLocks ? { fileLocks: true } : {}), ...(options.tcpClose ? { tcpEstablished: true } : {}),
      use: () => copyFiles(host, { id: original.id, volumes: name => name }, first),
    });
    if (dumped?.fault) throw dumped.fault;
    for (const copy of copies) linkDump(files, checkpointFiles(host, copy.id));
    forgetCheckpoint(files);
  } catch (thrown) {
    for (const copy of copies) await discard(host, copy);
    throw thrown;
  }
  return beginAll(host, copies, options);
}
