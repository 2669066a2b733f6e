// --security-opt, --device, --ulimit, --sysctl, --secret, --restart, --log-opt as written.
// Source: podman-run(1).

import type { DeviceSpec, RestartPolicy, SecretUse, SecuritySpec, Ulimit } from "../../../base/container-spec.ts";
import { checkModuleName } from "../../../security/udica/words.ts";
import { readCsv } from "../../../cli/flag.ts";
import { cut, refuse } from "./refuse.ts";

type Reader = (security: SecuritySpec, value: string, option: string) => void;

const readers: Readonly<Record<string, Reader>> = {
  apparmor: (security, value) => void (security.apparmor = value),
  seccomp: (security, value) => void (security.seccomp = value),
  label: (security, value) => {
    if (value.startsWith("learn:")) security.learn = { name: checkModuleName(value.slice("learn:".length)), directory: process.cwd() };
    else (security.labels ??= []).push(value);
  },
  mask: (security, value) => void (security.mask ??= []).push(...value.split(":")),
  unmask: (security, value) => {
    const paths = value === "ALL" ? [value] : value.split(/[:,]/);
    (security.unmask ??= []).push(...paths);
  },
  "proc-opts": (security, value) => void (security.procOptions = value.split(",")),
  systempaths: (security, value) => {
    if (value !== "unconfined") throw refuse(`invalid systempaths option ${JSON.stringify(value)}, only \`unconfined\` is supported`);
    (security.unmask ??= []).push("ALL");
  },
  "no-new-privileges": (security, value, option) => {
    if (value !== "true" && value !== "false") throw refuse(`invalid --security-opt 2: ${JSON.stringify(option)}`);
    security.noNewPrivileges = value === "true";
  },
};

export function readSecurityOption(security: SecuritySpec, option: string): void {
  if (option === "no-new-privileges") {
    security.noNewPrivileges = true;
    return;
  }
  const separator = /[=:]/.exec(option)?.[0];
  if (separator === undefined) throw refuse(`invalid --security-opt 1: ${JSON.stringify(option)}`);
  const [name, value] = cut(option, separator);
  const read = readers[name];
  if (!read) throw refuse(`invalid --security-opt 2: ${JSON.stringify(option)}`);
  read(security, value!, option);
}

/** HOST[:CONTAINER][:ACCESS] */
export function readDevice(written: string): DeviceSpec {
  const [source = "", second, third, ...rest] = written.split(":");
  const isAccess = (text: string | undefined): boolean => text !== undefined && text !== "" && /^[rwm]+$/.test(text);
  if (source === "" || rest.length > 0) throw refuse(`invalid device specification: ${written}`);
  if (third === undefined && isAccess(second)) return { source, target: source, access: second! };
  if (second !== undefined && !second.startsWith("/")) throw refuse(`invalid device mode: ${second}`);
  if (third !== undefined && !isAccess(third)) throw refuse(`invalid device mode: ${third}`);
  return { source, target: second ?? source, access: third ?? "rwm" };
}

/** VENDOR/CLASS=NAME, as the Container Device Interface calls a device. */
export const isCdiName = (written: string): boolean => /^[A-Za-z][\w.-]*\/[A-Za-z][\w-]*=[A-Za-z0-9][\w.:-]*$/.test(written);

export function readGpu(written: string): string {
  const name = `nvidia.com/gpu=${written}`;
  if (isCdiName(name)) return name;
  throw refuse(`invalid GPU: ${JSON.stringify(written)}`, "write --gpus all, or the number of one");
}

