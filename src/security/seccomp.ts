// The seccomp profile of a container: the distribution's file or ours, made into OCI's linux.seccomp for its capabilities.
// Source: OCI runtime-spec config-linux.md "Seccomp".

import { Fault, errnoOf } from "../base/fault.ts";
import { parseJson } from "../base/shape.ts";
import { AT_FDCWD, closeQuietly, O_CLOEXEC, O_RDONLY, openat2, readAll } from "../kernel/files.ts";
import { keptSeccomp } from "./kept-seccomp.ts";
import { cannotOpenProfile, profileSubject, readSeccompProfile } from "./seccomp-profile.ts";
import type { SeccompArgument, SeccompProfile, SeccompRule } from "./seccomp-profile.ts";

/** OCI's linux.seccomp. */
export interface OciSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: string;
    readonly errnoRet?: number;
    readonly args?: readonly SeccompArgument[];
  }[];
}

const places = ["/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"];
const profileBytesMax = 4 * 1024 * 1024;

/** By process.arch: the runtime's constant, and the name by which profiles ask for it. */
const architectures: Readonly<Record<string, readonly [oci: string, short: string, ...subordinate: string[]]>> = {
  x64: ["SCMP_ARCH_X86_64", "amd64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  arm64: ["SCMP_ARCH_AARCH64", "arm64", "SCMP_ARCH_ARM"],
};

export interface SeccompChoice {
  /** "unconfined", "default" or a path; undefined or "" for the default. */
  readonly profile?: string;
  readonly capabilities: readonly string[];
  /** A directory of ours alone, for what the distribution's profile comes to. */
  readonly keptIn?: string;
}

/** undefined: no filter at all. @throws Fault "usage.invalid" when the named profile cannot be read or is malformed */
export async function seccompOf(choice: SeccompChoice): Promise<OciSeccomp | undefined> {
  if (choice.profile === "unconfined") return undefined;
  const isNamed = choice.profile && choice.profile !== "default";
  const { capabilities } = choice;
  return isNamed ? resolveProfile(readProfileFile(choice.profile), capabilities) : (distributed(choice) ?? resolveProfile(await shippedProfile(), capabilities));
}

function distributed({ capabilities, keptIn }: SeccompChoice): OciSeccomp | undefined {
  for (const place of places) {
    const resolve = (): OciSeccomp | undefined => {
      const profile = findProfileFile(place);
      return profile && resolveProfile(profile, capabilities);
    };
    const found = keptIn === undefined ? resolve() : keptSeccomp(keptIn, place, { capabilities, resolve });
    if (found) return found;
  }
  return undefined;
}

/** The one that we carry. */
export async function shippedProfile(): Promise<SeccompProfile> {
  const { defaultSeccomp } = await import("./seccomp-default.ts");
  return readSeccompProfile(defaultSeccomp(), profileSubject("of our own"));
}

/** @throws Fault "usage.invalid" */
export function readProfileFile(path: string): SeccompProfile {
  const found = findProfileFile(path);
  if (found) return found;
  throw cannotOpenProfile(path, "no such file or directory", undefined);
}

function findProfileFile(path: string): SeccompProfile | undefined {
  const bytes = readBounded(path);
  return bytes && readSeccompProfile(parseJson(bytes, profileSubject(path), profileBytesMax), profileSubject(path));
}

/** Pipes are as welcome as files: a shell's <(…) is one. */
function readBounded(path: string): Uint8Array | undefined {
  let fd: number | undefined;
  try {
    fd = openat2(AT_FDCWD, path, { flags: O_RDONLY | O_CLOEXEC });
    return readAll(fd, profileBytesMax);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return undefined;
    if (cause instanceof Fault && cause.code === "input.too-large") throw cannotOpenProfile(path, "larger than 4 MiB", cause);
    throw cannotOpenProfile(path, errnoOf(cause) === "EISDIR" ? "it is a directory" : (cause as Error).message, cause);
  } finally {
    if (fd !== undefined) closeQuietly(fd);
  }
}

/** Keeps the rules whose conditions hold for these capabilities and this machine; pure. */
export function resolveProfile(profile: SeccompProfile, capabilities: readonly string[], machine: string = process.arch): OciSeccomp {
  const [own, short, ...subordinate] = architectures[machine] ?? ["SCMP_ARCH_NATIVE", machine];
  const mapped = profile.archMap?.find(({ architecture }) => architecture === own);
  const listed = mapped ? [own, ...mapped.subArchitectures] : (profile.architectures ?? [own, ...subordinate]);
  const { defaultErrnoRet, flags, listenerPath, listenerMetadata } = profile;
  return {
    defaultAction: profile.defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    architectures: listed,
    ...(flags ? { flags } : {}),
    ...(listenerPath === undefined ? {} : { listenerPath }),
    ...(listenerMetadata === undefined ? {} : { listenerMetadata }),
    syscalls: profile.syscalls.filter(rule => rule.names.length > 0 && holds(rule, capabilities, short)).map(ociRule),
  };
}

/** Shut out by any capability of its exclusions, let in only by all of its inclusions. */
function holds({ includes, excludes }: SeccompRule, capabilities: readonly string[], machine: string): boolean {
  if (excludes.caps.some(name => capabilities.includes(name)) || excludes.arches.includes(machine)) return false;
  if (includes.arches.length > 0 && !includes.arches.includes(machine)) return false;
  return includes.caps.every(name => capabilities.includes(name));
}

function ociRule({ names, action, errnoRet, args }: SeccompRule): OciSeccomp["syscalls"][number] {
  return { names, action, ...(errnoRet === undefined ? {} : { errnoRet }), ...(args.length > 0 ? { args } : {}) };
}
