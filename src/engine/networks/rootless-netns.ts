// The network namespace of an ordinary user, in which his bridges are: made for the first container on one, gone after the last.
// Source: podman-unshare(1), "--rootless-netns"; pasta(1), slirp4netns(1).

import * as fs from "node:fs";
import type { PortMapping } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { findProgram, needProgram, spawnSync } from "../../base/spawn.ts";
import { isMountpoint } from "../../kernel/mounts.ts";
import { removeNamedNetns } from "../../kernel/namespaces.ts";
import { isAlive } from "../../kernel/processes.ts";
import { keepNetns } from "../../kernel/user-namespace.ts";
import type { Host } from "../host.ts";
import { pastaDns, runPasta } from "./pasta.ts";
import { closePorts, openPorts, slirpDns, slirpGuest, slirpName, startSlirp, stopByFile } from "./slirp.ts";

/** Where pasta answers names. */

interface Place {
  readonly directory: string;
  readonly namespace: string;
  /** One file for each who needs the namespace: a container's ID, or "pid-N"; it holds the numbers of open ports. */
  readonly users: string;
  readonly pasta: string;
  readonly slirp: string;
  readonly socket: string;
}

function placeOf({ paths }: Host): Place {
  const directory = `${paths.runroot}/rootless-netns`;
  const inside = (name: string): string => `${directory}/${name}`;
  return { directory, namespace: inside("netns"), users: inside("users"), pasta: inside("pasta.pid"), slirp: inside("slirp.pid"), socket: inside("slirp.sock") };
}

/** What goes before a program's own words, so that it runs in there. */
export const inRootlessNetns = (host: Host): string[] => [needProgram("nsenter", "util-linux"), `--net=${placeOf(host).namespace}`, "--"];

export const hasRootlessNetns = (host: Host): boolean => isMountpoint(placeOf(host).namespace);

const usesSlirp = (host: Host): boolean =>
  host.conf.network.default_rootless_network_cmd === "slirp4netns" || findProgram("pasta") === undefined && findProgram("slirp4netns") !== undefined;

/** Where aardvark-dns in there asks for names that are not containers'. */
export const rootlessDns = (host: Host): string => (usesSlirp(host) ? slirpDns : pastaDns);

/** Makes the namespace where it is not there, and notes who needs it. The caller holds the lock of all networks. */
export async function needRootlessNetns(host: Host, user: string): Promise<void> {
  const place = placeOf(host);
  fs.mkdirSync(place.users, { recursive: true, mode: 0o700 });
  if (!isMountpoint(place.namespace)) await make(host, place);
  const file = `${place.users}/${user}`;
  if (!fs.existsSync(file)) fs.writeFileSync(file, "[]", { mode: 0o600 });
}

async function make(host: Host, place: Place): Promise<void> {
  // What a lost pause process has left: its mounts are gone, its files are not.
  takeDown(place);
  fs.mkdirSync(place.users, { recursive: true, mode: 0o700 });
  keepNetns(place.namespace);
  try {
    if (usesSlirp(host)) await startSlirp({ ...place, device: "tap0", pidFile: place.slirp, configures: true });
    else await runPasta(host, ["--config-net", "--pid", place.pasta, "--dns-forward", pastaDns, ...closed, "--netns", place.namespace]);
  } catch (thrown) {
    takeDown(place);
    throw thrown;
  }
}

const closed = ["-t", "none", "-u", "none", "-T", "none", "-U", "none", "--no-map-gw", "--quiet"];

/** Publishes a container's ports: pasta takes none once it runs, so slirp4netns brings them in by a device of its own. */
export async function publishPorts(host: Host, id: string, ports: readonly PortMapping[]): Promise<void> {
  const place = placeOf(host);
  const file = `${place.users}/${id}`;
  if (ports.length === 0 || numbersIn(file).length > 0) return;
  if (!fs.existsSync(place.slirp) || !fs.existsSync(place.socket)) {
    await startSlirp({ ...place, device: "ports0", pidFile: place.slirp, configures: false });
    setUpDevice(host);
  }
  fs.writeFileSync(file, JSON.stringify(openPorts(place.socket, ports, true)), { mode: 0o600 });
}

/** An address and no route: answers go to slirp4netns's own address, which is a neighbour. */
function setUpDevice(host: Host): void {
  const ip = [...inRootlessNetns(host), needProgram("ip", "iproute2")];
  for (const words of [["addr", "add", `${slirpGuest}/24`, "dev", "ports0"], ["link", "set", "ports0", "up"]]) {
    const ran = spawnSync([...ip, ...words]);
    if (ran.status !== 0) throw new Fault("network.failed", `cannot set up the device for published ports: ${ran.complaint()}`);
  }
}

function numbersIn(file: string): number[] {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")) as number[];
  } catch {
    return [];
  }
}

/** Closes a user's ports and forgets him; the last one takes the namespace with him. The caller holds the lock of all networks. */
export function leaveRootlessNetns(host: Host, user: string): void {
  const place = placeOf(host);
  const file = `${place.users}/${user}`;
  if (!fs.existsSync(file)) return;
  const numbers = numbersIn(file);
  fs.rmSync(file, { force: true });
  if (fs.readdirSync(place.users).filter(name => isNeeded(host, name)).length === 0) return takeDown(place);
  if (numbers.length > 0) closePorts(place.socket, numbers);
}

/** Whether who is noted still lives: a container by the name of its namespace, a command by its process. */
function isNeeded(host: Host, user: string): boolean {
  const pid = /^pid-(\d+)$/.exec(user)?.[1];
  return pid === undefined ? isMountpoint(host.paths.namespaceOf(user)) : isAlive(Number(pid));
}

function takeDown(place: Place): void {
  stopByFile(place.pasta, /^pas(ta|st)/);
  stopByFile(place.slirp, slirpName);
  removeNamedNetns(place.namespace);
  fs.rmSync(place.directory, { recursive: true, force: true });
}