const ruleNumber = (text: string): void => {
  if (!/^(\*|\d+)$/.test(text)) throw refuse(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
};

/** "TYPE MAJOR:MINOR ACCESS"; "a 7 rmw" stands for every device whatever its numbers. Answered in full form. */
export function checkDeviceRule(written: string): string {
  const [type, numbers, access, ...rest] = written.trim().split(/\s+/);
  if (!type || !numbers || !access || rest.length > 0) {
    throw refuse(`invalid device cgroup rule requires type, major:Minor, and access rules: ${JSON.stringify(written)}`, 'write it as "c 42:* rwm"');
  }
  if (!/^[abc]$/.test(type)) throw refuse(`invalid device type in device-access-add: ${type}`);
  const [major = "", minor] = numbers.split(":");
  ruleNumber(major);
  ruleNumber(minor ?? "*");
  const wrong = /[^rwm]/.exec(access)?.[0];
  if (wrong) throw refuse(`invalid device access in device-access-add: ${wrong}`);
  return `${type} ${major}:${minor ?? "*"} ${access}`;
}

const ulimitNames = new Set([
  "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
]);

/** NAME=SOFT[:HARD], or "host". */
export function readUlimit(written: string): Ulimit {
  if (written === "host") return { name: "host", soft: 0, hard: 0 };
  const fail = (why: string): Error =>
    refuse(`ulimit option ${JSON.stringify(written)} requires name=SOFT:HARD, failed to be parsed: ${why}`);
  const [name, value] = cut(written);
  if (value === undefined) throw fail(`invalid ulimit argument: ${written}`);
  const key = name.toLowerCase().replace(/^rlimit_/, "");
  if (!ulimitNames.has(key)) throw fail(`invalid ulimit type: ${name}`);
  const [soft, hard, ...rest] = value.split(":").map((text) => (/^(-1|\d+)$/.test(text) ? Number(text) : text === "unlimited" ? -1 : NaN));
  if (rest.length > 0 || Number.isNaN(soft) || (hard !== undefined && Number.isNaN(hard))) throw fail(`invalid ulimit value: ${value}`);
  const top = hard ?? soft!;
  if (top !== -1 && (soft === -1 || soft! > top)) throw fail(`ulimit soft limit must be less than or equal to hard limit: soft: ${soft}${soft === -1 ? " (unlimited)" : ""}, hard: ${top}`);
  return { name: key, soft: soft!, hard: top };
}

export function readSysctl(lines: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of lines) {
    const [name, value] = cut(line);
    if (value === undefined) throw refuse(`invalid sysctl value ${JSON.stringify(line)}`);
    found[name] = value;
  }
  return found;
}

export function readRestart(written: string): RestartPolicy {
  const [policy, retries] = cut(written, ":");
  if (policy === "never" || policy === "no" || policy === "") return { policy: "no" };
  if (policy !== "always" && policy !== "on-failure" && policy !== "unless-stopped") {
    throw refuse(`invalid restart policy ${JSON.stringify(written)}`, "use no, on-failure[:TRIES], always or unless-stopped");
  }
  if (retries === undefined) return { policy };
  if (policy !== "on-failure") throw refuse("restart policy retries can only be specified with on-failure restart policy");
  if (!/^\d+$/.test(retries)) throw refuse(`parsing restart policy retry count: strconv.Atoi: parsing ${JSON.stringify(retries)}: invalid syntax`);
  return { policy, retries: Number(retries) };
}

/** --secret SOURCE[,type=…][,target=…][,uid=…][,gid=…][,mode=…]. */
export function readSecret(written: string): SecretUse {
  const found: { -readonly [K in keyof SecretUse]?: SecretUse[K] } = { type: "mount" };
  for (const [index, word] of readCsv(written).entries()) {
    const [name, value] = cut(word);
    if (value === undefined) {
      if (index > 0) throw refuse(`option ${word} must be in form option=value: parsing secret`);
      found.source = word;
    } else setSecretOption(found, name, value);
  }
  if (!found.source) throw refuse(`no source found ${written}: parsing secret`);
  if (found.type === "env" && (found.uid !== undefined || found.gid !== undefined || found.mode !== undefined)) {
    throw refuse("UID, GID, Mode options cannot be set with secret type env: parsing secret");
  }
  return found as SecretUse;
}

function setSecretOption(found: { -readonly [K in keyof SecretUse]?: SecretUse[K] }, name: string, value: string): void {
  const number = (label: string, base: number): number => {
    const read = parseInt(value, base);
    if (!/^[0-7]+$|^\d+$/.test(value) || Number.isNaN(read)) throw refuse(`${label} ${value} invalid: parsing secret`);
    return read;
  };
  if (name === "source") found.source = value;
  else if (name === "target") found.target = value;
  else if (name === "uid") found.uid = number("UID", 10);
  else if (name === "gid") found.gid = number("GID", 10);
  else if (name === "mode") found.mode = number("mode", 8);
  else if (name === "type" && (value === "mount" || value === "env")) found.type = value;
  else if (name === "type") throw refuse(`type ${value} is invalid: parsing secret`);
  else throw refuse(`option ${name}=${value} invalid: parsing secret`);
}
