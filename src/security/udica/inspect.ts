// From what `inspect` says of a container to what it needs: capabilities, devices, mounts and ports.
// Source: inspect output of podman, docker, CRI-O (crictl) and containerd (nerdctl in native mode).

import { Fault } from "../../base/fault.ts";
import { isRecord, parseJson, type Fields } from "../../base/shape.ts";

export const engines = ["podman", "CRI-O", "docker", "containerd"] as const;
export type Engine = (typeof engines)[number];

export interface Port {
  readonly number: number;
  readonly protocol: string;
}

export interface Mount {
  readonly source: string;
  readonly isWritable: boolean;
}

/** What a container was seen to need, in the order of its inspect file. */
export interface Allowances {
  readonly engine: Engine;
  readonly capabilities: readonly string[];
  /** Paths on the host. */
  readonly devices: readonly string[];
  /** Of paths on the host; volumes by name and kernel file systems are left out. */
  readonly mounts: readonly Mount[];
  readonly ports: readonly Port[];
}

const inspectBytesMax = 16 * 1024 * 1024;
const entriesMax = 4096;
const subject = { what: "inspect data", code: "input.malformed" } as const;

/** @param wanted "-" to detect it. @throws Fault "input.malformed", "usage.invalid" */
export function readInspect(text: Uint8Array | string, wanted = "-"): Allowances {
  const asked = engineNamed(wanted);
  const value = parseJson(text, subject, inspectBytesMax);
  const engine = asked ?? detect(value);
  if (engine === "CRI-O") return { engine, capabilities: [], devices: [], ports: [], mounts: crioMounts(value) };
  const first = Array.isArray(value) ? (value[0] as unknown) : undefined;
  if (!isRecord(first)) throw wrong("it holds no container");
  return engine === "containerd" ? containerd(first) : podmanOrDocker(first, engine);
}

function engineNamed(name: string): Engine | undefined {
  if (name === "-") return undefined;
  const engine = name === "CRIO" ? "CRI-O" : engines.find(known => known === name);
  if (engine === undefined) throw new Fault("usage.invalid", `Container Engine ${name.slice(0, 80)} is not supported.`);
  return engine;
}

function detect(value: unknown): Engine {
  if (!Array.isArray(value)) return "CRI-O";
  const first = value[0] as unknown;
  if (!isRecord(first)) throw wrong("it holds no container");
  const runtime = first["Runtime"];
  if (isRecord(runtime) && typeof runtime["Name"] === "string" && runtime["Name"].includes("containerd")) return "containerd";
  const env = at(first, "Config", "Env");
  if (!Array.isArray(env)) throw wrong("its container has no Config.Env");
  return env.includes("container=oci") || env.includes("container=podman") ? "podman" : "docker";
}

const wrong = (reason: string): Fault => new Fault("input.malformed", `cannot read inspect data: ${reason}`);

function at(value: unknown, ...names: string[]): unknown {
  let found = value;
  for (const name of names) found = isRecord(found) ? found[name] : undefined;
  return found;
}

/** Absent, null and other empty values are an empty list. */
function listOf(value: unknown, name: string): readonly unknown[] {
  if (value === undefined || value === null || value === "" || value === false || value === 0) return [];
  if (!Array.isArray(value)) throw wrong(`${name} is not a list`);
  if (value.length > entriesMax) throw wrong(`${name} has more than ${entriesMax} entries`);
  return value;
}

function textOf(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw wrong(`${name} is not a text`);
}

function podmanOrDocker(first: Fields, engine: "podman" | "docker"): Allowances {
  const ports = at(first, "NetworkSettings", "Ports");
  const network = first["NetworkSettings"];
  if (engine === "docker" && isRecord(network) && Object.hasOwn(network, "Ports") && !isRecord(ports)) {
    throw new Fault("input.malformed", "Error parsing docker engine inspection JSON structure, try to specify container engine using '--container-engine' parameter", { exit: 1 });
  }
  return {
    engine,
    capabilities: engine === "podman" ? textsOf(first["EffectiveCaps"], "EffectiveCaps") : [],
    devices: listOf(at(first, "HostConfig", "Devices"), "HostConfig.Devices").map(device => textOf(at(device, "PathOnHost"), "PathOnHost of a device")),
    mounts: listOf(first["Mounts"], "Mounts").flatMap(podmanMount),
    ports: isRecord(ports) ? Object.keys(ports).map(portOfKey) : [],
  };
}

const textsOf = (value: unknown, name: string): string[] => listOf(value, name).map(item => textOf(item, name));

function podmanMount(mount: unknown): Mount[] {
  const source = textOf(at(mount, "Source"), "Source of a mount");
  if (!source.startsWith("/")) return [];
  if (at(mount, "RW") === undefined) throw wrong("a mount has no RW");
  return [{ source, isWritable: at(mount, "RW") === true }];
}

function portOfKey(key: string): Port {
  const [number, protocol] = key.split("/");
  if (protocol === undefined) throw wrong(`${JSON.stringify(key.slice(0, 80))} is not a port`);
  return portOf(/^\d{1,5}$/.test(number!) ? Number(number) : undefined, protocol);
}

function portOf(number: unknown, protocol: unknown): Port {
  if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number > 65_535) throw wrong("a port is not a number up to 65535");
  return { number, protocol: textOf(protocol, "the protocol of a port") };
}

function containerd(first: Fields): Allowances {
  const capabilities = at(first, "Spec", "process", "capabilities", "effective");
  const ports = at(first, "Labels", "nerdctl/ports");
  const devices = listOf(at(first, "Spec", "linux", "devices"), "Spec.linux.devices");
  const mounts = listOf(at(first, "Spec", "mounts"), "Spec.mounts").map(mount => ({
    source: String(at(mount, "source") ?? ""),
    isWritable: !listOf(at(mount, "options"), "options of a mount").includes("ro"),
  }));
  return {
    engine: "containerd",
    capabilities: textsOf(capabilities, "Spec.process.capabilities.effective"),
    devices: devices.flatMap(device => (at(device, "path") ? [textOf(at(device, "path"), "path of a device")] : [])),
    mounts: mounts.sort((a, b) => byCodePoint(a.source, b.source)).filter(({ source }) => source.startsWith("/")),
    ports: typeof ports === "string"
      ? listOf(parseJson(ports, { ...subject, what: "nerdctl/ports" }, inspectBytesMax), "nerdctl/ports").map(port => portOf(at(port, "HostPort"), at(port, "Protocol")))
      : [],
  };
}

function crioMounts(value: unknown): Mount[] {
  return listOf(at(value, "status", "mounts"), "status.mounts").map(mount => {
    if (at(mount, "readonly") === undefined) throw wrong("a mount has no readonly");
    return { source: textOf(at(mount, "hostPath"), "hostPath of a mount"), isWritable: at(mount, "readonly") === false };
  });
}

/** As Python sorts strings: by code point, which differs from UTF-16's order only beyond the basic plane. */
export function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
