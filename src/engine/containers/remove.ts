// rm: takes a container away: its row, its root, its files, and what depends on it when asked.
// Source: podman-rm(1).

import { renameSync, rmSync } from "node:fs";
import type { ContainerState } from "../../base/container-state.ts";
import { errnoOf, Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import type { Choice, Outcome } from "../batch.ts";
import type { Lease } from "../../storage/store.ts";
import type { Host } from "../host.ts";
import { forgetLock, fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { removeNamedNetns } from "../../kernel/namespaces.ts";
import { namespacePath } from "../networks/connect.ts";
import { dropAnonymousVolumes, hasAnonymousVolumes } from "../volumes/anonymous.ts";
import { findWorking } from "../working/records.ts";
import { removeWorking } from "../working/remove.ts";
import { apart, choose, onEach } from "./choose.ts";
import { finish } from "./finish.ts";
import { endHalfStart, hasHalfStart } from "./half-start.ts";
import { hasEnded, isLive, observe } from "./observe.ts";
import { containerEvent } from "./container-event.ts";
import { removeFromRuntime } from "./launch.ts";
import { removalNote } from "./removal-note.ts";
import { unmountRoot } from "./root.ts";
import { forgetUnstarted, releaseUnstarted } from "./unstarted.ts";
import { removeTree } from "./run-files.ts";
import { stopRecord, unpause } from "./stop.ts";
import { writableBytes } from "./writable-bytes.ts";

export interface RemoveOptions {
  readonly force?: boolean;
  readonly depend?: boolean;
  readonly volumes?: boolean;
  /** Seconds, for the stop that --force does; -1 for ever. */
  readonly timeout?: number;
  /** Where the roots go; absent: removed one by one. */
  readonly trash?: Lease;
}

/** From here on a command does not wait for the removal of their files. */
const manyMin = 16;

/** Whether something else of it was noted already, which stays. */
function noteRemoval(host: Host, record: ContainerRecord, volumes: boolean): boolean {
  return host.state.transaction(() => {
    host.state.saveState(record.id, { ...record.state, status: "removing" });
    const isNoted = host.state.findLeaving(record.id) !== undefined;
    const { networkStatus: _network, ...state } = record.state;
    if (!isNoted) host.state.noteUnfinished(removalNote({ ...record, state }, volumes));
    return isNoted;
  });
}

const endRemoval = (host: Host, id: string): void => host.state.transaction(() => {
  host.state.forgetLeaving(id);
  host.state.freeAddresses(id);
});

/** Takes a container away that does not run; the lock is held by the caller. A crash on the way leaves it "removing". */
export async function removeRecord(host: Host, record: ContainerRecord, { volumes = false, trash }: { volumes?: boolean; trash?: Lease | undefined } = {}): Promise<void> {
  const isHalfStarted = hasHalfStart(host, record);
  const isNoted = noteRemoval(host, record, volumes);
  if (isHalfStarted) await endHalfStart(host, record);
  // Where a removal was interrupted, the runtime may not have been told.
  else if (record.state.status === "initialized" || record.state.status === "removing") await removeFromRuntime(host, record, { quiet: true });
  unmountRoot(host, record);
  using own = trash ? undefined : host.store.lease();
  removeNoted(host, record, { volumes, trash: trash ?? own, isNoted });
}

/** The rest of a removal that is noted; with `isNoted` something else of it stays noted, such as its network. */
export function removeNoted(host: Host, record: ContainerRecord, { volumes, trash, isNoted }: { volumes: boolean; trash?: Lease | undefined; isNoted: boolean }): void {
  const { id, spec } = record;
  removeFiles(host, record, trash, isNoted);
  const dropsVolumes = volumes && hasAnonymousVolumes(record);
  host.store.transaction(() => {
    if (host.store.roots.find(id)) host.store.roots.remove(id, trash);
    host.state.remove(id);
    if (!isNoted && !dropsVolumes) endRemoval(host, id);
  });
  if (dropsVolumes) dropAnonymousVolumes(host, record);
  if (!isNoted && dropsVolumes) endRemoval(host, id);
  if (spec.cidfile) rmSync(spec.cidfile, { force: true });
  forgetLock(host, id);
  containerEvent(host, record, "remove");
}

/** What noted networks still need stays. */
export function removeFiles(host: Host, { id, spec }: ContainerRecord, trash: Lease | undefined, isNoted = false): void {
  removeTree(host.paths.runDir(id));
  removeKept(host.paths.staticDir(id), spec.rootfs ? undefined : trash);
  rmSync(`${host.paths.exits}/${id}`, { force: true });
  if (!isNoted) removeNamedNetns(namespacePath(host, id));
}

/** By one rename where there is a place for it. */
function removeKept(directory: string, trash: Lease | undefined): void {
  if (!trash) return removeTree(directory);
  try {
    renameSync(directory, `${trash.directory}/${directory.slice(directory.lastIndexOf("/") + 1)}`);
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") removeTree(directory);
  }
}

const dependents = (host: Host, id: string): ContainerRecord[] =>
  host.state.withRequirements().filter(({ spec }) => spec.requires?.includes(id));

function refuseRunning({ id, state }: ContainerRecord): Fault {
  return new Fault("container.running", `cannot remove container ${id} as it is ${state.status} - running or paused containers cannot be removed without force: container state improper`, {
    exit: 2,
    hint: "stop it first, or use --force",
  });
}

async function stopForRemoval(host: Host, record: ContainerRecord, timeout: number | undefined): Promise<void> {
  try {
    if (record.state.status === "paused") await unpause(host, { names: [record.id] });
    await stopRecord(host, record, { ...(timeout === undefined ? {} : { timeout }), settles: false });
  } catch (thrown) {
    // The monitor being gone is no reason to keep what it watched.
    if (!(thrown instanceof Fault) || thrown.code === "system.failed") throw thrown;
    log.debug(thrown.message);
  }
}

const triesMax = 20;

/** A restart policy may start it again between the stop and the lock, so it is tried again. */
async function stopAndTake(host: Host, id: string, options: RemoveOptions): Promise<void> {
  for (let tries = 1; ; tries++) {
    const current = host.state.findById(id);
    if (!current) return;
    if (options.force) await stopForRemoval(host, current, options.timeout);
    const gone = await locked(host, id, async () => {
      const last = host.state.findById(id);
      if (!last) return true;
      if (isLive(last.state) && !hasEnded(host, last)) {
        if (options.force && tries < triesMax) return false;
        throw refuseRunning(last);
      }
      // Its process only waits to be started, and is the runtime's until then.
      if (last.state.status === "initialized") await removeFromRuntime(host, last, { quiet: true });
      await removeRecord(host, await finish(host, last), { volumes: (options.volumes || last.spec.remove) ?? false, trash: options.trash });
      return true;
    });
    if (gone) return;
  }
}

async function removeOne(host: Host, record: ContainerRecord, options: RemoveOptions, removed: string[]): Promise<void> {
  const users = dependents(host, record.id);
  if (users.length > 0 && !options.depend) {
    throw new Fault("container.in-use", `container ${record.id} has dependent containers which must be removed before it: ${users.map(({ id }) => id).join(", ")}: container already exists`, {
      hint: "remove them too with --depend",
    });
  }
  for (const user of users) await removeOne(host, user, { ...options, force: true }, removed);
  await stopAndTake(host, record.id, options);
  removed.push(record.id);
}

const missing = (name: string): Fault =>
  new Fault("container.not-found", `no container with ID or name "${name}" found: no such container`, { exit: 1 });

/** With --force missing containers are passed over; with --depend the outcomes hold those that went first, too. */
export async function remove(host: Host, choice: Choice, options: RemoveOptions = {}): Promise<Outcome[]> {
  const { names, external } = apart(host, choice.names ?? []);
  if (external.length > 0) {
    const rest = names.length > 0 ? await remove(host, { ...choice, names }, options) : [];
    return [...await onEachExternal(host, external, options), ...rest];
  }
  const chosen = choose(host, { ...choice, ignore: choice.ignore || options.force || false }, { missing });
  const before: Outcome[] = [];
  const trash = chosen.length >= manyMin ? host.store.lease() : undefined;
  try {
    const gone = trash ? (await import("./remove-many.ts")).removeMany(host, chosen.map(({ record }) => record.id), { volumes: options.volumes ?? false, trash }) : undefined;
    const outcomes = await onEach(chosen, async record => {
      if (gone?.has(record.id)) return;
      const removed: string[] = [];
      await removeOne(host, record, trash ? { ...options, trash } : options, removed);
      before.push(...removed.filter(id => id !== record.id).map(id => ({ target: id, id })));
    });
    return [...before, ...outcomes];
  } finally {
    trash?.release({ afterwards: true });
  }
}

async function onEachExternal(host: Host, names: readonly string[], { force }: RemoveOptions): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const target of names) {
    const record = findWorking(host, target)!;
    if (record.isMounted && host.store.roots.isMounted(record.id) && !force) {
      const fault = new Fault("container.wrong-state", `container ${JSON.stringify(target)} is mounted and cannot be removed without using force: container state improper`, { exit: 2 });
      outcomes.push({ target, fault });
      continue;
    }
    await removeWorking(host, record);
    outcomes.push({ target, id: record.id });
  }
  return outcomes;
}

const isIdle = ({ status }: ContainerState): boolean => ["created", "exited", "stopped", "initialized"].includes(status);

/** Removes all that neither run nor are paused; answers their IDs and the bytes gained. */
export async function prune(host: Host, filters: readonly string[] = []): Promise<{ outcomes: Outcome[]; bytes: number }> {
  let bytes = 0;
  const chosen = choose(host, { all: true, filters }, { all: record => isIdle(observe(host, record).state) });
  const outcomes = await onEach(chosen, async record => {
    const size = writableBytes(host, record.id);
    await removeOne(host, record, {}, []);
    bytes += size;
  });
  return { outcomes, bytes };
}

/** Takes away what a failed start left of a container with --rm; never fails. */
export async function discard(host: Host, id: string): Promise<void> {
  try {
    await locked(host, id, async () => {
      const record = host.state.findById(id);
      if (record && !isLive(record.state)) await removeRecord(host, record, { volumes: true });
    });
    forgetUnstarted(host, id);
    releaseUnstarted(host, id);
  } catch (thrown) {
    log.warn(`Removing container ${id}: ${(thrown as Error).message}`);
  }
}
