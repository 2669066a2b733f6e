// Networks: their definitions, kept as netavark's own JSON files, and the default one.

import type { Outcome } from "../batch.ts";
import type { Host } from "../host.ts";

/** A network as podman's JSON has it (`podman network inspect`). */
export interface Network {
  name: string;
  id: string;
  driver: string;
  network_interface?: string;
  created: string;
  subnets?: { subnet: string; gateway?: string; lease_range?: { start_ip?: string; end_ip?: string } }[];
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

export function createNetwork(host: Host, options: CreateNetwork): Network {
  throw new Error("not written yet");
}
export function listNetworks(host: Host, filters: readonly string[] = []): Network[] {
  throw new Error("not written yet");
}
/** @throws Fault "network.not-found" */
export function getNetwork(host: Host, nameOrId: string): Network {
  throw new Error("not written yet");
}
export async function removeNetworks(
  host: Host,
  names: readonly string[],
  options: { force?: boolean; timeout?: number } = {},
): Promise<Outcome[]> {
  throw new Error("not written yet");
}
export function pruneNetworks(host: Host, filters: readonly string[] = []): Outcome[] {
  throw new Error("not written yet");
}
