// What an attached run with --rm leaves for a moment: its container is gone, its interfaces and firewall rules go right after.
// Kept in the state until done, so that a crash loses none of it: conmon's exit command does it, or who needs the network next.

import type { Host } from "../host.ts";
import { forgetLock, locked, lockedIfFree } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { disconnect, isBridged } from "./connect.ts";

/** Nobody is coming for those that are older. */
const abandonedMs = 3000;

/** Ports and addresses that were asked for must be free when the command returns; the bridge (some 100 ms in the kernel) may follow. */
export function mayLeaveLater(record: ContainerRecord): boolean {
  const { ports = [], network } = record.spec;
  const isPlain = (network?.networks ?? []).every(({ ips = [], mac }) => ips.length === 0 && !mac);
  return isBridged(record) && isPlain && ports.length === 0 && Object.keys(record.state.networkStatus ?? {}).length > 0;
}

/** With the container's lock held. */
export async function settleHeld(host: Host, id: string): Promise<void> {
  const left = host.state.findLeaving(id);
  if (!left) return;
  await disconnect(host, left, left.state);
  host.state.forgetLeaving(id);
}

async function settle(host: Host, id: string): Promise<void> {
  await settleHeld(host, id);
  if (!host.state.findById(id)) forgetLock(host, id);
}

/** Takes down what is left of one container, or waits for who does. */
export async function settleLeaving(host: Host, id: string): Promise<void> {
  if (host.state.findLeaving(id)) await locked(host, id, () => settle(host, id));
}

/** Takes down all that is left, or waits for who does: before networks go, whose names and bridges it needs. */
export async function settleLeavings(host: Host): Promise<void> {
  for (const { id } of host.state.leavings()) await settleLeaving(host, id);
}

/** What nobody came for; never waits. */
export async function settleAbandoned(host: Host): Promise<void> {
  for (const { id, at } of host.state.leavings()) {
    if (Date.now() - at > abandonedMs) await lockedIfFree(host, id, () => settle(host, id));
  }
}
