// Networks of a container that is there already: joining one, leaving one, and setting all of them up again.
// Source: podman-network-connect(1), podman-network-disconnect(1), podman-network-reload(1), podman-network-update(1).

import type { ContainerSpec, NetworkAttachment } from "../../base/container-spec.ts";
import type { NetworkStatus } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import type { Choice, Outcome } from "../batch.ts";
import { refreshEtcFiles } from "../containers/etc-files.ts";
import { get } from "../containers/lookup.ts";
import { isLive, observe } from "../containers/observe.ts";
import { writeEvent } from "../events.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { connect, deviceName, join, leave, plannedStatus } from "./connect.ts";
import { getNetwork } from "./networks.ts";

const interfacesMax = 1000;

function needBridge({ network }: ContainerSpec): NetworkAttachment[] {
  if (network?.mode === "bridge") return [...(network.networks ?? [])];
  throw new Fault("usage.invalid", `${JSON.stringify(network?.mode ?? "none")} is not supported: invalid network mode`, { hint: "only containers on bridges, macvlans and ipvlans can change their networks" });
}

function freeName(attachments: readonly NetworkAttachment[], status: Readonly<Record<string, NetworkStatus>>): string {
  const used = new Set([
    ...attachments.flatMap(({ interfaceName }) => interfaceName ?? []),
    ...Object.values(status).flatMap(({ interfaces }) => Object.keys(interfaces ?? {})),
  ]);
  for (let index = 0; index < interfacesMax; index++) if (!used.has(`eth${index}`)) return `eth${index}`;
  throw new Fault("network.failed", "could not find free network interface name");
}

/** Whether it has its network namespace now. */
const isUp = ({ state }: ContainerRecord): boolean => isLive(state) || state.status === "initialized";

const withNetworks = (record: ContainerRecord, networks: NetworkAttachment[]): ContainerRecord =>
  ({ ...record, spec: { ...record.spec, network: { ...record.spec.network!, networks } } });

function tell(host: Host, { id }: ContainerRecord, status: "connect" | "disconnect", network: string): void {
  writeEvent(host, { Type: "network", Status: status, ID: id, network });
}

/** The state with other networks, and the files in /etc that follow them. */
function saveStatus(host: Host, record: ContainerRecord, after: Record<string, NetworkStatus>): void {
  host.state.saveState(record.id, { ...record.state, networkStatus: after });
  refreshEtcFiles(host, record, { before: record.state.networkStatus ?? {}, after });
}

/**
 * Joins a container to one more network, at once where it runs.
 *
 * @throws Fault "network.not-found", "container.not-found", "network.exists", "network.failed"; nothing has changed then
 */
export async function connectContainer(host: Host, networkName: string, containerName: string, asked: Omit<NetworkAttachment, "network">): Promise<void> {
  const { id } = get(host, containerName);
  await locked(host, id, async () => {
    const record = observe(host, fresh(host, id));
    const attachments = needBridge(record.spec);
    const found = getNetwork(host, networkName);
    const network = found.name;
    const isRunning = isUp(record);
    if (attachments.some(attachment => attachment.network === network)) {
      if (!isRunning && record.state.status !== "created") return;
      throw new Fault("network.exists", `container ${id} is already connected to network ${network}: network is already connected`);
    }
    const status = record.state.networkStatus ?? {};
    const attachment = { network, ...asked, interfaceName: asked.interfaceName ?? deviceName(host, found) ?? freeName(attachments, status) };
    const after = withNetworks(record, [...attachments, attachment]);
    if (isRunning) {
      saveStatus(host, after, { ...status, ...await connectNoted(host, record, { after, attachment }) });
    }
    host.state.saveSpec(id, after.spec);
    tell(host, record, "connect", network);
  });
}

interface Joining {
  readonly after: ContainerRecord;
  readonly attachment: NetworkAttachment;
}

