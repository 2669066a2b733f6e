// The trust policy: policy.json, and which of its requirements an image must meet.
// Source: containers-policy.json(5). Requirements that cannot be checked are refused, never skipped.

import { readFileSync } from "node:fs";
import { Fault, errnoOf, systemFault } from "../base/fault.ts";
import { findDoubledKey } from "../base/json-keys.ts";
import { limits } from "../base/limits.ts";
import { malformed, parseJson } from "../base/shape.ts";
import type { Subject } from "../base/shape.ts";
import { noPolicy } from "./no-policy.ts";
import { policyScopes, refuseScope } from "./policy-scopes.ts";
import type { PolicySubject } from "./policy-scopes.ts";
import { asPlace, has, invalid, itemsAt, objectAt, onlyKeys } from "./signature/decode.ts";
import type { Place } from "./signature/decode.ts";
import { readRequirement } from "./signature/requirements.ts";
import type { PolicyRequirement } from "./signature/requirements.ts";

export type { PolicySubject } from "./policy-scopes.ts";
export type { PolicyRequirement } from "./signature/requirements.ts";

export interface Policy {
  readonly default: readonly PolicyRequirement[];
  /** By transport name, then by scope. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, readonly PolicyRequirement[]>>;
  /** The file it was read from; undefined where there was none. */
  readonly file: string | undefined;
}

/** Where a policy is looked for when none is named. */
export function policyPlaces(): string[] {
  const home = process.env["HOME"];
  return [...(home ? [`${home}/.config/containers/policy.json`] : []), "/etc/containers/policy.json"];
}

/**
 * The given file, or the user's, or the system's.
 *
 * A machine without any accepts everything unless `needed`: nobody has asked for trust there, every distribution that
 * ships a policy ships this one, and who can remove the system's file can also rewrite it, so refusing would protect
 * nothing. A file that is there but cannot be read or understood always refuses.
 *
 * @throws Fault "config.invalid"
 */
export function readPolicy(given?: string, needed = false): Policy {
  const places = policyPlaces();
  for (const file of given === undefined ? places : [given]) {
    try {
      return parsePolicy(readFileSync(file), file);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (thrown instanceof Fault || errno === undefined) throw thrown;
      if (given === undefined && (errno === "ENOENT" || errno === "ENOTDIR")) continue;
      const reason = errno === "ENOENT" ? "no such file or directory" : (thrown as Error).message;
      throw systemFault(errno, needed ? `open ${file}: ${reason}` : `cannot read policy ${JSON.stringify(file)}: ${reason}`, thrown);
    }
  }
  if (!needed) return noPolicy();
  const looked = places.map(place => JSON.stringify(place)).join(", ");
  throw new Fault("config.invalid", `no policy.json file found at any of the following: ${looked}`, {
    hint: "write a policy.json, or go without any check with --insecure-policy",
  });
}

/** @throws Fault "config.invalid" that names the file, the key and the reason */
export function parsePolicy(bytes: Uint8Array | string, file: string): Policy {
  const about: Subject = { what: `policy ${JSON.stringify(file)}`, code: "config.invalid" };
  const text = typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes);
  const top = asPlace(parseJson(bytes, about, limits.configFileBytesMax), { about, path: "" });
  const doubled = findDoubledKey(text);
  if (doubled !== undefined) throw malformed(about, `the key ${JSON.stringify(doubled)} stands twice in one object`);
  onlyKeys(top, ["default", "transports"]);
  const transports = new Map<string, ReadonlyMap<string, readonly PolicyRequirement[]>>();
  if (has(top, "transports")) {
    const place = objectAt(top, "transports");
    for (const name of Object.keys(place.fields)) transports.set(name, readScopes(name, objectAt(place, name)));
  }
  return { default: readRequirements(top, "default"), transports, file };
}

function readScopes(transport: string, place: Place): ReadonlyMap<string, readonly PolicyRequirement[]> {
  const scopes = new Map<string, readonly PolicyRequirement[]>();
  for (const scope of Object.keys(place.fields)) {
    const reason = scope === "" ? undefined : refuseScope(transport, scope);
    if (reason !== undefined) throw invalid(place, reason, scope);
    scopes.set(scope, readRequirements(place, scope));
  }
  return scopes;
}

function readRequirements(place: Place, key: string): readonly PolicyRequirement[] {
  const items = itemsAt(place, key);
  if (items.length === 0) throw invalid(place, "list of verification policy requirements must not be empty", key);
  return items.map(readRequirement);
}

export function rejected(policy: Policy, reason: string): Fault {
  return new Fault("policy.rejected", `Source image rejected: ${reason}`, {
    hint: `see ${policy.file ?? "policy.json"}, or give another policy`,
  });
}

/**
 * Refuses what needs no look at the image; gives the requirements that do.
 *
 * @throws Fault "policy.rejected"
 */
export function enforcePolicy(policy: Policy, image: PolicySubject): readonly PolicyRequirement[] {
  const left: PolicyRequirement[] = [];
  const { name, scopes } = policyScopes(image);
  for (const requirement of requirementsFor(policy, image.transport, scopes)) {
    if (requirement.type === "insecureAcceptAnything") continue;
    if (requirement.type === "reject") throw rejected(policy, `Running image ${name} is rejected by policy.`);
    if (requirement.type === "signedBaseLayer") throw rejected(policy, `requirement "signedBaseLayer" of ${name} cannot be checked`);
    left.push(requirement);
  }
  return left;
}

function requirementsFor({ transports, default: fallback }: Policy, transport: string, names: readonly string[]): readonly PolicyRequirement[] {
  const scopes = transports.get(transport);
  const scope = scopes && [...names, ""].find(one => scopes.has(one));
  return scope === undefined ? fallback : scopes!.get(scope)!;
}
