// The trust policy as a person sees and changes it: who is trusted for what, scope by scope.
// Source: podman-image-trust(1).

import { lstatSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Fault, errnoOf } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { log } from "../base/log.ts";
import { asRecord, isRecord, parseJson } from "../base/shape.ts";
import type { Fields, Subject } from "../base/shape.ts";
import { policyPlaces } from "./policy.ts";
import { ownersOfKeys } from "./signature/gpg.ts";
import { readSignaturePlaces, registriesDirectory } from "./signature/registries-d.ts";
import type { SignaturePlaces } from "./signature/registries-d.ts";
import { fileFault } from "./tree.ts";

export const trustTypes = ["accept", "insecureAcceptAnything", "reject", "signedBy", "sigstoreSigned"];

/** One requirement of one scope. */
export interface TrustRow {
  readonly transport: string;
  readonly name: string;
  readonly repoName: string;
  readonly type: string;
  /** Owners of the keys, or "N/A" where they are no GPG keys. */
  readonly keyOwners: string;
  readonly signatureStore: string;
}

/** The user's file where there is one, else the machine's. */
export function policyPath(given?: string): string {
  if (given) return given;
  const [own, system] = policyPlaces().length === 2 ? policyPlaces() : [undefined, policyPlaces()[0]];
  return own !== undefined && lstatSync(own, { throwIfNoEntry: false }) ? own : system!;
}

const subjectOf = (file: string): Subject => ({ what: `trust policies from ${file}`, code: "config.invalid" });

/** @throws Fault worded `open FILE: …` */
export function readPolicyText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    throw fileFault(`open ${file}`, thrown);
  }
}

export function trustRows(file: string, registriesDir?: string): TrustRow[] {
  const about = subjectOf(file);
  const fields = asRecord(parseJson(readPolicyText(file), about, limits.configFileBytesMax), about);
  const places = readSignaturePlaces(registriesDirectory(registriesDir));
  const rows = rowsOf(fields["default"], { transport: "all", name: "* (default)", repoName: "default" }, { places, scope: "" });
  const transports = isRecord(fields["transports"]) ? fields["transports"] : {};
  for (const transport of Object.keys(transports).sort()) {
    const scopes = asRecord(transports[transport], about, JSON.stringify(transport));
    for (const scope of Object.keys(scopes).sort()) {
      const shown = transport === "docker" ? "repository" : transport;
      rows.push(...rowsOf(scopes[scope], { transport: shown, name: scope, repoName: scope }, { places, scope }));
    }
  }
  return rows;
}

interface Within {
  readonly places: SignaturePlaces;
  readonly scope: string;
}

const shownTypes: Readonly<Record<string, string>> = {
  insecureAcceptAnything: "accept", signedBy: "signed", sigstoreSigned: "sigstoreSigned", reject: "reject",
};

function rowsOf(requirements: unknown, names: Pick<TrustRow, "transport" | "name" | "repoName">, { places, scope }: Within): TrustRow[] {
  if (!Array.isArray(requirements)) return [];
  return requirements.filter(isRecord).map(requirement => {
    const type = String(requirement["type"]);
    if (!Object.hasOwn(shownTypes, type)) log.warn(`Invalid trust type ${type}`);
    return { ...names, type: shownTypes[type] ?? "", keyOwners: keyOwners(type, requirement), signatureStore: storeOf(places, scope) };
  });
}

/** The nearest namespace in registries.d, looked for by whole parts. */
function storeOf({ docker, fallback }: SignaturePlaces, scope: string): string {
  for (let name = scope; name !== ""; name = name.slice(0, Math.max(name.lastIndexOf("/"), 0))) {
    const place = docker.get(name);
    if (place) return place.lookaside ?? "";
  }
  return fallback?.lookaside ?? "";
}

