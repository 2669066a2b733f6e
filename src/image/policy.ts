// The trust policy: policy.json, and whether it lets an image in.
// Source: containers-policy.json(5). Requirements that cannot be checked are refused, never skipped.

import { readFileSync } from "node:fs";
import { Fault, errnoOf, systemFault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { asRecord, findRecord, malformed, needText, parseJson } from "../base/shape.ts";
import type { Fields, Subject } from "../base/shape.ts";
import { referenceText, repositoryOf } from "./reference.ts";
import type { Reference } from "./reference.ts";

export interface PolicyRequirement {
  readonly type: string;
  /** Its other fields, as they were written. */
  readonly fields: Fields;
}

export interface Policy {
  readonly default: readonly PolicyRequirement[];
  /** By transport name, then by scope. */
  readonly transports: Readonly<Record<string, Readonly<Record<string, readonly PolicyRequirement[]>>>>;
  /** The file it was read from; undefined where there was none. */
  readonly file: string | undefined;
}

const subject = (file: string): Subject => ({ what: `policy ${JSON.stringify(file)}`, code: "config.invalid" });

const acceptAnything: Policy = {
  default: [{ type: "insecureAcceptAnything", fields: {} }],
  transports: {},
  file: undefined,
};

/** Of --insecure-policy, and of reading without running. */
export const noPolicy = (): Policy => acceptAnything;

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
  const home = process.env["HOME"];
  const places = [...(home ? [`${home}/.config/containers/policy.json`] : []), "/etc/containers/policy.json"];
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
  if (!needed) return acceptAnything;
  const looked = places.map(place => JSON.stringify(place)).join(", ");
  throw new Fault("config.invalid", `no policy.json file found at any of the following: ${looked}`, {
    hint: "write a policy.json, or go without any check with --insecure-policy",
  });
}

export function parsePolicy(bytes: Uint8Array | string, file: string): Policy {
  const about = subject(file);
  const fields = asRecord(parseJson(bytes, about, limits.configFileBytesMax), about);
  for (const name of Object.keys(fields)) {
    if (name !== "default" && name !== "transports") throw malformed(about, `unknown key ${JSON.stringify(name)}`);
  }
  const transports: Record<string, Record<string, readonly PolicyRequirement[]>> = {};
  for (const [transport, scopes] of Object.entries(findRecord(fields, "transports", about) ?? {})) {
    const entries = Object.entries(asRecord(scopes, about, `"transports.${transport}"`));
    transports[transport] = Object.fromEntries(entries.map(([scope, list]) => [scope, requirements(list, about, scope)]));
  }
  return { default: requirements(fields["default"], about, "default"), transports, file };
}

function requirements(value: unknown, about: Subject, name: string): readonly PolicyRequirement[] {
  if (!Array.isArray(value) || value.length === 0) throw malformed(about, `${JSON.stringify(name)} is not a list of requirements`);
  return value.map(entry => {
    const fields = asRecord(entry, about, "a requirement");
    return { type: needText(fields, "type", about), fields };
  });
}

/** What is to be let in: the transport's name in policy.json, and the name or path inside it. */
export interface PolicySubject {
  readonly transport: string;
  readonly reference?: Reference;
  readonly path?: string;
}

const subjectName = (image: PolicySubject): string =>
  `${image.transport}:${image.reference ? `//${referenceText(image.reference)}` : (image.path ?? "")}`;

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
  const name = subjectName(image);
  const left: PolicyRequirement[] = [];
  for (const requirement of requirementsFor(policy, image)) {
    if (requirement.type === "insecureAcceptAnything") continue;
    if (requirement.type === "reject") throw rejected(policy, `Running image ${name} is rejected by policy.`);
    if (requirement.type !== "signedBy") {
      throw rejected(policy, `${name} needs requirement "${requirement.type}", which cannot be checked yet`);
    }
    left.push(requirement);
  }
  return left;
}

function requirementsFor(policy: Policy, image: PolicySubject): readonly PolicyRequirement[] {
  const scopes = policy.transports[image.transport];
  if (!scopes) return policy.default;
  const names = image.reference ? registryScopes(image.reference) : pathScopes(image.path ?? "");
  const scope = [...names, ""].find(one => Object.hasOwn(scopes, one));
  return scope === undefined ? policy.default : scopes[scope]!;
}

/** The whole reference, the repository, its parents, the host, then "*." of the host's parents. */
export function registryScopes(reference: Reference): string[] {
  const scopes = [referenceText(reference)];
  for (let name = repositoryOf(reference); name !== ""; name = name.slice(0, Math.max(name.lastIndexOf("/"), 0))) {
    scopes.push(name);
  }
  const labels = reference.domain.replace(/:[0-9]+$/, "").split(".");
  for (let i = 1; i < labels.length; i++) scopes.push(`*.${labels.slice(i).join(".")}`);
  return scopes;
}

function pathScopes(path: string): string[] {
  const scopes = [path];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) scopes.push(path.slice(0, at));
  return scopes;
}
