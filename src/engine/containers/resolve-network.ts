// The network of a spec made complete: names for networks and containers, ports for those without.
// Source: podman-create(1), "--network", "--publish"; containers.conf(5), "netns".

import type { ContainerSpec, NetworkSpec, PortMapping } from "../../base/container-spec.ts";
import type { Host } from "../host.ts";
import { defaultNetworkName, getNetwork } from "../networks/networks.ts";
import { splitOnce } from "./environment.ts";
import { assignPorts } from "./free-ports.ts";
import { get } from "./lookup.ts";

function networkMode(text: string): NetworkSpec {
  const [mode, target] = splitOnce(text, ":");
  if (mode === "ns") return { mode: "path", target: target ?? "" };
  if (mode === "container") return { mode: "container", target: target ?? "" };
  if (mode === "none" || mode === "host" || mode === "pasta" || mode === "slirp4netns") return { mode };
  return mode === "" || mode === "private" || mode === "bridge" ? { mode: "private" } : { mode: "bridge", networks: [{ network: text }] };
}

export function networkOf(host: Host, spec: ContainerSpec): NetworkSpec {
  let network = spec.network ?? networkMode(host.conf.containers.netns ?? "private");
  if (network.mode === "private") {
    network = host.rootless ? { ...network, mode: "pasta" } : { mode: "bridge", networks: network.networks ?? [{ network: "default" }] };
  }
  if (network.mode === "container") return { mode: "container", target: get(host, network.target ?? "").id };
  if (network.mode !== "bridge") return network;
  const networks = (network.networks?.length ? network.networks : [{ network: "default" }]).map(attachment =>
    ({ ...attachment, network: getNetwork(host, attachment.network === "default" ? defaultNetworkName(host) : attachment.network).name }));
  return { ...network, networks };
}

export function portsOf(host: Host, spec: ContainerSpec, network: NetworkSpec, expose: readonly string[]): { ports: PortMapping[]; warnings: string[] } {
  const asked = spec.ports ?? [];
  const wantsPorts = network.mode === "bridge" || network.mode === "pasta" || network.mode === "slirp4netns" || network.mode === "pod";
  if (!wantsPorts) {
    const warnings = asked.length > 0 || spec.publishAll
      ? [`Port mappings have been discarded because "${network.mode}" network namespace mode does not support them`]
      : [];
    return { ports: [], warnings };
  }
  const published = spec.publishAll ? expose.flatMap((entry): PortMapping[] => {
    const [port = "", protocol = "tcp"] = entry.split("/");
    const containerPort = Number(port);
    const has = asked.some(own => own.protocol === protocol && containerPort >= own.containerPort && containerPort < own.containerPort + own.range);
    return has ? [] : [{ hostIp: "", hostPort: 0, containerPort, range: 1, protocol: protocol as "tcp" }];
  }) : [];
  const ports = [...asked, ...published];
  const fallbackIps = host.conf.network.default_host_ips ?? [];
  const placed = fallbackIps.length === 0 ? ports : ports.flatMap(port => port.hostIp === "" ? fallbackIps.map(hostIp => ({ ...port, hostIp })) : [port]);
  return { ports: assignPorts(placed), warnings: [] };
}
