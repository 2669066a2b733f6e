// top: the processes of a container, by podman's descriptors or by the options of ps(1).
// Source: podman-top(1); proc_pid_stat(5), proc_pid_status(5).

import { readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { goDuration } from "../../base/duration.ts";
import { Fault } from "../../base/fault.ts";
import { needProgram, spawnSync } from "../../base/spawn.ts";
import { idMapsWithin, ownIdMaps } from "../../kernel/users.ts";
import { capabilityNames } from "../../security/capabilities.ts";
import { readInside } from "../../runtime/identity.ts";
import type { Host } from "../host.ts";
import { get } from "./lookup.ts";
import { hasEnded } from "./observe.ts";

const ticksPerSecond = 100;

interface Process {
  readonly hostPid: number;
  /** Fields of stat after the name, "state" first. */
  readonly stat: readonly string[];
  readonly status: Readonly<Record<string, string>>;
  readonly name: string;
}

interface Scene {
  readonly processes: readonly Process[];
  /** Host process ID to the ID inside. */
  readonly inside: ReadonlyMap<number, number>;
  /** By the container's own numbers and files. */
  readonly user: (id: number) => string;
  readonly group: (id: number) => string;
  /** By the machine's own numbers, which are not ours where an ordinary user calls. */
  readonly hostUser: (id: number) => string;
  readonly hostGroup: (id: number) => string;
  readonly uptimeSeconds: number;
}

type Show = (process: Process, scene: Scene) => string;

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function readProcess(hostPid: number): Process | undefined {
  const stat = readText(`/proc/${hostPid}/stat`);
  const status = readText(`/proc/${hostPid}/status`);
  if (!stat || !status) return undefined;
  const end = stat.lastIndexOf(")");
  const pairs = status.split("\n").flatMap(line => {
    const colon = line.indexOf(":");
    return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()] as const];
  });
  return { hostPid, stat: stat.slice(end + 2).trim().split(" "), name: stat.slice(stat.indexOf("(") + 1, end), status: Object.fromEntries(pairs) };
}

function namespaceOf(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function descendants(all: readonly Process[], root: number): Process[] {
  const found = new Set([root]);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const one of all) if (found.has(Number(one.stat[1]))) found.add(one.hostPid);
  }
  return all.filter(({ hostPid }) => found.has(hostPid));
}

/** Those in the container's process namespace; where it is the host's, those that come from its first process. */
function processesOf(pid: number): Process[] {
  const all = readdirSync("/proc").filter(name => /^\d+$/.test(name)).map(Number);
  const namespace = namespaceOf(pid);
  const isShared = namespace === namespaceOf("self");
  const chosen = isShared ? all : all.filter(one => namespaceOf(one) === namespace);
  const processes = chosen.flatMap(one => readProcess(one) ?? []);
  return isShared ? descendants(processes, pid) : processes;
}

function names(text: string): Map<number, string> {
  return new Map(text.split("\n").flatMap(line => {
    const [name, , id] = line.split(":");
    return name && id ? [[Number(id), name] as const] : [];
  }));
}

const insidePid = ({ status, hostPid }: Process): number => Number(status.NSpid?.split(/\s+/).at(-1) ?? hostPid);
const idOf = (text: string | undefined, column: number): number => Number(text?.split(/\s+/)[column] ?? 0);
const nameOf = (known: ReadonlyMap<number, string>, id: number): string => known.get(id) ?? String(id);
function namesOutside(kind: "uid" | "gid", file: string): (id: number) => string {
  const [known, maps] = [names(readText(file) ?? ""), ownIdMaps(kind)];
  return id => {
    const map = maps.find(({ inside, count }) => id >= inside && id < inside + count);
    return nameOf(known, map === undefined ? id : map.outside + (id - map.inside));
  };
}

function namesInside(pid: number, kind: "uid" | "gid", file: string): (id: number) => string {
  const [known, maps] = [names(file), idMapsWithin(pid, kind)];
  return id => {
    const map = maps?.find(({ outside, count }) => id >= outside && id < outside + count);
    return nameOf(known, map === undefined ? id : map.inside + (id - map.outside));
  };
}

const groupList = (process: Process): number[] => (process.status.Groups ?? "").split(/\s+/).filter(Boolean).map(Number);

function elapsedSeconds({ stat }: Process, { uptimeSeconds }: Scene): number {
  return Math.max(0, uptimeSeconds - Number(stat[19]) / ticksPerSecond);
}

