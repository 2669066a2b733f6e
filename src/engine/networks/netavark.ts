// Netavark: sets a container's network up in its namespace, and takes it down.
// Source: netavark's "setup" and "teardown" commands and their JSON.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { ContainerSpec } from "../../base/container-spec.ts";
import type { NetworkStatus } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import { findProgram, programPlaces, spawn, type Child, type Environment } from "../../base/spawn.ts";
import { closeQuietly, pipe2, writeAll } from "../../kernel/files.ts";
import { isAlive, processStart } from "../../kernel/processes.ts";
import type { Host } from "../host.ts";
import { withLockFile } from "../state/lock.ts";
import type { Network } from "./networks.ts";
import { hasRootlessNetns, inRootlessNetns, leaveRootlessNetns, needRootlessNetns, publishPorts } from "./rootless-netns.ts";

/** One network of a container, with the addresses it got. */
export interface Joined {
  readonly network: Network;
  readonly interfaceName: string;
  readonly ips: readonly string[];
  readonly mac?: string;
  readonly aliases: readonly string[];
  readonly options?: Readonly<Record<string, string>>;
}

export interface NetavarkJob {
  readonly id: string;
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly namespace: string;
  readonly joined: readonly Joined[];
  /** Where aardvark-dns asks for names that are not containers'. */
  readonly dnsServers?: readonly string[];
}

/** Where containers.conf says the helpers are, and then only there; else the usual places. */
function findHelper(host: Host, name: string): string | undefined {
  const named = host.conf.engine.helper_binaries_dir;
  if (!named?.length) return findProgram(name, programPlaces);
  return named.map(directory => findProgram(`${directory}/${name}`)).find(path => path !== undefined);
}

/** @throws Fault "component.missing" naming the Debian package */
function needHelper(host: Host, name: string): string {
  const found = findHelper(host, name);
  if (found !== undefined) return found;
  const where = host.conf.engine.helper_binaries_dir?.join(", ") ?? programPlaces.join(", ");
  throw new Fault("component.missing", `could not find ${JSON.stringify(name)} in one of [${where}]: install the package ${name}, or set helper_binaries_dir in containers.conf`, {
    hint: `install it, on Debian with: apt-get install ${name}`,
  });
}

function requestOf({ id, name, spec, joined, dnsServers }: NetavarkJob, rootless: boolean): string {
  return JSON.stringify({
    container_id: id,
    container_name: name,
    port_mappings: (spec.ports ?? []).map(port => ({
      container_port: port.containerPort,
      // An ordinary user's ports come in by another address, and are open on the host's where they were asked for.
      host_ip: rootless ? "" : port.hostIp,
      host_port: port.hostPort,
      protocol: port.protocol,
      range: port.range,
    })),
    networks: Object.fromEntries(joined.map(({ network, interfaceName, ips, mac, aliases, options }) => [network.name, {
      interface_name: interfaceName,
      static_ips: ips,
      ...(mac ? { static_mac: mac } : {}),
      aliases: [...aliases],
      ...(options ? { options } : {}),
    }])),
    network_info: Object.fromEntries(joined.map(({ network }) => [network.name, network])),
    ...(dnsServers?.length ? { dns_servers: dnsServers } : {}),
  });
}

async function readBounded(stream: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream ?? []) if (text.length < 1_000_000) text += decoder.decode(chunk, { stream: true });
  return text;
}

function refusal(output: string, complaint: string): Fault {
  let reason = complaint.trim() || output.trim();
  try {
    const { error } = JSON.parse(output) as { error?: unknown };
    if (typeof error === "string") reason = error;
  } catch {
    // Plain text then.
  }
  if (/No such file or directory \(os error 2\)/.test(reason)) {
    return new Fault("component.missing", `netavark: ${reason}: a program it runs is not there, likely iptables or nft`, {
      hint: "install them, on Debian with: apt-get install iptables nftables",
    });
  }
  return new Fault("network.failed", `netavark: ${reason || "it failed and did not say why"}`);
}

/** It looks for nft and iptables by PATH, and that of an ordinary user need not have the places where they are. */
function withAdminPlaces(path = "/usr/bin:/bin"): string {
  const places = path.split(":");
  return [...places, ...["/usr/sbin", "/sbin"].filter(place => !places.includes(place))].join(":");
}

function environment({ conf: { network } }: Host): Environment {
  return {
    ...process.env,
    PATH: withAdminPlaces(process.env["PATH"]),
    ...(network.firewall_driver ? { NETAVARK_FW: network.firewall_driver } : {}),
    ...(network.dns_bind_port ? { NETAVARK_DNS_PORT: String(network.dns_bind_port) } : {}),
  };
}

