// Networks: their definitions, kept as JSON files in netavark's form, and the default one.
// Source: podman-network(1); the file's fields are netavark's.

import { mkdirSync, readFileSync, readdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import type { NetworkStatus } from "../../base/container-state.ts";
import { newHasher } from "../../base/digest.ts";
import { Fault, errnoOf } from "../../base/fault.ts";
import { lockFile } from "../../kernel/locks.ts";
import { nowRfc3339Nano, parseRfc3339 } from "../../base/time.ts";
import type { Outcome } from "../batch.ts";
import { groupFilters, idTest, labelTest, regex } from "../containers/filters.ts";
import { writeEvent } from "../events.ts";
import type { Host } from "../host.ts";
import { momentNs } from "../moments.ts";
import { formatAddress, formatSubnet, parseAddress, parseSubnet } from "./addresses.ts";
import { checkName, definition } from "./definition.ts";

/** One address range of a network. */
export interface NetworkSubnet {
  subnet: string;
  gateway?: string;
  lease_range?: { start_ip?: string; end_ip?: string };
}

/** A network as podman's JSON has it (`podman network inspect`). */
export interface Network {
  name: string;
  id: string;
  driver: string;
  network_interface?: string;
  created: string;
  subnets?: NetworkSubnet[];
  routes?: { destination: string; gateway: string; metric?: number }[];
  ipv6_enabled: boolean;
  internal: boolean;
  dns_enabled: boolean;
  network_dns_servers?: string[];
  labels?: Record<string, string>;
  options?: Record<string, string>;
  ipam_options?: Record<string, string>;
}

export interface CreateNetwork {
  readonly name?: string;
  readonly driver?: string;
  readonly subnets?: readonly string[];
  readonly gateways?: readonly string[];
  readonly ranges?: readonly string[];
  readonly routes?: readonly string[];
  readonly ipv6?: boolean;
  readonly internal?: boolean;
  readonly disableDns?: boolean;
  readonly dns?: readonly string[];
  readonly interfaceName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly ipamDriver?: string;
  readonly ignore?: boolean;
}

export const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** The default network's ID, by podman's own rule: the digest of the name. Others have random ones. */
export function networkId(name: string): string {
  const hasher = newHasher();
  hasher.update(name);
  return hasher.digest().slice("sha256:".length);
}

export const defaultNetworkName = (host: Host): string => host.conf.network.default_network ?? "podman";

/** What the default network is where no file says otherwise. */
export function defaultNetwork(host: Host): Network {
  const name = defaultNetworkName(host);
  const subnet = parseSubnet(host.conf.network.default_subnet ?? "10.88.0.0/16");
  return {
    name,
    id: networkId(name),
    driver: "bridge",
    network_interface: "podman0",
    created: nowRfc3339Nano(),
    subnets: [{ subnet: formatSubnet(subnet), gateway: formatAddress({ version: subnet.version, value: subnet.base + 1n }) }],
    ipv6_enabled: false,
    internal: false,
    dns_enabled: false,
    ipam_options: { driver: "host-local" },
  };
}

function readNetwork(file: string): Network | undefined {
  try {
    const network = JSON.parse(readFileSync(file, "utf8")) as Network;
    return typeof network.name === "string" && typeof network.driver === "string" ? network : undefined;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory).filter(name => name.endsWith(".json")).map(name => `${directory}/${name}`);
  } catch {
    return [];
  }
}

/** All definitions by name, the default one among them. */
function readAll(host: Host): Network[] {
  const found = filesOf(host.paths.networks).flatMap(file => readNetwork(file) ?? []);
  const fallback = defaultNetworkName(host);
  if (!found.some(({ name }) => name === fallback)) found.push(defaultNetwork(host));
  return found.sort((one, other) => one.name < other.name ? -1 : 1);
}