/** It counts as joined from before the kernel knows: should we die, its end takes all of it down. */
async function connectNoted(host: Host, record: ContainerRecord, { after, attachment }: Joining): Promise<Record<string, NetworkStatus>> {
  const { id, spec, state } = record;
  const joined = host.state.transaction(() => {
    const found = join(host, withNetworks(record, [attachment]));
    host.state.saveSpec(id, after.spec);
    host.state.saveState(id, { ...state, networkStatus: { ...state.networkStatus, ...plannedStatus(found) } });
    return found;
  });
  try {
    return await connect(host, record, joined, { frees: [attachment.network] });
  } catch (thrown) {
    host.state.transaction(() => {
      host.state.saveSpec(id, spec);
      host.state.saveState(id, state);
    });
    throw thrown;
  }
}

/** The counterpart. @throws Fault as connectContainer, "network.not-found" also where it is not connected */
export async function disconnectContainer(host: Host, networkName: string, containerName: string): Promise<void> {
  const { id } = get(host, containerName);
  await locked(host, id, async () => {
    const record = observe(host, fresh(host, id));
    const attachments = needBridge(record.spec);
    const network = getNetwork(host, networkName).name;
    if (!attachments.some(attachment => attachment.network === network)) {
      throw new Fault("network.not-found", `container ${containerName} is not connected to network ${network}`);
    }
    const after = withNetworks(record, attachments.filter(attachment => attachment.network !== network));
    const { [network]: gone, ...others } = record.state.networkStatus ?? {};
    if (isUp(record) && gone) await leave(host, record, { [network]: gone });
    if (isUp(record)) saveStatus(host, record, others);
    host.state.freeAddressesOn(network, id);
    host.state.saveSpec(id, after.spec);
    tell(host, record, "disconnect", network);
  });
}

/** With the addresses they have: static ones from now on, for this one call. */
function asBefore(attachments: readonly NetworkAttachment[], status: Readonly<Record<string, NetworkStatus>>): NetworkAttachment[] {
  return attachments.map(attachment => {
    const [[interfaceName, given] = [undefined, undefined]] = Object.entries(status[attachment.network]?.interfaces ?? {});
    if (interfaceName === undefined || given === undefined) return attachment;
    return { ...attachment, interfaceName, mac: given.mac_address, ips: (given.subnets ?? []).map(({ ipnet }) => ipnet.split("/")[0]!) };
  });
}

async function reloadOne(host: Host, id: string): Promise<void> {
  await locked(host, id, async () => {
    const record = observe(host, fresh(host, id));
    const attachments = needBridge(record.spec);
    const { networkStatus: status } = record.state;
    if (!isUp(record) || !status) {
      throw new Fault("container.wrong-state", `container ${id} network is not configured, refusing to reload: container state improper`);
    }
    try {
      await leave(host, record, status);
    } catch (thrown) {
      // Gone rules are why people reload.
      log.info(`taking the network of container ${id} down before its reload: ${(thrown as Error).message}`);
    }
    const joined = join(host, withNetworks(record, asBefore(attachments, status)));
    saveStatus(host, record, await connect(host, record, joined, { frees: [] }));
  });
}

/** Sets the networks of containers up again as they were, firewall rules included. */
export async function reloadNetworks(host: Host, choice: Pick<Choice, "names" | "all" | "latest">): Promise<Outcome[]> {
  const latest = choice.latest ? host.state.latest()?.id : undefined;
  const running = () => host.state.containers().filter(record => isUp(observe(host, record)) && record.spec.network?.mode === "bridge");
  const names = choice.all ? running().map(({ id }) => id) : latest === undefined ? choice.names ?? [] : [latest];
  const outcomes: Outcome[] = [];
  for (const target of names) {
    try {
      const { id } = get(host, target);
      await reloadOne(host, id);
      outcomes.push({ target, id });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      outcomes.push({ target, fault: thrown });
    }
  }
  return outcomes;
}