const cpuSeconds = ({ stat }: Process): number => (Number(stat[11]) + Number(stat[12])) / ticksPerSecond;
const duration = (seconds: number): string => goDuration(Math.round(seconds * 1e9));

function capabilities(field: string): Show {
  return ({ status }) => {
    const bits = BigInt(`0x${status[field] ?? "0"}`);
    const held = capabilityNames.filter((_, index) => (bits >> BigInt(index)) & 1n);
    if (held.length === 0) return "none";
    return held.length === capabilityNames.length ? "full" : held.map(name => name.replace(/^CAP_/, "")).join(",");
  };
}

function terminalOf({ stat }: Process): string {
  const device = Number(stat[4]);
  if (device === 0) return "?";
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  return major >= 136 && major <= 143 ? `pts/${(major - 136) * 256 + minor}` : major === 4 ? `tty${minor}` : `${major}:${minor}`;
}

function commandLine(process: Process): string {
  const line = readText(`/proc/${process.hostPid}/cmdline`)?.replace(/\0+$/, "").replaceAll("\0", " ");
  return line || `[${process.name}]`;
}

function parentOf({ stat }: Process, { inside }: Scene): string {
  return String(inside.get(Number(stat[1])) ?? 0);
}

function startOf(process: Process, scene: Scene): string {
  return new Date(Date.now() - elapsedSeconds(process, scene) * 1000).toISOString();
}

const seccompModes = ["disabled", "strict", "filter"];

/** Descriptor: its heading and what it shows. */
const descriptors: Readonly<Record<string, readonly [heading: string, show: Show, normal?: string]>> = {
  args: ["COMMAND", commandLine],
  capamb: ["AMBIENT CAPS", capabilities("CapAmb")],
  capbnd: ["BOUNDING CAPS", capabilities("CapBnd")],
  capeff: ["EFFECTIVE CAPS", capabilities("CapEff")],
  capinh: ["INHERITED CAPS", capabilities("CapInh")],
  capprm: ["PERMITTED CAPS", capabilities("CapPrm")],
  cgroup: ["CGROUP", ({ hostPid }) => readText(`/proc/${hostPid}/cgroup`)?.split("\n").at(-2)?.split(":").at(-1) ?? "?"],
  comm: ["COMMAND", ({ name }) => name],
  etime: ["ELAPSED", (process, scene) => duration(elapsedSeconds(process, scene))],
  group: ["GROUP", ({ status }, { group }) => group(idOf(status.Gid, 1))],
  groups: ["GROUPS", (process, { group }) => groupList(process).map(group).join(",")],
  hgroup: ["HGROUP", ({ status }, { hostGroup }) => hostGroup(idOf(status.Gid, 1))],
  hgroups: ["HGROUPS", (process, { hostGroup }) => groupList(process).map(hostGroup).join(",")],
  hpid: ["HPID", ({ hostPid }) => String(hostPid)],
  huser: ["HUSER", ({ status }, { hostUser }) => hostUser(idOf(status.Uid, 1))],
  label: ["LABEL", ({ hostPid }) => readText(`/proc/${hostPid}/attr/current`)?.replace(/\0+$/, "").trim() || "?"],
  nice: ["NI", ({ stat }) => stat[16] ?? "0"],
  pcpu: ["%CPU", (process, scene) => (100 * cpuSeconds(process) / Math.max(elapsedSeconds(process, scene), 0.001)).toFixed(3)],
  pgid: ["PGID", ({ stat }, { inside }) => String(inside.get(Number(stat[2])) ?? 0)],
  pid: ["PID", process => String(insidePid(process))],
  ppid: ["PPID", parentOf],
  rgroup: ["RGROUP", ({ status }, { group }) => group(idOf(status.Gid, 0))],
  ruser: ["RUSER", ({ status }, { user }) => user(idOf(status.Uid, 0))],
  rss: ["RSS", ({ status }) => idOf(status.VmRSS, 0).toString()],
  seccomp: ["SECCOMP", ({ status }) => seccompModes[Number(status.Seccomp ?? 0)] ?? "?"],
  state: ["STATE", ({ stat }) => stat[0] ?? "?"],
  stime: ["STIME", startOf],
  time: ["TIME", process => duration(cpuSeconds(process))],
  tty: ["TTY", terminalOf],
  user: ["USER", ({ status }, { user }) => user(idOf(status.Uid, 1))],
  vsz: ["VSZ", ({ status }) => idOf(status.VmSize, 0).toString()],
};

