// Strict decoding of policy files: every fault names the file, the key and what is wrong with it; no key is passed over.
// Source: containers-policy.json(5).

import type { Fault } from "../../base/fault.ts";
import { isRecord, malformed } from "../../base/shape.ts";
import type { Fields, Subject } from "../../base/shape.ts";

/** An object inside the file, and the way to it. */
export interface Place {
  readonly fields: Fields;
  readonly about: Subject;
  /** Such as `transports.docker["quay.io"][0]`; "" at the top. */
  readonly path: string;
}

const keyPath = (path: string, key: string): string =>
  /^[A-Za-z][\w-]*$/.test(key) ? `${path === "" ? "" : `${path}.`}${key}` : `${path}[${JSON.stringify(key)}]`;

export const invalid = ({ about, path }: Pick<Place, "about" | "path">, reason: string, key?: string): Fault =>
  malformed(about, `${[key === undefined ? path : keyPath(path, key)].map(one => (one === "" ? "" : `${one}: `))[0]}${reason}`);

/** Goes into the object under `key`. */
export function objectAt(place: Place, key: string): Place {
  return asPlace(place.fields[key], { about: place.about, path: keyPath(place.path, key) });
}

export function asPlace(value: unknown, { about, path }: Pick<Place, "about" | "path">): Place {
  if (isRecord(value)) return { fields: value, about, path };
  throw invalid({ about, path }, value === undefined ? "is missing" : "is not an object");
}

export function itemsAt(place: Place, key: string): Place[] {
  const value = place.fields[key];
  if (!Array.isArray(value)) throw invalid(place, value === undefined ? "is missing" : "is not a list", key);
  return value.map((item, at) => asPlace(item, { about: place.about, path: `${keyPath(place.path, key)}[${at}]` }));
}

export function onlyKeys(place: Place, keys: readonly string[]): void {
  const unknown = Object.keys(place.fields).find(key => !keys.includes(key));
  if (unknown !== undefined) throw invalid(place, `unknown key ${JSON.stringify(unknown)}`);
}

export const has = ({ fields }: Place, key: string): boolean => Object.hasOwn(fields, key);

export function typeAt(place: Place): string {
  return textAt(place, "type");
}

export function textAt(place: Place, key: string): string {
  const value = place.fields[key];
  if (typeof value === "string" && value !== "") return value;
  throw invalid(place, value === undefined ? "is missing" : "is not a text", key);
}

function textsAt(place: Place, key: string): string[] {
  const value = place.fields[key];
  if (Array.isArray(value) && value.length > 0 && value.every(item => typeof item === "string" && item !== "")) return value;
  throw invalid(place, "is not a list of texts with at least one entry", key);
}

/** Where keys or certificates are: files, or the bytes themselves. */
export type KeyPlaces = { readonly files: readonly string[] } | { readonly datas: readonly Uint8Array[] };

/** Which of the fields is given: NAMEPath, NAMEPaths, NAMEData, NAMEDatas, where `kinds` allows them; undefined for none. */
export function keysAt(place: Place, name: string, kinds: readonly ("Path" | "Paths" | "Data" | "Datas")[]): KeyPlaces | undefined {
  const given = kinds.filter(kind => has(place, name + kind));
  if (given.length > 1) {
    throw invalid(place, `exactly one of ${kinds.map(kind => name + kind).join(", ")} must be specified, more than one present`);
  }
  const key = name + given[0];
  switch (given[0]) {
    case "Path": return { files: [textAt(place, key)] };
    case "Paths": return { files: textsAt(place, key) };
    case "Data": return { datas: [base64At(place, key, textAt(place, key))] };
    case "Datas": return { datas: textsAt(place, key).map(text => base64At(place, key, text)) };
    default: return undefined;
  }
}

function base64At(place: Place, key: string, text: string): Uint8Array {
  const plain = text.replace(/[\r\n]/g, "");
  if (plain.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(plain)) return new Uint8Array(Buffer.from(plain, "base64"));
  throw invalid(place, "is not base64", key);
}
