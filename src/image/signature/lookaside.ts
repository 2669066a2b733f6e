// Where simple signatures of registry images lie: registries.d names a directory or web server by namespace.
// Source: containers-registries.d(5); containers' signature access protocols.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { algorithmOf, hexOf } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault, errnoOf } from "../../base/fault.ts";
import { asRecord, findRecord, findText } from "../../base/shape.ts";
import type { Fields, Subject } from "../../base/shape.ts";
import { parseYaml } from "../../base/yaml.ts";
import { registryScopes } from "../policy.ts";
import type { Reference } from "../reference.ts";
import { fileFault } from "../tree.ts";

const signatureBytesMax = 4 * 1024 * 1024;
const signaturesMax = 100;

/** In order; the first that has one counts. @throws Fault "config.invalid" */
export async function readLookaside(reference: Reference, digest: Digest, registriesDir?: string): Promise<Uint8Array[]> {
  const base = addressFor(reference, { registriesDir, isWrite: false });
  const found: Uint8Array[] = [];
  for (let number = 1; number <= signaturesMax; number++) {
    const bytes = await readOne(`${base}/${placeOf(reference, digest)}/signature-${number}`);
    if (bytes === undefined) return found;
    found.push(bytes);
  }
  throw new Fault("input.too-large", `cannot read signatures of "${digest}": more than ${signaturesMax}`);
}

const placeOf = ({ path }: Reference, digest: Digest): string => `${path}@${algorithmOf(digest)}=${hexOf(digest)}`;

async function readOne(address: string): Promise<Uint8Array | undefined> {
  if (!address.startsWith("file:")) return (await import("../../registry/lookaside.ts")).fetchBeside(address, signatureBytesMax);
  try {
    return readFileSync(fileURLToPath(address));
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ENOTDIR") return undefined;
    throw fileFault(`cannot read signature ${JSON.stringify(address)}`, thrown);
  }
}

export interface LookasideWrite {
  readonly signatures: readonly Uint8Array[];
  readonly registriesDir: string | undefined;
}

/** Adds those that are not there yet. @throws Fault "usage.unsupported" where the place is a web server */
export function writeLookaside(reference: Reference, digest: Digest, { signatures, registriesDir }: LookasideWrite): void {
  const base = addressFor(reference, { registriesDir, isWrite: true });
  if (!base.startsWith("file:")) {
    throw new Fault("usage.unsupported", `cannot write signatures to ${JSON.stringify(base)}: only directories can be written`, {
      hint: "name one with lookaside-staging: file:///PATH in registries.d",
    });
  }
  const directory = fileURLToPath(`${base}/${placeOf(reference, digest)}`);
  try {
    mkdirSync(directory, { recursive: true });
    for (const signature of signatures) addOne(directory, signature);
  } catch (thrown) {
    throw fileFault(`cannot write signatures to ${JSON.stringify(directory)}`, thrown);
  }
}

function addOne(directory: string, signature: Uint8Array): void {
  for (let number = 1; number <= signaturesMax; number++) {
    const file = join(directory, `signature-${number}`);
    if (!existsSync(file)) return writeFileSync(file, signature);
    if (readFileSync(file).equals(signature)) return;
  }
  throw new Fault("input.too-large", `cannot write to ${JSON.stringify(directory)}: it holds ${signaturesMax} signatures`);
}

interface Wish {
  readonly registriesDir: string | undefined;
  readonly isWrite: boolean;
}

/** The base address of the most specific namespace, without a slash at its end. */
function addressFor(reference: Reference, { registriesDir, isWrite }: Wish): string {
  const { docker, fallback } = readDirectory(registriesDir ?? defaultDirectory());
  const scope = registryScopes(reference).find(one => Object.hasOwn(docker, one));
  for (const entry of [scope === undefined ? undefined : docker[scope], fallback]) {
    const address = entry && addressIn(entry, isWrite);
    if (address !== undefined) return address.replace(/\/+$/, "");
  }
  const home = process.env["HOME"] ?? "";
  return process.getuid?.() === 0 ? "file:///var/lib/containers/sigstore" : `file://${home}/.local/share/containers/sigstore`;
}

function addressIn(entry: Entry, isWrite: boolean): string | undefined {
  const { fields, file } = entry;
  const about: Subject = { what: file, code: "config.invalid" };
  const names = isWrite ? ["lookaside-staging", "sigstore-staging", "lookaside", "sigstore"] : ["lookaside", "sigstore"];
  for (const name of names) {
    const address = findText(fields, name, about);
    if (address === undefined) continue;
    if (/^(file|https?):\/\//.test(address)) return address;
    throw new Fault("config.invalid", `cannot read ${file}: ${JSON.stringify(address)} is no file: or http: address`);
  }
  return undefined;
}

interface Entry {
  readonly fields: Fields;
  readonly file: string;
}

function defaultDirectory(): string {
  const own = `${process.env["HOME"] ?? ""}/.config/containers/registries.d`;
  return existsSync(own) ? own : "/etc/containers/registries.d";
}

/** @throws Fault "config.invalid", also where two files speak of one namespace */
function readDirectory(directory: string): { docker: Record<string, Entry>; fallback: Entry | undefined } {
  const docker: Record<string, Entry> = {};
  let fallback: Entry | undefined;
  for (const name of namesIn(directory)) {
    const file = join(directory, name);
    const about: Subject = { what: file, code: "config.invalid" };
    const fields = asRecord(readYaml(file) ?? {}, about);
    const general = findRecord(fields, "default-docker", about);
    if (general && fallback) throw new Fault("config.invalid", `cannot read ${file}: "default-docker" stands in ${fallback.file} too`);
    if (general) fallback = { fields: general, file };
    for (const [scope, value] of Object.entries(findRecord(fields, "docker", about) ?? {})) {
      if (Object.hasOwn(docker, scope)) throw new Fault("config.invalid", `cannot read ${file}: "${scope}" stands in ${docker[scope]!.file} too`);
      docker[scope] = { fields: asRecord(value, about, JSON.stringify(scope)), file };
    }
  }
  return { docker, fallback };
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter(name => name.endsWith(".yaml")).sort();
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw fileFault(`cannot read ${JSON.stringify(directory)}`, thrown);
  }
}

function readYaml(file: string): unknown {
  return parseYaml(readFileSync(file, "utf8"), file);
}