function keyOwners(type: string, requirement: Fields): string {
  if (type === "sigstoreSigned") return "N/A";
  if (type !== "signedBy") return "";
  const { keyPath, keyPaths, keyData } = requirement;
  const files = [keyPath, ...(Array.isArray(keyPaths) ? keyPaths : [])].filter((one): one is string => typeof one === "string" && one !== "");
  const keys = [
    ...files.map(file => () => readFileSync(file)),
    ...(typeof keyData === "string" ? [() => Buffer.from(keyData, "base64")] : []),
  ];
  return keys.flatMap(ownersOf).join(", ");
}

function ownersOf(read: () => Uint8Array): string[] {
  try {
    return ownersOfKeys(read());
  } catch (thrown) {
    log.error(`Getting key identity: ${(thrown as Error).message}`);
    return [];
  }
}

export interface TrustChange {
  /** "default", or a scope of docker. */
  readonly scope: string;
  readonly type: string;
  readonly keyFiles: readonly string[];
}

/** Everything else in the file stays as it is. @throws Fault "usage.invalid", "config.invalid" */
export function setTrust(file: string, change: TrustChange): void {
  const requirements = requirementsOf(change);
  const policy: Record<string, unknown> = { ...readExisting(file) };
  if (change.scope === "default") policy["default"] = requirements;
  else {
    if (policy["default"] === undefined) throw new Fault("config.invalid", "default trust policy must be set", { hint: "set it with: podman image trust set --type TYPE default" });
    policy["transports"] = withScope(policy["transports"], change.scope, requirements);
  }
  const { default: fallback, ...rest } = policy;
  replaceFile(file, `${JSON.stringify({ default: fallback, ...rest }, undefined, 4)}`);
}

function requirementsOf({ type, keyFiles }: TrustChange): object[] {
  if (type === "accept" || type === "insecureAcceptAnything" || type === "reject") {
    if (keyFiles.length > 0) throw new Fault("usage.invalid", `${keyFiles.length} public keys unexpectedly provided for trust type ${type}`);
    return [{ type: type === "reject" ? "reject" : "insecureAcceptAnything" }];
  }
  if (keyFiles.length === 0) throw new Fault("usage.invalid", `at least one public key must be defined for type '${type}'`);
  // Relative to wherever a later command runs, a path would lead elsewhere.
  return keyFiles.map(file => ({ type, ...(type === "signedBy" ? { keyType: "GPGKeys" } : {}), keyPath: resolve(file) }));
}

function withScope(transports: unknown, scope: string, requirements: readonly object[]): Record<string, unknown> {
  const all: Record<string, unknown> = isRecord(transports) ? { ...transports } : {};
  const holder = Object.keys(all).find(name => isRecord(all[name]) && Object.hasOwn(all[name], scope)) ?? "docker";
  const scopes = { ...(isRecord(all[holder]) ? all[holder] : {}), [scope]: requirements };
  all[holder] = Object.fromEntries(Object.entries(scopes).sort(byKey));
  return Object.fromEntries(Object.entries(all).sort(byKey));
}

const byKey = ([one]: [string, unknown], [two]: [string, unknown]): number => (one < two ? -1 : 1);

function readExisting(file: string): Fields {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return {};
    throw fileFault(`cannot read ${JSON.stringify(file)}`, thrown);
  }
  try {
    return asRecord(parseJson(text, subjectOf(file), limits.configFileBytesMax), subjectOf(file));
  } catch (cause) {
    throw new Fault("config.invalid", "could not read trust policies", { cause, hint: `repair or remove ${file}` });
  }
}

/** Whole or not at all: half a policy would refuse every image. A link stays one. */
function replaceFile(file: string, text: string): void {
  try {
    const target = lstatSync(file, { throwIfNoEntry: false }) ? realpathSync(file) : file;
    mkdirSync(dirname(target), { recursive: true });
    const fresh = `${target}.${process.pid}.new`;
    writeFileSync(fresh, text, { mode: 0o644, flag: "wx" });
    renameSync(fresh, target);
  } catch (thrown) {
    throw fileFault(`cannot write ${JSON.stringify(file)}`, thrown);
  }
}
