// Several software bills of materials as one, and the package URLs that they name.
// Source: CycloneDX 1.6 "components"; SPDX 2.3 "packages", "externalRefs"; buildah-build(1), "--sbom-merge-strategy".

import { Fault } from "../../base/fault.ts";

export const mergeStrategies = ["cat", "merge-cyclonedx-by-component-name-and-version", "merge-spdx-by-package-name-and-versioninfo"] as const;
export type MergeStrategy = (typeof mergeStrategies)[number];

type Json = Record<string, unknown>;

export interface Merged {
  readonly text: string;
  /** Sorted, each once. */
  readonly purls: readonly string[];
}

/** What a first one has is kept over the same of a later one. @throws Fault "input.malformed" for what is not such a document */
export function mergeBills(texts: readonly string[], strategy: MergeStrategy): Merged {
  if (strategy === "cat") return { text: texts.join(""), purls: [] };
  const [first = {}, ...rest] = texts.map(read);
  const purls = new Set<string>();
  const fields: Record<string, (record: Json) => string> = strategy === "merge-cyclonedx-by-component-name-and-version"
    ? { components: record => named(record, "version", purlOfComponent(record), purls) }
    : { packages: record => named(record, "versionInfo", purlOfPackage(record), purls), hasExtractedLicensingInfos: record => textOf(record, "licenseId") };
  const merged = { ...first };
  for (const [field, keyOf] of Object.entries(fields)) {
    const all = new Map<string, Json>();
    for (const record of [first, ...rest].flatMap(document => recordsOf(document, field))) {
      const key = keyOf(record);
      if (!all.has(key)) all.set(key, record);
    }
    if (all.size > 0) merged[field] = [...all.values()];
  }
  return { text: `${JSON.stringify(merged)}\n`, purls: [...purls].sort() };
}

/** The list of package URLs, as build systems read it. */
export const purlDocument = (purls: readonly string[]): string =>
  `${JSON.stringify({ image_contents: purls.length > 0 ? { dependencies: purls } : {} })}\n`;

function read(text: string): Json {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw new Fault("input.malformed", `cannot merge a bill of materials: ${(cause as Error).message}`, { cause });
  }
  if (!isObject(found)) throw new Fault("input.malformed", "cannot merge a bill of materials: it is not a JSON object");
  return found;
}

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

function recordsOf(document: Json, field: string): Json[] {
  const list = document[field];
  if (!Array.isArray(list)) return [];
  return list.map(record => {
    if (isObject(record)) return record;
    throw new Fault("input.malformed", `cannot merge a bill of materials: an entry of ${JSON.stringify(field)} is not an object`);
  });
}

function textOf(record: Json, field: string, isNeeded = true): string {
  const value = record[field];
  if (value === undefined && !isNeeded) return "";
  if (typeof value === "string") return value;
  throw new Fault("input.malformed", `cannot merge a bill of materials: ${JSON.stringify(field)} of an entry is not a text`);
}

function named(record: Json, versionField: string, purl: string, purls: Set<string>): string {
  if (purl !== "") purls.add(purl);
  return `${textOf(record, "name")}@${textOf(record, versionField, false)}`;
}

const purlOfComponent = (record: Json): string => textOf(record, "purl", false);

function purlOfPackage(record: Json): string {
  const found = recordsOf(record, "externalRefs").findLast(({ referenceCategory, referenceType }) => referenceCategory === "PACKAGE-MANAGER" && referenceType === "purl");
  return found === undefined ? "" : textOf(found, "referenceLocator", false);
}
