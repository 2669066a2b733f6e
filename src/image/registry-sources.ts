// BUILD_REGISTRY_SOURCES: which registries a build on OpenShift may use, as its controller says in the environment.
// Source: buildah's own handling of openshift/api config/v1 RegistrySources.

import { Fault } from "../base/fault.ts";
import type { Reference } from "./reference.ts";
import type { ImageSystem } from "./system.ts";

const bytesMax = 1_000_000;

interface Sources {
  readonly insecureRegistries?: readonly string[];
  readonly blockedRegistries?: readonly string[];
  readonly allowedRegistries?: readonly string[];
}

function read(text: string): Sources {
  let value: unknown;
  try {
    if (text.length <= bytesMax) value = JSON.parse(text);
  } catch {
    // Refused below, as what is no object is.
  }
  const lists = typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined;
  const isList = (list: unknown): boolean => list === undefined || list === null || (Array.isArray(list) && list.every(one => typeof one === "string"));
  if (lists && ["insecureRegistries", "blockedRegistries", "allowedRegistries"].every(key => isList(lists[key]))) return lists as Sources;
  throw new Fault("config.invalid", `parsing $BUILD_REGISTRY_SOURCES (${JSON.stringify(text.slice(0, 200))}) as JSON: it is no object of lists of registries`);
}

/** How the registry is to be reached, where it may be. @param what stands before the registry's name in a refusal. @throws Fault "policy.rejected" */
export function allowedSystem(system: ImageSystem, { domain }: Reference, what: string): ImageSystem {
  const text = process.env["BUILD_REGISTRY_SOURCES"];
  if (!text) return system;
  const { blockedRegistries, allowedRegistries, insecureRegistries } = read(text);
  const denied = (why: string): Fault => new Fault("policy.rejected", `${what} ${JSON.stringify(domain)} denied by policy: ${why}`, { hint: "BUILD_REGISTRY_SOURCES in the environment says so" });
  if (blockedRegistries?.includes(domain)) throw denied("it is in the blocked registries list");
  if (allowedRegistries?.length && !allowedRegistries.includes(domain)) throw denied("not in allowed registries list");
  return insecureRegistries?.includes(domain) && system.tlsVerify === undefined ? { ...system, tlsVerify: false } : system;
}
