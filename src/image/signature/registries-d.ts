// registries.d: by namespace, where signatures of registry images lie and whether sigstore attachments are used.
// Source: containers-registries.d(5).

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Fault, errnoOf } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import { log } from "../../base/log.ts";
import { asRecord, findRecord, findText } from "../../base/shape.ts";
import type { Fields, Subject } from "../../base/shape.ts";
import { parseYaml } from "../../base/yaml.ts";
import { registryScopes } from "../policy-scopes.ts";
import type { Reference } from "../reference.ts";
import { fileFault } from "../tree.ts";

export interface SignaturePlace {
  readonly lookaside?: string;
  readonly staging?: string;
  readonly usesAttachments?: boolean;
  /** That it was read from. */
  readonly file: string;
}

export interface SignaturePlaces {
  readonly docker: ReadonlyMap<string, SignaturePlace>;
  readonly fallback: SignaturePlace | undefined;
}

const namespaceKeys = ["lookaside", "lookaside-staging", "sigstore", "sigstore-staging", "use-sigstore-attachments"];

/** Of the user, where there is one, else the machine's. */
export function registriesDirectory(given?: string): string {
  if (given !== undefined) return given;
  const own = `${process.env["HOME"] ?? ""}/.config/containers/registries.d`;
  return existsSync(own) ? own : "/etc/containers/registries.d";
}

/** @throws Fault "config.invalid", also where two files speak of one namespace */
export function readSignaturePlaces(directory: string): SignaturePlaces {
  const docker = new Map<string, SignaturePlace>();
  let fallback: SignaturePlace | undefined;
  for (const name of namesIn(directory)) {
    const file = join(directory, name);
    const about: Subject = { what: file, code: "config.invalid" };
    const fields = asRecord(readYaml(file) ?? {}, about);
    const general = findRecord(fields, "default-docker", about);
    if (general && fallback) throw new Fault("config.invalid", `cannot read ${file}: "default-docker" stands in ${fallback.file} too`);
    if (general) fallback = readPlace(general, file, about);
    for (const [scope, value] of Object.entries(findRecord(fields, "docker", about) ?? {})) {
      const other = docker.get(scope);
      if (other) throw new Fault("config.invalid", `cannot read ${file}: ${JSON.stringify(scope)} stands in ${other.file} too`);
      docker.set(scope, readPlace(asRecord(value, about, JSON.stringify(scope)), file, about));
    }
  }
  return { docker, fallback };
}

function readPlace(fields: Fields, file: string, about: Subject): SignaturePlace {
  const unknown = Object.keys(fields).find(key => !namespaceKeys.includes(key));
  // Others pass such keys over; a newer file must not stop every pull, nor a misspelt one go unseen.
  if (unknown !== undefined) log.warn(`Unknown key ${JSON.stringify(unknown)} in ${file}`);
  const lookaside = findText(fields, "lookaside", about) ?? findText(fields, "sigstore", about);
  const staging = findText(fields, "lookaside-staging", about) ?? findText(fields, "sigstore-staging", about);
  const uses = fields["use-sigstore-attachments"];
  if (uses !== undefined && typeof uses !== "boolean") {
    throw new Fault("config.invalid", `cannot read ${file}: "use-sigstore-attachments" is not true or false`);
  }
  return {
    file,
    ...(lookaside === undefined ? {} : { lookaside }),
    ...(staging === undefined ? {} : { staging }),
    ...(uses === undefined ? {} : { usesAttachments: uses }),
  };
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
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (thrown) {
    // Removed since the directory was listed.
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw fileFault(`cannot read ${JSON.stringify(file)}`, thrown);
  }
  if (text.length <= limits.configFileBytesMax) return parseYaml(text, file);
  throw new Fault("config.invalid", `cannot read ${file}: larger than ${limits.configFileBytesMax} bytes`);
}

/** The first answer of the places that are about an image, most specific first. */
function firstOf<T>(reference: Reference, registriesDir: string | undefined, answer: (place: SignaturePlace) => T | undefined): T | undefined {
  const { docker, fallback } = readSignaturePlaces(registriesDirectory(registriesDir));
  for (const place of [...registryScopes(reference).map(scope => docker.get(scope)), fallback]) {
    const found = place && answer(place);
    if (found !== undefined) return found;
  }
  return undefined;
}

export interface PlaceWish {
  readonly registriesDir: string | undefined;
  readonly isWrite: boolean;
}

/** The base address of an image's signatures, without a slash at its end. */
export function lookasideAddress(reference: Reference, { registriesDir, isWrite }: PlaceWish): string {
  const found = firstOf(reference, registriesDir, ({ lookaside, staging, file }) => {
    const address = isWrite ? (staging ?? lookaside) : lookaside;
    return address === undefined ? undefined : checkedAddress(address, file);
  });
  if (found !== undefined) return found.replace(/\/+$/, "");
  const home = process.env["HOME"] ?? "";
  return process.getuid?.() === 0 ? "file:///var/lib/containers/sigstore" : `file://${home}/.local/share/containers/sigstore`;
}

function checkedAddress(address: string, file: string): string {
  if (/^(file:\/\/\/|https?:\/\/)/.test(address) && URL.canParse(address)) return address;
  throw new Fault("config.invalid", `cannot read ${file}: ${JSON.stringify(address)} is no file: or http: address`);
}

/** Whether sigstore signatures of an image are read from and written to its registry. */
export const usesAttachments = (reference: Reference, registriesDir?: string): boolean =>
  firstOf(reference, registriesDir, ({ usesAttachments: uses }) => uses) ?? false;
