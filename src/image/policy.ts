// The trust policy: policy.json, and whether it lets an image in.
// Source: containers-policy.json(5). Signature requirements are refused until signatures can be checked, never skipped.

import { readFileSync } from "node:fs";
import { Fault, errnoOf, systemFault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { asRecord, findRecord, malformed, needText, parseJson } from "../base/shape.ts";
import type { Subject } from "../base/shape.ts";
import { referenceText, repositoryOf } from "./reference.ts";
import type { Reference } from "./reference.ts";

export interface PolicyRequirement {
  readonly type: string;
}

export interface Policy {
  readonly default: readonly PolicyRequirement[];
  /** By transport name, then by scope. */
  readonly transports: Readonly<Record<string, Readonly<Record<string, readonly PolicyRequirement[]>>>>;
  /** The file it was read from; undefined where there was none. */
  readonly file: string | undefined;
}

const subject = (file: string): Subject => ({ what: `policy ${JSON.stringify(file)}`, code: "config.invalid" });

/** The given file, or the user's, or the system's; a machine without any accepts everything. @throws Fault "config.invalid" */
export function readPolicy(given?: string): Policy {
  const home = process.env["HOME"];
  const places = [...(home ? [`${home}/.config/containers/policy.json`] : []), "/etc/containers/policy.json"];
  for (const file of given === undefined ? places : [given]) {
    try {
      return parsePolicy(readFileSync(file), file);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (thrown instanceof Fault || errno === undefined) throw thrown;
      if (given === undefined && (errno === "ENOENT" || errno === "ENOTDIR")) continue;
      throw systemFault(errno, `cannot read policy ${JSON.stringify(file)}: ${(thrown as Error).message}`, thrown);
    }
  }
  return { default: [{ type: "insecureAcceptAnything" }], transports: {}, file: undefined };
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
  return value.map(entry => ({ type: needText(asRecord(entry, about, "a requirement"), "type", about) }));
}

/** What is to be let in: the transport's name in policy.json, and the name or path inside it. */
export interface PolicySubject {
  readonly transport: string;
  readonly reference?: Reference;
  readonly path?: string;
}

/** @throws Fault "policy.rejected" */
export function enforcePolicy(policy: Policy, image: PolicySubject): void {
  const name = `${image.transport}:${image.reference ? `//${referenceText(image.reference)}` : (image.path ?? "")}`;
  for (const { type } of requirementsFor(policy, image)) {
    if (type === "insecureAcceptAnything") continue;
    if (type === "reject") {
      throw new Fault("policy.rejected", `Source image rejected: Running image ${name} is rejected by policy.`, {
        hint: `see ${policy.file ?? "policy.json"}, or give another with --signature-policy`,
      });
    }
    throw new Fault("policy.rejected", `Source image rejected: ${name} needs requirement "${type}", which cannot be checked yet`, {
      hint: `see ${policy.file ?? "policy.json"}, or give another with --signature-policy`,
    });
  }
}

function requirementsFor(policy: Policy, image: PolicySubject): readonly PolicyRequirement[] {
  const scopes = policy.transports[image.transport];
  if (!scopes) return policy.default;
  const names = image.reference ? registryScopes(image.reference) : pathScopes(image.path ?? "");
  const scope = [...names, ""].find(one => Object.hasOwn(scopes, one));
  return scope === undefined ? policy.default : scopes[scope]!;
}

/** The whole reference, the repository, its parents, the host, then "*." of the host's parents. */
function registryScopes(reference: Reference): string[] {
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
