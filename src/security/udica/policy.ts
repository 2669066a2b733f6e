// A container's policy module in CIL, from what it was seen to need; pure. Each line knows what asked for it.
// Source: SELinux CIL reference guide; the block names of the policy templates.

import { Fault } from "../../base/fault.ts";
import { portType, typesUnder, type LabelSource } from "../selinux/label-source.ts";
import type { AvcRule } from "./avc.ts";
import { byCodePoint, type Allowances, type Mount } from "./inspect.ts";
import permissions from "./permissions.json";
import { checkModuleName, checkWord } from "./words.ts";

export interface PolicyRequest {
  readonly name: string;
  readonly allowances: Allowances;
  readonly fullNetworkAccess?: boolean;
  readonly virtAccess?: boolean;
  readonly xAccess?: boolean;
  readonly ttyAccess?: boolean;
  /** A policy of this tool's whose sockets may be connected to. */
  readonly streamConnect?: string;
  /** Undefined without an AVC file. */
  readonly rules?: readonly AvcRule[];
}

export interface Line {
  /** Without its line end; "" for an empty line. */
  readonly text: string;
  readonly why: string;
}

export interface Policy {
  readonly name: string;
  readonly lines: readonly Line[];
  /** Names of templates in the order of need, with repeats, as the command to load them is printed. */
  readonly templates: readonly string[];
  /** AVC rules of other processes, left out. */
  readonly unrelated: readonly AvcRule[];
}

const sockets: Readonly<Record<string, string>> = { tcp: "tcp_socket", udp: "udp_socket", sctp: "sctp_socket" };
const templateOf: Readonly<Record<string, string>> = { "/var/log": "log", "/home": "home", "/tmp": "tmp", "/etc": "config" };

/** @throws Fault "usage.invalid" for words that cannot stand in a policy and ports that have no type */
export function policyOf(request: PolicyRequest, labels: LabelSource): Policy {
  const name = checkModuleName(request.name);
  const draft: Draft = { lines: [], templates: ["base_container"] };
  const { allowances } = request;
  inherit(draft, "container", "every container");
  addAccess(draft, request);
  addCapabilities(draft, allowances.capabilities);
  for (const port of [...allowances.ports].sort((a, b) => a.number - b.number)) {
    const type = portType(labels, port);
    const socket = Object.hasOwn(sockets, port.protocol) ? sockets[port.protocol] : undefined;
    if (socket === undefined) throw new Fault("usage.invalid", `port ${port.number} has the protocol ${JSON.stringify(port.protocol.slice(0, 40))}, for which there is no class of sockets`);
    if (type === undefined) throw untyped(port);
    rule(draft, { type, class: socket, words: " name_bind" }, `port ${port.number}/${port.protocol}`);
  }
  addDevices(draft, allowances.devices, labels);
  addMounts(draft, allowances, labels);
  const unrelated = addRules(draft, name, request.rules ?? []);
  return { name, lines: draft.lines, templates: draft.templates, unrelated };
}

/** The module's text. @param explain a comment before each line says what asked for it */
export function policyText(policy: Policy, explain = false): string {
  const lines = policy.lines.map(({ text, why }) => (explain && why !== "" ? `    ; ${why.replace(/[^ -~]/g, "?")}\n${text}\n` : `${text}\n`));
  return `(block ${policy.name}\n${lines.join("")})`;
}

interface Draft {
  readonly lines: Line[];
  readonly templates: string[];
}

const inherit = (draft: Draft, block: string, why: string): void => void draft.lines.push({ text: `    (blockinherit ${block})`, why });

/** The spaces are those that scripts which compare policies know. */
function rule(draft: Draft, to: { type: string; class: string; words: string }, why: string): void {
  const type = checkWord(to.type, "a type");
  draft.lines.push({ text: `    (allow process ${type} ( ${to.class} ( ${to.words} ))) `, why });
}

function addAccess(draft: Draft, request: PolicyRequest): void {
  const asked = [
    ["net", request.fullNetworkAccess, "--full-network-access"], ["virt", request.virtAccess, "--virt-access"],
    ["x", request.xAccess, "--X-access"], ["tty", request.ttyAccess, "--tty-access"],
  ] as const;
  for (const [part, isAsked, option] of asked) {
    if (!isAsked) continue;
    inherit(draft, `${part}_container`, option);
    draft.templates.push(`${part}_container`);
  }
  if (request.allowances.ports.length > 0) {
    inherit(draft, "restricted_net_container", "published ports");
    draft.templates.push("net_container");
  }
  if (!request.streamConnect) return;
  const peer = checkWord(request.streamConnect, "the name of a policy");
  rule(draft, { type: `${peer}.process`, class: "unix_stream_socket", words: "connectto" }, "--stream-connect");
  rule(draft, { type: `${peer}.socket`, class: "sock_file", words: "getattr write open append" }, "--stream-connect");
}

