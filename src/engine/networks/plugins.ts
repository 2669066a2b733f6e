// Network drivers of others: programs in netavark's plugin directories that make networks of their own kind.
// Source: netavark's plugin protocol; containers.conf(5), "netavark_plugin_dirs".

import { Fault } from "../../base/fault.ts";
import { findProgram, spawnSync } from "../../base/spawn.ts";
import type { Host } from "../host.ts";
import type { Network } from "./networks.ts";

const places = ["/usr/local/libexec/netavark", "/usr/libexec/netavark", "/usr/local/lib/netavark", "/usr/lib/netavark"];
const pluginMs = 60_000;

export const pluginDirectories = (host: Host): readonly string[] => host.conf.network.netavark_plugin_dirs ?? places;

/** The network as the plugin made it. @throws Fault "usage.invalid" where there is no such driver */
export function createByPlugin(host: Host, network: Network): Network {
  const { driver } = network;
  const path = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(driver) ? pluginDirectories(host).map(directory => findProgram(`${directory}/${driver}`)).find(Boolean) : undefined;
  if (!path) throw new Fault("usage.invalid", `failed to find driver or plugin ${JSON.stringify(driver)}`, { hint: "use bridge, macvlan or ipvlan, or name the plugin's directory in containers.conf" });
  const { status, text, complaint } = spawnSync([path, "create"], { stdin: JSON.stringify(network), timeoutMs: pluginMs });
  const answer = readAnswer(text());
  if (status !== 0) throw new Fault("network.failed", `plugin ${path} failed: ${String(answer["error"] ?? complaint())}`);
  for (const key of ["name", "id", "driver"] as const) {
    if (answer[key] !== network[key]) throw new Fault("network.failed", `plugin ${path}: invalid plugin result: changed network ${key}`);
  }
  return answer as unknown as Network;
}

function readAnswer(text: string): Record<string, unknown> {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === "object" && answer !== null ? answer as Record<string, unknown> : {};
  } catch {
    return {};
  }
}