/** @throws Fault "network.not-found" */
export function getNetwork(host: Host, nameOrId: string): Network {
  const quick = namePattern.test(nameOrId) ? readNetwork(`${host.paths.networks}/${nameOrId}.json`) : undefined;
  if (quick?.name === nameOrId) return quick;
  const all = readAll(host);
  const exact = all.find(({ name, id }) => name === nameOrId || id === nameOrId);
  if (exact) return exact;
  const byPrefix = /^[0-9a-f]+$/.test(nameOrId) ? all.filter(({ id }) => id.startsWith(nameOrId)) : [];
  if (byPrefix.length > 1) throw new Fault("network.not-found", `more than one result for network ID ${nameOrId}: network is ambiguous`);
  if (byPrefix[0]) return byPrefix[0];
  throw new Fault("network.not-found", `unable to find network with name or ID ${nameOrId}: network not found`);
}

function writeNetwork(directory: string, network: Network): void {
  const file = `${directory}/${network.name}.json`;
  writeFileSync(`${file}.new`, JSON.stringify(network, null, "\t"), { mode: 0o644 });
  renameSync(`${file}.new`, file);
}

/** A definition that another store had, as it was. @throws Fault "usage.invalid" for a wrong name */
export function adoptNetwork(host: Host, network: Network): void {
  checkName({ name: network.name });
  mkdirSync(host.paths.networks, { recursive: true, mode: 0o755 });
  using _lock = lockFile(`${host.paths.networks}/netavark.lock`, { exclusive: true, wait: true });
  writeNetwork(host.paths.networks, network);
}

export interface UpdateNetwork {
  readonly addServers?: readonly string[];
  readonly dropServers?: readonly string[];
}

/** Changes where the network's names are looked up, at once for containers that run. @throws Fault "network.not-found", "usage.invalid" */
export async function updateNetwork(host: Host, nameOrId: string, { addServers = [], dropServers = [] }: UpdateNetwork): Promise<void> {
  for (const [servers, which] of [[addServers, "AddDNSServer"], [dropServers, "RemoveDNSServer"]] as const) {
    for (const server of servers) {
      if (!parseAddress(server)) throw new Fault("usage.invalid", `unable to parse ip ${server} specified in ${which}: invalid argument`);
    }
  }
  const directory = host.paths.networks;
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  using _lock = lockFile(`${directory}/netavark.lock`, { exclusive: true, wait: true });
  const network = getNetwork(host, nameOrId);
  const before = network.network_dns_servers ?? [];
  const after = [...new Set([...before.filter(server => !dropServers.includes(server)), ...addServers])];
  if (after.join() === before.join()) return;
  const { network_dns_servers: _before, ...rest } = network;
  writeNetwork(directory, { ...rest, ...(after.length > 0 ? { network_dns_servers: after } : {}) });
  const { updateServers } = await import("./netavark.ts");
  await updateServers(host, network, after);
}

/** @throws Fault "network.exists", "usage.invalid" */
export function createNetwork(host: Host, options: CreateNetwork): Network {
  checkName(options);
  const directory = host.paths.networks;
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  using _lock = lockFile(`${directory}/netavark.lock`, { exclusive: true, wait: true });
  const all = readAll(host);
  const taken = all.find(({ name }) => name === options.name);
  if (taken && options.ignore) return taken;
  if (taken) throw new Fault("network.exists", `network name ${taken.name} already used: network already exists`);
  const network = definition(host, options, all);
  writeNetwork(directory, network);
  writeEvent(host, { Type: "network", Status: "create", network: network.name, ID: network.id, Attributes: { driver: network.driver } });
  return network;
}

function networkTests(host: Host, filters: readonly string[]): ((network: Network) => boolean)[] {
  return [...groupFilters(filters)].map(([key, values]) => {
    switch (key) {
      case "name": {
        const patterns = values.map(regex);
        return network => patterns.some(pattern => pattern.test(network.name));
      }
      case "id": {
        const test = idTest(values);
        return network => test(network.id);
      }
      case "driver": return network => values.includes(network.driver);
      case "label": case "label!": {
        const test = labelTest(values);
        return network => test(network.labels ?? {}) === (key === "label");
      }
      case "dns": return network => values.some(value => String(network.dns_enabled) === value);
      case "dangling": {
        const used = usedNetworks(host);
        return network => values.some(value => String(!used.has(network.name)) === value);
      }
      case "until": {
        const bound = momentNs(values[0]!);
        return network => (parseRfc3339(network.created) ?? 0n) < bound;
      }
      default: throw new Fault("usage.invalid", `invalid filter ${JSON.stringify(key)}`);
    }
  });
}

