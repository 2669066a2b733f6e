// What --opt may say to each driver of networks, in the form netavark reads.
// Source: podman-network-create(1), "--opt"; netavark's own option names.

import { Fault } from "../../base/fault.ts";

export interface DriverOptions {
  readonly options: Record<string, string>;
  /** An interface name that stood among the options. */
  readonly interfaceName?: string;
  /** Several networks may share the bridge and its subnets: a VLAN, or a bridge that is not ours to manage. */
  readonly sharesBridge: boolean;
}

const refuse = (message: string): Fault => new Fault("usage.invalid", message);

const trueWords = ["1", "t", "T", "TRUE", "true", "True"];
const falseWords = ["0", "f", "F", "FALSE", "false", "False"];

function boolean(text: string, before = ""): string {
  if (trueWords.includes(text)) return "true";
  if (falseWords.includes(text)) return "false";
  throw refuse(`${before}strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function whole(text: string, { by = "Atoi", most = 2 ** 31 - 1, before = "" } = {}): number {
  if (!/^[+-]?\d+$/.test(text) || (by === "ParseUint" && !/^\d+$/.test(text))) throw refuse(`${before}strconv.${by}: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (Math.abs(Number(text)) > most) throw refuse(`${before}strconv.${by}: parsing ${JSON.stringify(text)}: value out of range`);
  return Number(text);
}

function mtu(text: string): string {
  if (text !== "" && whole(text) < 0) throw refuse(`mtu ${text} is less than zero`);
  return text;
}

function vlan(text: string): string {
  const id = text === "" ? 0 : whole(text);
  if (id < 0 || id > 4094) throw refuse(`vlan ID ${id} must be between 0 and 4094`);
  return text;
}

function isolate(text: string): string {
  if (text === "") return "false";
  return text === "strict" ? text : boolean(text, "failed to parse isolate option: ");
}

function metric(text: string): string {
  whole(text, { by: "ParseUint", most: 2 ** 32 - 1 });
  return text;
}

function oneOf(words: readonly string[], driver: string): (text: string) => string {
  return text => {
    if (!words.includes(text)) throw refuse(`unknown ${driver} mode ${JSON.stringify(text)}`);
    return text;
  };
}

function vrf(text: string): string {
  if (text === "") throw refuse("invalid vrf name");
  return text;
}

function bclim(text: string): string {
  whole(text, { by: "ParseInt", before: 'failed to parse "bclim" option: ' });
  return text;
}

type Reader = (text: string) => string;

const readers: Readonly<Record<"bridge" | "macvlan" | "ipvlan", Readonly<Record<string, Reader>>>> = {
  bridge: { mtu, vlan, isolate, metric, no_default_route: text => boolean(text), vrf, mode: oneOf(["managed", "unmanaged"], "bridge") },
  macvlan: { mtu, metric, no_default_route: text => boolean(text), mode: oneOf(["bridge", "private", "vepa", "passthru"], "macvlan"), bclim },
  ipvlan: { mtu, metric, no_default_route: text => boolean(text), mode: oneOf(["l2", "l3", "l3s"], "ipvlan") },
};

/** Docker's names for two of the bridge's options. */
function withoutDockerNames(given: Readonly<Record<string, string>>): { options: Record<string, string>; interfaceName?: string } {
  const { "com.docker.network.driver.mtu": dockerMtu, "com.docker.network.bridge.name": interfaceName, ...options } = given;
  return { options: { ...options, ...(dockerMtu === undefined ? {} : { mtu: dockerMtu }) }, ...(interfaceName === undefined ? {} : { interfaceName }) };
}

/** @throws Fault "usage.invalid" for an option the driver does not have, or a wrong value */
export function driverOptions(driver: string, given: Readonly<Record<string, string>>): DriverOptions {
  if (driver !== "bridge" && driver !== "macvlan" && driver !== "ipvlan") return { options: { ...given }, sharesBridge: false };
  const { parent, ...others } = given;
  const named = driver === "bridge" ? withoutDockerNames(given) : { options: others, ...(parent === undefined ? {} : { interfaceName: parent }) };
  const known = readers[driver];
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(named.options)) {
    const read = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!read) throw refuse(`unsupported ${driver} network option ${name}`);
    options[name] = read(value);
  }
  const sharesBridge = driver === "bridge" && (options["vlan"] !== undefined || options["mode"] === "unmanaged");
  return { options, sharesBridge, ...(named.interfaceName === undefined ? {} : { interfaceName: named.interfaceName }) };
}