const normalNames: Readonly<Record<string, string>> = {
  "%C": "pcpu", "%G": "group", "%P": "ppid", "%U": "user", "%a": "args", "%c": "comm", "%g": "rgroup", "%n": "nice", "%p": "pid",
  "%r": "pgid", "%t": "etime", "%u": "ruser", "%x": "time", "%y": "tty", "%z": "vsz",
};

const defaults = ["user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args"];

/** Every descriptor `top` knows, for --list-descriptors. */
export function topDescriptors(): string[] {
  return Object.keys(descriptors);
}

function sceneOf(pid: number): Scene {
  const processes = processesOf(pid);
  const root = `/proc/${pid}/root`;
  return {
    processes,
    inside: new Map(processes.map(process => [process.hostPid, insidePid(process)])),
    user: namesInside(pid, "uid", readInside(root, "/etc/passwd")),
    group: namesInside(pid, "gid", readInside(root, "/etc/group")),
    hostUser: namesOutside("uid", "/etc/passwd"),
    hostGroup: namesOutside("gid", "/etc/group"),
    uptimeSeconds: Number(readText("/proc/uptime")?.split(" ")[0] ?? 0),
  };
}

function byDescriptors(pid: number, wanted: readonly string[]): string[][] {
  const chosen = wanted.flatMap(text => text.split(",")).map(text => text.trim()).filter(text => text !== "").map(text => normalNames[text] ?? text);
  const unknown = chosen.find(name => !Object.hasOwn(descriptors, name));
  if (unknown !== undefined) throw new Fault("usage.invalid", `unknown descriptor "${unknown}"`, { hint: `use some of: ${topDescriptors().join(" ")}` });
  const columns = (chosen.length > 0 ? chosen : defaults).map(name => descriptors[name]!);
  const scene = sceneOf(pid);
  return [columns.map(([heading]) => heading), ...scene.processes.map(process => columns.map(([, show]) => show(process, scene)))];
}

const mountProc = "mount -t proc proc /proc && exec \"$@\"";

/** ps(1) of the host, which sees only the container's processes. */
function byPs(pid: number, args: readonly string[]): string[][] {
  const enter = [needProgram("nsenter", "util-linux"), "--target", String(pid), "--pid", "--"];
  const apart = [needProgram("unshare", "util-linux"), "--mount", "--fork", "sh", "-c", mountProc, "sh"];
  const { status, text, complaint } = spawnSync([...enter, ...apart, needProgram("ps", "procps"), ...args], { timeoutMs: 20_000 });
  if (status !== 0) throw new Fault("usage.invalid", `executing ps(1) failed: ${complaint() || "it printed nothing"}`);
  const lines = text().split("\n").filter(line => line !== "");
  const own = new Set(["ps", "sh", "unshare"]);
  const columns = lines[0]?.trim().split(/\s+/).length ?? 1;
  return lines.map(line => cells(line, columns)).filter((row, index) => index === 0 || !own.has(row.at(-1)?.split(" ")[0]?.split("/").at(-1) ?? "") || row[0] === "1");
}

/** The last column takes the rest of the line. */
function cells(line: string, columns: number): string[] {
  const words = line.trim().split(/\s+/);
  return words.length <= columns ? words : [...words.slice(0, columns - 1), words.slice(columns - 1).join(" ")];
}

/** Rows of cells, headings first. @throws Fault "container.wrong-state", "usage.invalid" */
export async function top(host: Host, nameOrId: string, wanted: readonly string[]): Promise<string[][]> {
  const record = get(host, nameOrId);
  const { pid } = record.state;
  if ((record.state.status !== "running" && record.state.status !== "paused") || pid === undefined || hasEnded(host, record)) {
    throw new Fault("container.wrong-state", "top can only be used on running containers", { hint: `start it first with: podman start ${record.name}` });
  }
  const usesPs = wanted.some(word => word.startsWith("-"));
  if (usesPs) return byPs(pid, wanted);
  try {
    return byDescriptors(pid, wanted);
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== "usage.invalid" || !statSync(`/proc/${pid}`, { throwIfNoEntry: false })) throw thrown;
    return byPs(pid, wanted);
  }
}
