// What is not finished: an attached run with --rm leaves its interfaces and firewall rules for a moment; a start, a removal, a step of a build note what
// they are about to do, and hold a lock meanwhile.
// Kept in the state until done, so that a crash loses none of it: conmon's exit command does it, or who needs the network next.

import { log } from "../../base/log.ts";
import { deleteNftRules, type NftRule } from "../../kernel/nftables.ts";
import type { Host } from "../host.ts";
import { forgetLock, locked, lockedIfFree } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { unmountRoot } from "../containers/root.ts";
import { endHalfStart, isStartUnderWay } from "../containers/half-start.ts";
import { removeFromRuntime } from "../containers/launch.ts";
import { settleUnstarted, unstartedNote } from "../containers/unstarted.ts";
import { settleVolume, volumeNote } from "../volumes/volumes.ts";
import { dropAnonymousVolumes } from "../volumes/anonymous.ts";
import { disconnect, isBridged } from "./connect.ts";
import { letPortsGo } from "./held-ports.ts";
import { findPortRules, hasPlainPorts } from "./port-rules.ts";

/** Nobody is coming for those that are older. */
const abandonedMs = 3000;

/** In place of a time: of those who hold a lock as long as they live. */
const unfinished = 0;

/** A network that goes later. */
export interface Leaving {
  /** Nothing leads to its ports from here on: some 10 ms of waiting in the kernel. */
  closePorts(): void;
  /** Notes the rest, in a transaction of the caller's; its ports are others' then. */
  note(): void;
}

/** Ports and addresses that were asked for must be free when the command returns; the bridge (some 100 ms in the kernel) may follow. */
export function planLeaving(host: Host, record: ContainerRecord): Leaving | undefined {
  const { ports = [], network } = record.spec;
  const isPlain = (network?.networks ?? []).every(({ ips = [], mac }) => ips.length === 0 && !mac);
  if (!isBridged(record) || !isPlain || Object.keys(record.state.networkStatus ?? {}).length === 0) return undefined;
  if (ports.length === 0) return { closePorts() {}, note: () => host.state.noteLeaving(record) };
  const rules = hasPlainPorts(host, record) ? findPortRules(record) : undefined;
  return rules && leavingWithoutPorts(host, record, rules);
}

/** Were its ports still noted when others have them, those would lose their rules. */
function leavingWithoutPorts(host: Host, record: ContainerRecord, rules: readonly NftRule[]): Leaving {
  let left = record;
  return {
    closePorts() {
      try {
        deleteNftRules(rules);
        left = { ...record, spec: { ...record.spec, ports: [] } };
      } catch (thrown) {
        log.debug(`closing the ports of container ${record.id} alone: ${(thrown as Error).message}`);
      }
    },
    note() {
      host.state.noteLeaving(left);
      if (left !== record) letPortsGo(host, record);
    },
  };
}

/** With the container's lock held. */
export async function settleHeld(host: Host, id: string): Promise<void> {
  const left = host.state.findLeaving(id);
  if (!left) return;
  // Of what was coming or going, not all need be there.
  const isPartial = left.state.status === "created" || left.state.status === "removing";
  if (left.state.status === "removing") await removeFromRuntime(host, left, { quiet: true });
  if (left.state.status === "created") {
    await endHalfStart(host, left);
    if (!host.state.findById(left.id)) unmountRoot(host, left);
  }
  await disconnect(host, left, left.state, { isPartial });
  if (left.spec.remove && !host.state.findById(left.id)) dropAnonymousVolumes(host, left);
  host.state.transaction(() => {
    host.state.forgetLeaving(id);
    if (!host.state.findById(left.id)) host.state.freeAddresses(left.id);
  });
}

async function settle(host: Host, id: string): Promise<void> {
  if (id.startsWith(volumeNote)) {
    settleVolume(host, id);
    return forgetLock(host, id);
  }
  if (id.startsWith(unstartedNote)) return settleUnstarted(host, id);
  const record = host.state.findById(id);
  if (record?.state.status === "removing") await (await import("../containers/remove.ts")).removeRecord(host, record, { volumes: host.state.findLeaving(id)?.spec.remove ?? false });
  await settleHeld(host, id);
  if (!host.state.findById(id)) forgetLock(host, id);
}

/** Takes down what is left of one container, or waits for who does. */
export async function settleLeaving(host: Host, id: string): Promise<void> {
  if (host.state.findLeaving(id)) await locked(host, id, () => settle(host, id));
}

/** Takes down all that is left, or waits for who does but not for starts and steps under way: before networks go, whose names and bridges it needs. */
export async function settleLeavings(host: Host): Promise<void> {
  for (const { id, at } of host.state.leavings()) {
    if (at === unfinished) await lockedIfFree(host, id, () => settle(host, id));
    else await settleLeaving(host, id);
  }
}

/** Its runtime outlived the command that started it, and is busy: whoever needs the container waits for it, others do not. */
function isUnderWay(host: Host, id: string): boolean {
  const left = host.state.findLeaving(id);
  return left?.state.status === "created" && isStartUnderWay(host, left);
}

/** What nobody came for, and what those who died had begun; never waits. */
export async function settleAbandoned(host: Host): Promise<void> {
  for (const { id, at } of host.state.leavings()) {
    if (Date.now() - at > abandonedMs) await lockedIfFree(host, id, () => (isUnderWay(host, id) ? undefined : settle(host, id)));
  }
}
