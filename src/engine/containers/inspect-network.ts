// The NetworkSettings of inspect.

import type { ContainerSpec } from "../../base/container-spec.ts";
import type { NetworkStatus } from "../../base/container-state.ts";
import { newHasher } from "../../base/digest.ts";
import type { ContainerRecord } from "../state/state.ts";

type HostPorts = Record<string, { HostIp: string; HostPort: string }[] | null>;

/** "80/tcp" to where it is published; podman prints 0.0.0.0 for all addresses. */
export function portBindings({ ports = [] }: ContainerSpec): HostPorts {
  const bindings: HostPorts = {};
  for (const port of ports) {
    for (let index = 0; index < port.range; index++) {
      (bindings[`${port.containerPort + index}/${port.protocol}`] ??= []).push({
        HostIp: port.hostIp === "" ? "0.0.0.0" : port.hostIp, HostPort: String(port.hostPort + index),
      });
    }
  }
  return bindings;
}

interface Basics {
  EndpointID: string;
  Gateway: string;
  IPAddress: string;
  IPPrefixLen: number;
  IPv6Gateway: string;
  GlobalIPv6Address: string;
  GlobalIPv6PrefixLen: number;
  MacAddress: string;
}

const none: Basics = { EndpointID: "", Gateway: "", IPAddress: "", IPPrefixLen: 0, IPv6Gateway: "", GlobalIPv6Address: "", GlobalIPv6PrefixLen: 0, MacAddress: "" };

function basicsOf(status: NetworkStatus | undefined): Basics {
  const basics = { ...none };
  for (const { mac_address: mac, subnets = [] } of Object.values(status?.interfaces ?? {})) {
    if (basics.MacAddress === "") basics.MacAddress = mac;
    for (const { ipnet, gateway = "" } of subnets) {
      const [ip = "", prefix = "0"] = ipnet.split("/");
      if (ip.includes(":")) Object.assign(basics, { GlobalIPv6Address: ip, GlobalIPv6PrefixLen: Number(prefix), IPv6Gateway: gateway });
      else if (basics.IPAddress === "") Object.assign(basics, { IPAddress: ip, IPPrefixLen: Number(prefix), Gateway: gateway });
    }
  }
  return basics;
}

function sandboxId(path: string | undefined): string {
  if (!path) return "";
  const hasher = newHasher();
  hasher.update(path);
  return hasher.digest().slice(7);
}

export function networkSettings({ id, spec, state }: ContainerRecord): Record<string, unknown> {
  const networks = spec.network?.mode === "bridge" ? spec.network.networks ?? [] : [];
  const status = state.networkStatus ?? {};
  const ports: HostPorts = portBindings(spec);
  if (spec.network?.mode !== "host" && spec.network?.mode !== "container") for (const exposed of spec.expose ?? []) ports[exposed] ??= null;
  const each = Object.fromEntries(networks.map(({ network, aliases = [] }) => [network, {
    ...basicsOf(status[network]),
    NetworkID: network, DriverOpts: null, IPAMConfig: null, Links: null,
    Aliases: [...aliases, id.slice(0, 12), ...(spec.hostname && spec.hostname !== id.slice(0, 12) ? [spec.hostname] : [])],
  }]));
  const only = networks.length === 1 ? status[networks[0]!.network] : undefined;
  const mode = spec.network?.mode;
  return {
    ...basicsOf(only),
    Bridge: "", SandboxID: sandboxId(state.networkNamespace), HairpinMode: false, LinkLocalIPv6Address: "", LinkLocalIPv6PrefixLen: 0,
    Ports: ports,
    SandboxKey: mode === "none" && state.networkNamespace && state.pid ? `/proc/${state.pid}/ns/net` : state.networkNamespace ?? "",
    ...(networks.length > 0 ? { Networks: each } : {}),
    ...(mode === "pasta" ? { Networks: { pasta: basicsOf(undefined) } } : {}),
    ...(mode === "host" || mode === "none" ? { Networks: { [mode]: { ...basicsOf(undefined), NetworkID: mode, DriverOpts: null, IPAMConfig: null, Links: null } } } : {}),
  };
}
