// SELinux labels of a container's process and files; none at all on kernels without SELinux.
// Source: selinux(8), podman-run(1) "--security-opt label=", lxc_contexts of the loaded policy.

import { existsSync, readFileSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { policyName } from "./selinux/host-labels.ts";

export interface Labels {
  readonly process: string;
  readonly mount: string;
}

/** Whether the running kernel has SELinux and a policy is loaded. */
export function isSelinuxEnabled(): boolean {
  return existsSync("/sys/fs/selinux/enforce");
}

export function isSelinuxEnforcing(): boolean {
  try {
    return readFileSync("/sys/fs/selinux/enforce", "utf8").trim() === "1";
  } catch {
    return false;
  }
}

/** Both "" where labels are off. */
export const noLabels: Labels = { process: "", mount: "" };

/** user:role:type:level, the level with its categories. */
export interface Context {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  readonly level: string;
}

export function parseContext(text: string): Context {
  const [user, role, type, ...level] = text.split(":");
  if (!user || !role || !type) throw new Fault("usage.invalid", `cannot read the SELinux label ${JSON.stringify(text.slice(0, 200))}: it is not USER:ROLE:TYPE[:LEVEL]`);
  return { user, role, type, level: level.join(":") };
}

export const contextText = ({ user, role, type, level }: Context): string => [user, role, type, ...(level === "" ? [] : [level])].join(":");

export interface PolicyContexts {
  readonly process: string;
  readonly file: string;
}

/** What the policy gives containers and their files; undefined where it says nothing of containers. */
export function policyContexts(etc = "/etc/selinux"): PolicyContexts | undefined {
  let text: string;
  try {
    text = readFileSync(`${etc}/${policyName()}/contexts/lxc_contexts`, "utf8");
  } catch {
    return undefined;
  }
  const value = (name: string): string | undefined => new RegExp(`^\\s*${name}\\s*=\\s*"?([^"#\\s]+)"?`, "m").exec(text)?.[1];
  const [processLabel, file] = [value("process"), value("file")];
  return processLabel && file ? { process: processLabel, file } : undefined;
}

const categories = 1024;
const triesMax = 100_000;

/** "s0:c3,c9" with two categories that no other has; the highest pair is kept for files of unconfined containers. */
export function freeLevel(isTaken: (level: string) => boolean, random: () => number = Math.random): string {
  for (let tries = 0; tries < triesMax; tries++) {
    const [one, two] = [Math.floor(random() * categories), Math.floor(random() * categories)];
    if (one === two) continue;
    const level = `s0:c${Math.min(one, two)},c${Math.max(one, two)}`;
    if (level !== sharedLevel && !isTaken(level)) return level;
  }
  throw new Fault("system.failed", "cannot find two SELinux categories that no container has", { hint: "remove containers that are no longer needed" });
}

const sharedLevel = "s0:c1022,c1023";

export interface LabelWishes {
  /** Of label=…, in order. */
  readonly options: readonly string[];
  readonly contexts: PolicyContexts;
  /** Whether a live container has this level. */
  readonly isTaken: (level: string) => boolean;
}

/** @throws Fault "usage.invalid" for an unknown option */
export function labelsOf({ options, contexts, isTaken }: LabelWishes): Labels {
  let own = { ...parseContext(contexts.process), level: "" };
  let files = { ...parseContext(contexts.file), level: "" };
  for (const option of options) {
    if (option === "disable") return { process: "", mount: contextText({ ...files, level: sharedLevel }) };
    if (option === "nested") continue;
    const [name, value] = readOption(option);
    if (name === "filetype") files = { ...files, type: value };
    else own = { ...own, [name]: value };
    if (name === "level" || name === "user") files = { ...files, [name]: value };
  }
  const level = own.level || freeLevel(isTaken);
  return { process: contextText({ ...own, level }), mount: contextText({ ...files, level: files.level || level }) };
}

const parts = ["user", "role", "type", "level", "filetype"] as const;

function readOption(option: string): [name: (typeof parts)[number], value: string] {
  const at = option.indexOf(":");
  const name = parts.find(part => part === option.slice(0, at));
  const value = option.slice(at + 1);
  if (at < 0 || name === undefined || !/^[A-Za-z0-9_.,:-]{1,255}$/.test(value)) {
    throw new Fault("usage.invalid", `invalid label option ${JSON.stringify(option.slice(0, 200))}, valid options 'disable' or 'user, role, level, type, filetype' followed by ':' and a value`);
  }
  return [name, value];
}

/** label= options by which another container's labels are had. */
export function optionsLike(label: string): string[] {
  if (label === "") return ["disable"];
  const { user, role, type, level } = parseContext(label);
  return [`user:${user}`, `role:${role}`, `type:${type}`, ...(level === "" ? [] : [`level:${level}`])];
}

/** The same files for all containers: without categories. */
export const sharedLabel = (label: string): string => contextText({ ...parseContext(label), level: "s0" });

/** Where our own process has a range of levels, its lowest: what a monitor must run at for containers to write to its pipes. */
export function lowestOwnContext(): string | undefined {
  try {
    const own = parseContext(readFileSync("/proc/thread-self/attr/current", "utf8").replace(/\0$/, "").trim());
    const low = own.level.split("-")[0]!;
    return low === own.level ? undefined : contextText({ ...own, level: low });
  } catch {
    return undefined;
  }
}
