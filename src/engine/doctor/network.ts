// The doctor's look at the network, the security modules of the kernel, and what they want of us.

import { existsSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { findProgram, spawnSync } from "../../base/spawn.ts";
import { apparmorHost } from "../../security/apparmor.ts";
import { isSelinuxEnabled, policyContexts } from "../../security/labels.ts";
import { formatSubnet, overlap, parseSubnet } from "../networks/addresses.ts";
import { hostRoutes } from "../networks/free.ts";
import { defaultNetworkName, listNetworks } from "../networks/networks.ts";
import { configured, textOf, type Check, type Finding, type Looked, type Scene } from "./finding.ts";

function loopback(): Looked {
  const has = /^\s*lo:/m.test(textOf("/proc/net/dev"));
  // A /sys of another network namespace would show another interface.
  return has && textOf("/proc/net/fib_trie").includes("127.0.0.1") ? undefined : { evidence: has ? "the interface lo is down" : "there is no interface lo", next: "ip link set lo up" };
}

/** A network of ours that the host's own routes already have; routes of its own bridge are not meant. */
function clashes({ host }: Scene): Looked {
  return listNetworks(host).filter(({ driver }) => driver === "bridge").flatMap((network): Finding[] => {
    const foreign = hostRoutes(network.network_interface);
    return (network.subnets ?? []).flatMap(({ subnet }): Finding[] => {
      const taken = foreign.find(route => overlap(route, parseSubnet(subnet)));
      if (!taken) return [];
      const next = network.name === defaultNetworkName(host) ? "set default_subnet in containers.conf to a free one" : `podman network rm ${network.name}, and create it again without --subnet`;
      return [{ evidence: `network ${network.name} has ${subnet}, and the host reaches ${formatSubnet(taken)} by a route of its own`, next }];
    });
  });
}

const drivers = ["nftables", "iptables", "none", "firewalld", ""];

function firewallDriver({ host }: Scene): Looked {
  const driver = host.conf.network.firewall_driver ?? "";
  return drivers.includes(driver) ? undefined : { evidence: `firewall_driver of containers.conf is ${JSON.stringify(driver)}, which netavark does not know`, next: "set firewall_driver to nftables, iptables or none" };
}

function nftables(): Looked {
  const nft = findProgram("nft");
  if (nft === undefined) return undefined;
  const { status, complaint } = spawnSync([nft, "list", "tables"], { timeoutMs: 5000 });
  return status === 0 ? undefined : { evidence: `nft list tables: ${complaint().split("\n")[0]}`, next: "modprobe nf_tables" };
}

function definitions({ host }: Scene): Looked {
  try {
    listNetworks(host);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return { evidence: thrown.message, next: thrown.hint ?? "correct default_subnet and default_network in containers.conf" };
  }
}

function apparmor({ host }: Scene): Looked {
  const wanted = host.conf.containers.apparmor_profile;
  const { isEnabled, loaded } = apparmorHost();
  if (!isEnabled || !wanted || wanted === "unconfined" || loaded === "" || loaded.split("\n").some(line => line.startsWith(`${wanted} (`))) return undefined;
  return { evidence: `apparmor_profile of containers.conf is ${wanted}, which the kernel has not loaded: containers run without one`, next: `apparmor_parser -r /etc/apparmor.d/${wanted}` };
}

export const networkChecks: readonly Check[] = [
  { code: "network.loopback-down", severity: "error", holds: "the loopback interface is up", look: loopback },
  { code: "network.definitions", severity: "error", holds: "networks can be told", needs: configured, look: definitions },
  { code: "network.clash", severity: "warning", holds: "no network takes what the host reaches elsewhere", for: "root", needs: [...configured, "network.definitions"], look: clashes },
  { code: "network.firewall-driver", severity: "error", holds: "the firewall driver is one that netavark knows", needs: configured, look: firewallDriver },
  { code: "network.nftables", severity: "error", holds: "the kernel has nftables", for: "root", needs: ["component.not-executable", "component.no-nft", "component.broken"], look: nftables },
  {
    code: "selinux.no-containers", severity: "error", holds: "the SELinux policy knows containers",
    look: () => isSelinuxEnabled() && !policyContexts() ? { evidence: "SELinux is on, and its policy has no lxc_contexts: containers would run unconfined", next: "apt-get install selinux-policy-default, and udica --engine-policy" } : undefined,
  },
  {
    code: "selinux.no-files", severity: "warning", holds: "SELinux's files and kernel agree",
    look: () => /^\s*SELINUX\s*=\s*enforcing/m.test(textOf("/etc/selinux/config")) && !isSelinuxEnabled() ? { evidence: `/etc/selinux/config says enforcing, and ${existsSync("/sys/fs/selinux") ? "no policy is loaded" : "the kernel runs without SELinux"}`, next: "boot with security=selinux selinux=1" } : undefined,
  },
  { code: "apparmor.no-profile", severity: "warning", holds: "the AppArmor profile is loaded", needs: configured, look: apparmor },
];