async function netavark(host: Host, act: "setup" | "teardown", job: NetavarkJob): Promise<string> {
  const program = needHelper(host, "netavark");
  const usesDns = job.joined.some(({ network }) => network.dns_enabled);
  const aardvark = findHelper(host, "aardvark-dns");
  if (usesDns && !aardvark && act === "setup") needHelper(host, "aardvark-dns");
  const config = `${host.paths.runroot}/networks`;
  mkdirSync(config, { recursive: true, mode: 0o700 });
  const env = environment(host);
  const argv = [program, "--config", config, `--rootless=${host.rootless}`, `--aardvark-binary=${aardvark ?? "/usr/lib/podman/aardvark-dns"}`, act, job.namespace];
  return locked(host, async note => {
    if (!host.rootless) return call(argv, { env, request: requestOf(job, false), note });
    if (act === "setup") await needRootlessNetns(host, job.id);
    else if (!hasRootlessNetns(host)) return "";
    const output = await call([...inRootlessNetns(host), ...argv], { env: { ...env, XTABLES_LOCKFILE: `${config}/xtables.lock` }, request: requestOf(job, true), note });
    if (act === "setup") await publishPorts(host, job.id, job.spec.ports ?? []);
    return output;
  });
}

/** Where this container was the last one, an ordinary user's network namespace goes. */
export async function forgetUser(host: Host, id: string): Promise<void> {
  if (host.rootless) await locked(host, async () => leaveRootlessNetns(host, id));
}

/** Notes a command that runs in an ordinary user's network namespace. */
export const joinRootless = (host: Host, user: string): Promise<void> => locked(host, () => needRootlessNetns(host, user));

const configDirectory = (host: Host): string => `${host.paths.runroot}/networks`;

const lockOf = (host: Host): string => (host.rootless ? `${configDirectory(host)}/netavark.lock` : "/run/containers/coracle-netavark.lock");

function locked<T>(host: Host, act: (note: string) => Promise<T>): Promise<T> {
  return withLockFile(lockOf(host), async () => {
    const note = `${lockOf(host)}.running`;
    for (const end = Date.now() + orphanMsMax; hasOrphan(note) && Date.now() < end;) await Bun.sleep(5);
    return act(note);
  });
}

const orphanMsMax = 30_000;

/** One that outlives whoever started it, and had the lock. */
function hasOrphan(note: string): boolean {
  if (!existsSync(note)) return false;
  const [pid, start] = readFileSync(note, "utf8").split(" ").map(Number);
  return Boolean(pid && start && isAlive(pid, start));
}

function startWith(input: number, argv: readonly string[], env: NodeJS.ProcessEnv): Child {
  try {
    return spawn(argv, { stdio: [input, "pipe", "pipe"], env });
  } finally {
    closeQuietly(input);
  }
}

/** It does nothing before it has its request, and gets that when it is noted: should we die between, whoever comes next need not wait for it. */
function spawnNoted(request: string, argv: readonly string[], { env, note }: { env: NodeJS.ProcessEnv; note: string }): Child {
  const [theirs, ours] = pipe2();
  try {
    const child = startWith(theirs, argv, env);
    writeFileSync(note, `${child.pid} ${processStart(child.pid) ?? 0}`);
    writeAll(ours, new TextEncoder().encode(request));
    return child;
  } finally {
    closeQuietly(ours);
  }
}

/** Its runs must not meet: one takes the bridge down while the other is about to join it. It has its request when this returns. */
async function call(argv: readonly string[], { env, request, note }: { env: NodeJS.ProcessEnv; request: string; note: string }): Promise<string> {
  const child = spawnNoted(request, argv, { env, note });
  const [output, complaint, status] = await Promise.all([readBounded(child.stdout), readBounded(child.stderr), child.exited]);
  if (status !== 0) throw refusal(output, complaint);
  return output;
}

/** What each network gave. @throws Fault "network.failed", "component.missing" */
export async function setUp(host: Host, job: NetavarkJob): Promise<Record<string, NetworkStatus>> {
  const output = await netavark(host, "setup", job);
  try {
    return JSON.parse(output) as Record<string, NetworkStatus>;
  } catch (cause) {
    throw new Fault("network.failed", `cannot read netavark's answer: ${output.slice(0, 200)}`, { cause });
  }
}

/** Tells aardvark-dns where it asks from now on. */
export async function updateServers(host: Host, network: Pick<Network, "name">, servers: readonly string[]): Promise<void> {
  const aardvark = findHelper(host, "aardvark-dns") ?? "/usr/lib/podman/aardvark-dns";
  const argv = [needHelper(host, "netavark"), "--config", configDirectory(host), `--rootless=${host.rootless}`, `--aardvark-binary=${aardvark}`,
    "update", network.name, "--network-dns-servers", servers.join(",")];
  if (host.rootless && !hasRootlessNetns(host)) return;
  await locked(host, note => call([...host.rootless ? inRootlessNetns(host) : [], ...argv], { env: environment(host), request: "", note }));
}

export async function tearDown(host: Host, job: NetavarkJob): Promise<void> {
  await netavark(host, "teardown", job);
}
