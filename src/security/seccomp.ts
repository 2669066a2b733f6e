// The seccomp profile of a container: the distribution's file or ours, made into OCI's linux.seccomp for its capabilities.
// Source: seccomp.json of containers-common (its format), OCI runtime-spec config-linux.md "Seccomp".

import { readFileSync } from "node:fs";
import { Fault, errnoOf } from "../base/fault.ts";

interface Condition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  readonly minKernel?: string;
}

interface Rule {
  readonly names?: readonly string[];
  readonly name?: string;
  readonly action: string;
  readonly args?: readonly unknown[] | null;
  readonly errnoRet?: number;
  readonly errno?: string;
  readonly includes?: Condition;
  readonly excludes?: Condition;
}

interface Profile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly { architecture: string; subArchitectures?: readonly string[] }[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly syscalls?: readonly Rule[] | null;
}

/** OCI's linux.seccomp. */
export interface OciSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls: readonly { names: readonly string[]; action: string; errnoRet?: number; args?: readonly unknown[] }[];
}

const places = ["/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"];
const architectures: Readonly<Record<string, [oci: string, short: string]>> = {
  x64: ["SCMP_ARCH_X86_64", "amd64"],
  arm64: ["SCMP_ARCH_AARCH64", "arm64"],
};
const subArchitectures: Readonly<Record<string, readonly string[]>> = {
  SCMP_ARCH_X86_64: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  SCMP_ARCH_AARCH64: ["SCMP_ARCH_ARM"],
};
const profileBytesMax = 4 * 1024 * 1024;

export interface SeccompChoice {
  /** "unconfined", a path, or undefined for the default. */
  readonly profile?: string;
  readonly capabilities: readonly string[];
}

/** undefined: no filter at all. @throws Fault "usage.invalid" when the named profile cannot be read */
export async function seccompOf(choice: SeccompChoice): Promise<OciSeccomp | undefined> {
  if (choice.profile === "unconfined") return undefined;
  const profile = choice.profile && choice.profile !== "default" ? readProfile(choice.profile) : await defaultProfile();
  return resolveProfile(profile, choice.capabilities);
}

async function defaultProfile(): Promise<Profile> {
  for (const place of places) {
    try {
      return parseProfile(readFileSync(place, "utf8"), place);
    } catch (thrown) {
      if (errnoOf(thrown) !== "ENOENT") throw thrown;
    }
  }
  return (await import("./seccomp-default.ts")).defaultSeccomp() as Profile;
}

function readProfile(path: string): Profile {
  try {
    return parseProfile(readFileSync(path, "utf8"), path);
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const reason = errnoOf(cause) === "ENOENT" ? "no such file or directory" : (cause as Error).message;
    throw new Fault("usage.invalid", `opening seccomp profile failed: open ${path}: ${reason}`, { cause });
  }
}

function parseProfile(text: string, path: string): Profile {
  try {
    if (text.length > profileBytesMax) throw new Error("larger than 4 MiB");
    const profile = JSON.parse(text) as Profile;
    if (typeof profile?.defaultAction !== "string") throw new Error('it has no "defaultAction"');
    return profile;
  } catch (cause) {
    throw new Fault("usage.invalid", `cannot read seccomp profile "${path}": ${(cause as Error).message}`, {
      cause,
      hint: "check it with: jq . FILE",
    });
  }
}

/** Keeps the rules whose conditions hold for these capabilities and this machine. */
export function resolveProfile(profile: Profile, capabilities: readonly string[]): OciSeccomp {
  const [own, short] = architectures[process.arch] ?? ["SCMP_ARCH_NATIVE", process.arch];
  const mapped = profile.archMap?.find(({ architecture }) => architecture === own);
  const listed = mapped ? [own, ...(mapped.subArchitectures ?? [])] : (profile.architectures ?? [own, ...(subArchitectures[own] ?? [])]);
  const holds = ({ caps, arches }: Condition): boolean =>
    (!caps?.length || caps.every(cap => capabilities.includes(cap))) && (!arches?.length || arches.includes(short));
  const shuts = ({ caps, arches }: Condition): boolean =>
    Boolean(caps?.some(cap => capabilities.includes(cap))) || Boolean(arches?.includes(short));
  const rules = (profile.syscalls ?? []).filter(rule => !(rule.excludes && shuts(rule.excludes)) && holds(rule.includes ?? {}));
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: listed,
    ...(profile.flags ? { flags: profile.flags } : {}),
    syscalls: rules.map(ociRule),
  };
}

function ociRule(rule: Rule): OciSeccomp["syscalls"][number] {
  return {
    names: rule.names?.length ? rule.names : [rule.name!],
    action: rule.action,
    ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
    ...(rule.args?.length ? { args: rule.args } : {}),
  };
}
