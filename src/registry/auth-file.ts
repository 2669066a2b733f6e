// auth.json, docker's config.json and .dockercfg: where they lie, what they say, and changing one.
// Source: containers-auth.json(5).

import * as fs from "node:fs";
import { errnoOf, Fault, reasonOf } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { log } from "../base/log.ts";
import type { Credentials } from "./client.ts";
import { writeWhole } from "./write-whole.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface AuthFile {
  readonly path: string;
  /** .dockercfg: entries without the "auths" around them, keyed by host or URL alone. */
  readonly isLegacy?: boolean;
}

export interface AuthEntries {
  auths: Record<string, { auth?: string; identitytoken?: string }>;
  credHelpers: Record<string, string>;
  /** What else the file holds, kept when it is written. */
  readonly rest: Record<string, unknown>;
}

/** The file that logging in writes without --authfile. */
export function defaultAuthFile(environment: Environment): string {
  const runtime = environment["XDG_RUNTIME_DIR"];
  return runtime ? `${runtime}/containers/auth.json` : `/run/containers/${process.getuid?.() ?? 0}/auth.json`;
}

/** In the order they are asked when nobody chose one. */
export function defaultAuthFiles(environment: Environment): AuthFile[] {
  const home = environment["HOME"] ?? "";
  const config = environment["XDG_CONFIG_HOME"] || `${home}/.config`;
  const docker = environment["DOCKER_CONFIG"] || `${home}/.docker`;
  return [
    { path: defaultAuthFile(environment) },
    { path: `${config}/containers/auth.json` },
    { path: `${docker}/config.json` },
    { path: `${home}/.dockercfg`, isLegacy: true },
  ];
}

/** A file that is missing says nothing. @throws Fault "config.invalid" */
export function readAuthFile({ path, isLegacy }: AuthFile): AuthEntries {
  let text: string;
  try {
    if (fs.statSync(path).size > limits.authFileBytesMax) throw broken(path, `larger than ${limits.authFileBytesMax} bytes`);
    text = fs.readFileSync(path, "utf8");
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === "ENOENT" || errno === "ENOTDIR") return { auths: {}, credHelpers: {}, rest: {} };
    throw thrown instanceof Fault ? thrown : broken(path, errno === "EACCES" ? "permission denied" : String(errno), thrown);
  }
  const value = objectOf(parsed(path, text), path, "the file");
  if (isLegacy) return { auths: objectOf(value, path, "the file") as AuthEntries["auths"], credHelpers: {}, rest: {} };
  const { auths, credHelpers, ...rest } = value;
  return {
    auths: objectOf(auths ?? {}, path, '"auths"') as AuthEntries["auths"],
    credHelpers: objectOf(credHelpers ?? {}, path, '"credHelpers"') as AuthEntries["credHelpers"],
    rest,
  };
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw broken(path, `unmarshaling JSON at "${path}": ${(thrown as Error).message.split("\n")[0]}`, thrown);
  }
}

function objectOf(value: unknown, path: string, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw broken(path, `${what} is not a JSON object`);
}

/** Writes the file at once, mode 0600, in a directory made with 0700 when it is missing. */
export function writeAuthFile(path: string, { auths, credHelpers, rest }: AuthEntries): void {
  const hasHelpers = Object.keys(credHelpers).length > 0;
  try {
    fs.mkdirSync(path.replace(/\/[^/]*$/, "") || ".", { recursive: true, mode: 0o700 });
    writeWhole(path, JSON.stringify({ auths, ...(hasHelpers && { credHelpers }), ...rest }, undefined, "\t"));
  } catch (thrown) {
    const reason = reasonOf(thrown);
    throw new Fault("system.failed", `cannot write credentials to "${path}": ${reason}`, {
      hint: "choose a file you may write with --authfile",
      cause: thrown,
    });
  }
}

/** What `entries` has for `key`, its parents after it: repository, namespaces, host, then the host in other spellings. */
export function findInEntries(entries: AuthEntries, key: string, { path, isLegacy }: AuthFile): Credentials | undefined {
  const registry = key.split("/")[0]!;
  for (let name = isLegacy ? registry : key; ; name = name.slice(0, name.lastIndexOf("/"))) {
    if (Object.hasOwn(entries.auths, name)) return decode(entries.auths[name], path, name);
    if (!name.includes("/")) break;
  }
  const wanted = normalHost(registry);
  const alike = Object.keys(entries.auths).find(name => hostOfKey(name, isLegacy === true) === wanted);
  return alike === undefined ? undefined : decode(entries.auths[alike], path, alike);
}

/** The host an entry stands for: docker once wrote URLs such as https://index.docker.io/v1/. */
export function hostOfKey(key: string, isLegacy: boolean): string {
  const bare = key.replace(/^https?:\/\//, "");
  return normalHost(isLegacy || bare !== key ? bare.split("/")[0]! : bare);
}

const normalHost = (host: string): string =>
  host === "docker.io" || host === "registry-1.docker.io" ? "index.docker.io" : host;

function decode(entry: unknown, path: string, key: string): Credentials | undefined {
  const { auth, identitytoken } = (entry ?? {}) as Record<string, unknown>;
  const identityToken = typeof identitytoken === "string" && identitytoken ? identitytoken : undefined;
  const plain = typeof auth === "string" ? decodeBase64(auth, path, key) : "";
  const colon = plain.indexOf(":");
  if (colon === -1) {
    // docker leaves empty entries behind where a helper holds the secret.
    if (plain !== "") log.warn(`Error parsing the "auth" field of a credential entry "${key}" in "${path}", missing semicolon`);
    return identityToken ? { identityToken } : undefined;
  }
  const password = plain.slice(colon + 1).replace(/^\0+|\0+$/g, "");
  return { username: plain.slice(0, colon), password, ...(identityToken && { identityToken }) };
}

function decodeBase64(text: string, path: string, key: string): string {
  if (/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) return Buffer.from(text, "base64").toString("utf8");
  throw broken(path, `the "auth" of "${key}" is not base64`);
}

function broken(path: string, reason: string, cause?: unknown): Fault {
  return new Fault("config.invalid", `reading JSON file "${path}": ${reason}`, {
    hint: `correct or remove ${path}, then log in again`,
    cause,
  });
}