function usedNetworks(host: Host): Map<string, string[]> {
  const used = new Map<string, string[]>();
  for (const { id, spec } of host.state.containers()) {
    for (const { network } of spec.network?.networks ?? []) used.set(network, [...(used.get(network) ?? []), id]);
  }
  return used;
}

/** By name. @throws Fault "usage.invalid" for an unknown filter */
export function listNetworks(host: Host, filters: readonly string[] = []): Network[] {
  const tests = networkTests(host, filters);
  return readAll(host).filter(network => tests.every(test => test(network)));
}

/** In podman's order of fields. */
function shownInterfaces({ interfaces = {} }: NetworkStatus): NonNullable<NetworkStatus["interfaces"]> {
  return Object.fromEntries(Object.entries(interfaces).map(([name, { mac_address, subnets = [] }]) => [name, {
    subnets: subnets.map(({ ipnet, gateway }) => ({ ipnet, ...(gateway === undefined ? {} : { gateway }) })), mac_address,
  }]));
}

/** podman's network inspect JSON: the definition and who is connected. @throws Fault "network.not-found" */
export function inspectNetwork(host: Host, nameOrId: string): Record<string, unknown> {
  const network = getNetwork(host, nameOrId);
  const containers = Object.fromEntries((usedNetworks(host).get(network.name) ?? []).flatMap(id => {
    const record = host.state.findById(id);
    const status = record?.state.networkStatus?.[network.name];
    return record && status ? [[id, { name: record.name, interfaces: shownInterfaces(status) }]] : [];
  }));
  return { ...network, containers };
}

function removeOne(host: Host, name: string): void {
  const network = getNetwork(host, name);
  if (network.name === defaultNetworkName(host)) throw new Fault("usage.invalid", `default network ${network.name} cannot be removed`);
  unlinkSync(`${host.paths.networks}/${network.name}.json`);
  writeEvent(host, { Type: "network", Status: "remove", network: network.name, ID: network.id, Attributes: { driver: network.driver } });
}

/** With `force`, containers that use a network are removed first and missing networks are passed over. */
export async function removeNetworks(
  host: Host,
  names: readonly string[],
  options: { force?: boolean; timeout?: number } = {},
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  await (await import("./leaving.ts")).settleLeavings(host);
  for (const name of names) {
    try {
      const users = usedNetworks(host).get(getNetwork(host, name).name) ?? [];
      if (users.length > 0 && !options.force) {
        throw new Fault("network.in-use", `"${name}" has associated containers with it. Use -f to forcibly delete containers and pods: network is being used`, { exit: 2 });
      }
      if (users.length > 0) {
        const { remove } = await import("../containers/remove.ts");
        await remove(host, { names: users }, { force: true, ...(options.timeout === undefined ? {} : { timeout: options.timeout }) });
      }
      removeOne(host, name);
      outcomes.push({ target: name });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      if (thrown.code === "network.not-found" && options.force) continue;
      const fault = thrown.code === "network.not-found" ? new Fault(thrown.code, thrown.message, { exit: 1 }) : thrown;
      outcomes.push({ target: name, fault });
    }
  }
  return outcomes;
}

export async function pruneNetworks(host: Host, filters: readonly string[] = []): Promise<Outcome[]> {
  await (await import("./leaving.ts")).settleLeavings(host);
  const used = usedNetworks(host);
  const unused = listNetworks(host, filters).filter(({ name }) => !used.has(name) && name !== defaultNetworkName(host));
  return unused.map(({ name }) => {
    removeOne(host, name);
    return { target: name };
  });
}