function addCapabilities(draft: Draft, names: readonly string[]): void {
  if (names.length === 0) return;
  const words = [...names].sort(byCodePoint).map(name => (name.includes("CAP_") ? name.slice(4) : name).toLowerCase());
  for (const word of words) if (word !== "") checkWord(word, "a capability");
  draft.lines.push({ text: `    (allow process process ( capability ( ${words.map(word => `${word} `).join("")}))) `, why: "effective capabilities" });
  draft.lines.push({ text: "", why: "" });
}

function untyped(port: { readonly number: number; readonly protocol: string }): Fault {
  return new Fault("usage.invalid", `port ${port.number}/${port.protocol} has no type in this host's policy`, {
    hint: `give it one with: semanage port -a -t http_port_t -p ${port.protocol} ${port.number}`,
  });
}

/** Each type once, sorted, with the paths that lead to it. */
function sortedTypes(paths: readonly string[], labels: LabelSource): [type: string, why: string][] {
  const reasons = new Map<string, Set<string>>();
  for (const path of paths) for (const type of typesUnder(labels, path)) reasons.set(type, (reasons.get(type) ?? new Set()).add(path));
  return [...reasons].map(([type, why]): [string, string] => [type, [...why].join(", ")]).sort(([a], [b]) => byCodePoint(a, b));
}

function addDevices(draft: Draft, devices: readonly string[], labels: LabelSource): void {
  for (const [type, why] of sortedTypes(devices, labels)) {
    for (const kind of ["blk_file", "chr_file"]) rule(draft, { type, class: kind, words: permissions.deviceRw }, `device ${why}`);
  }
}

/** Mounts that a template knows as a whole become inheritance; all others go by the types under them. */
function addMounts(draft: Draft, { engine, mounts }: Allowances, labels: LabelSource): void {
  const rest: Mount[] = [];
  for (const mount of mounts) {
    const part = Object.hasOwn(templateOf, mount.source) ? templateOf[mount.source] : undefined;
    if (engine === "CRI-O" && (mount.source === "/var/lib/kubelet" || mount.source.startsWith("/var/lib/kubelet/"))) continue;
    if (part !== undefined) {
      inherit(draft, mount.isWritable ? `${part}_rw_container` : `${part}_container`, whyOf(mount));
      draft.templates.push(`${part}_container`);
    } else if (engine === "containerd") {
      for (const type of typesUnder(labels, mount.source)) addFiles(draft, { type, isWritable: mount.isWritable }, whyOf(mount));
    } else rest.push(mount);
  }
  for (const isWritable of [true, false]) {
    const paths = rest.filter(mount => mount.isWritable === isWritable).map(({ source }) => source);
    for (const [type, why] of sortedTypes(paths, labels)) addFiles(draft, { type, isWritable }, `mount ${why} ${isWritable ? "rw" : "ro"}`);
  }
}

const whyOf = ({ source, isWritable }: Mount): string => `mount ${source} ${isWritable ? "rw" : "ro"}`;

function addFiles(draft: Draft, to: { type: string; isWritable: boolean }, why: string): void {
  const words = to.isWritable
    ? [permissions.dirRw, permissions.fileRw, permissions.fifoRw, permissions.socketRw]
    : [permissions.dirRo, permissions.fileRo, permissions.fifoRo, permissions.socketRo];
  ["dir", "file", "fifo_file", "sock_file"].forEach((kind, index) => rule(draft, { type: to.type, class: kind, words: words[index]! }, why));
}

function addRules(draft: Draft, name: string, rules: readonly AvcRule[]): AvcRule[] {
  const unrelated: AvcRule[] = [];
  for (const avc of rules) {
    if (avc.source !== name && !avc.source.startsWith(`${name}.`)) unrelated.push(avc);
    else rule(draft, { type: avc.target, class: checkWord(avc.class, "a class"), words: avc.permissions.join(" ") }, `denied ${avc.class} { ${avc.permissions.join(" ")} }`);
  }
  return unrelated;
}
