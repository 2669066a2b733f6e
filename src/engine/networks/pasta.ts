// pasta: carries an ordinary user's container to the host's network and publishes its ports; ends with the namespace.
// Source: passt(1); podman-run(1), "--network pasta".

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { ContainerSpec, PortMapping } from "../../base/container-spec.ts";
import type { NetworkStatus } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import { needProgram, spawn } from "../../base/spawn.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { formatAddress } from "./addresses.ts";

const setUpMsMax = 20_000;

/** Done when the namespace is connected; pasta itself goes on behind. @throws Fault "network.failed", "component.missing" */
export async function connectByPasta(host: Host, { spec }: ContainerRecord, namespace: string): Promise<void> {
  const own = [...(host.conf.network.pasta_options ?? []), ...(spec.network?.options ?? [])];
  await runPasta(host, [...pastaArguments(spec.ports ?? [], own), "--netns", namespace]);
}

/** Where pasta takes questions about names, for the host's own resolver, wherever that listens. */
export const pastaDns = "169.254.1.1";

/** Whom a container behind pasta asks first: what its options say, or the usual address. */
export function pastaServers(host: Host, { network }: ContainerSpec): string[] {
  const own = [...(host.conf.network.pasta_options ?? []), ...(network?.options ?? [])];
  const said = own.flatMap((word, at) => word === "--dns-forward" ? own.slice(at + 1, at + 2) : word.startsWith("--dns-forward=") ? [word.slice(14)] : []);
  if (said.length > 0) return said;
  return own.includes("-6") || own.includes("--ipv6-only") || hasIpv6Alone() ? [] : [pastaDns];
}

/** Then pasta gives the container no IPv4, and nobody answers at an address of it. */
function hasIpv6Alone(): boolean {
  const lines = (name: string): string[] => {
    try {
      return readFileSync(`/proc/net/${name}`, "latin1").trim().split("\n");
    } catch {
      return [];
    }
  };
  // The first of the one table is its heading; all of the other have ten columns, and the loopback's routes are there always.
  return lines("route").length < 2 && lines("ipv6_route").some(line => /^0{32} 00 .* (?!lo$)\S+$/.test(line));
}

/** What pasta gave the namespace of a process, in the form of a network's answer: its first address, IPv4 before IPv6. */
export function pastaStatus(pid: number): Record<string, NetworkStatus> {
  const read = (name: string): string => {
    try {
      return readFileSync(`/proc/${pid}/net/${name}`, "latin1");
    } catch {
      return "";
    }
  };
  const address = ownIpv4(read("fib_trie")) ?? ownIpv6(read("if_inet6"));
  return address === undefined ? {} : { pasta: { interfaces: { pasta: { mac_address: "", subnets: [{ ipnet: address }] } } } };
}

/** From proc's tree of routes: an address of the machine's own is a leaf of 32 bits. */
export const ownIpv4 = (trie: string): string | undefined =>
  [...trie.matchAll(/\|-- ([\d.]+)\n(?: *\/\d+ [^\n]*\n)*? *\/32 host LOCAL/g)].map(([, address]) => `${address}/32`).find(address => !address.startsWith("127."));

/** From proc's list: 32 digits, three numbers of which the third, the scope, is 00 for the world. */
export function ownIpv6(list: string): string | undefined {
  const digits = /^([\da-f]{32}) [\da-f]+ [\da-f]+ 00 /m.exec(list)?.[1];
  return digits === undefined ? undefined : `${formatAddress({ version: 6, value: BigInt(`0x${digits}`) })}/128`;
}

/** The host as containers see it, with a pasta that can show it. */
export const pastaHost = "169.254.1.2";

/** Left where pasta does not know the address yet (before 2024). */
const oldMark = (host: Host): string => `${host.paths.runroot}/pasta-shows-no-host`;

export const showsHost = (host: Host): boolean => !existsSync(oldMark(host));

/** First with an address for the host; chosen by trying, remembered until the next boot. It is under way when this returns. */
export async function runPasta(host: Host, words: readonly string[]): Promise<void> {
  const pasta = needProgram("pasta", "passt");
  const isGiven = words.some(word => word.startsWith("--map-guest-addr"));
  if (!isGiven && showsHost(host) && (await ended([pasta, "--map-guest-addr", pastaHost, ...words])).status === 0) return;
  const { status, complaint } = await ended([pasta, ...words]);
  if (status === 0) {
    if (!isGiven) writeFileSync(oldMark(host), "", { mode: 0o600 });
    return;
  }
  throw new Fault("network.failed", `pasta failed with exit code ${status}:\n${complaint}`, {
    hint: "see that /dev/net/tun may be opened by everyone and the ports are free, or use --network none or host",
  });
}

const complaintLengthMax = 64 * 1024;

/** What it says is read as long as it says something: it leaves itself behind, and lets go of the pipe then. */
async function ended(argv: readonly string[]): Promise<{ status: number; complaint: string }> {
  const child = spawn(argv, { stdio: ["ignore", "ignore", "pipe"] });
  const late = setTimeout(() => child.kill("SIGKILL"), setUpMsMax);
  try {
    let complaint = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr!) {
      if (complaint.length < complaintLengthMax) complaint += decoder.decode(chunk, { stream: true });
    }
    // A word it does not know it answers by telling all those it does.
    return { status: await child.exited, complaint: complaint.replace(/^Usage: [^]*/m, "").trim() };
  } finally {
    clearTimeout(late);
  }
}

/** What the person says comes first; what nobody says is closed, so that nothing of the host shows in the container. */
export function pastaArguments(ports: readonly PortMapping[], own: readonly string[]): string[] {
  const says = (...names: string[]): boolean => own.some(word => names.some(name => word === name || word.startsWith(`${name}=`)));
  const args = ["--config-net", ...own];
  for (const port of ports) args.push(port.protocol === "udp" ? "-u" : "-t", forward(port));
  if (!says("-t", "--tcp-ports") && !ports.some(({ protocol }) => protocol === "tcp")) args.push("-t", "none");
  if (!says("-u", "--udp-ports") && !ports.some(({ protocol }) => protocol === "udp")) args.push("-u", "none");
  if (!says("-T", "--tcp-ns")) args.push("-T", "none");
  if (!says("-U", "--udp-ns")) args.push("-U", "none");
  if (!says("--dns-forward")) args.push("--dns-forward", pastaDns);
  if (!says("--map-gw", "--no-map-gw")) args.push("--no-map-gw");
  if (!says("-q", "--quiet", "-d", "--debug", "--trace")) args.push("--quiet");
  return args.filter(word => word !== "--map-gw");
}

function forward({ hostIp, hostPort, containerPort, range, protocol }: PortMapping): string {
  if (protocol === "sctp") throw new Fault("network.failed", "cannot publish a port of protocol sctp: pasta carries tcp and udp only");
  const span = (first: number): string => (range > 1 ? `${first}-${first + range - 1}` : String(first));
  return `${hostIp === "" ? "" : `${hostIp}/`}${span(hostPort)}:${span(containerPort)}`;
}
