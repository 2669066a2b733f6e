// Whose credentials a request goes out with: auth.json, docker's config.json, credential helpers; and log in and out.
// Source: containers-auth.json(5); docker-credential-helpers protocol.

import * as fs from "node:fs";
import { Fault } from "../base/fault.ts";
import {
  defaultAuthFile, defaultAuthFiles, findInEntries, hostOfKey, readAuthFile, writeAuthFile, type AuthFile,
} from "./auth-file.ts";
import type { Credentials } from "./client.ts";
import { askHelper, eraseWithHelper, listHelper, storeWithHelper } from "./credential-helper.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The "helper" of registries.conf's credential-helpers that stands for the files. */
const authFiles = "containers-auth.json";

export interface CredentialPlaces {
  /** --authfile or REGISTRY_AUTH_FILE: the only file asked and written. */
  readonly authFile?: string;
  /** --compat-auth-file or DOCKER_CONFIG/config.json: docker's format, other fields kept. */
  readonly compatAuthFile?: string;
  /** registries.conf's credential-helpers; default ["containers-auth.json"]. */
  readonly helpers?: readonly string[];
  /** Absent: the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** @param key host[:port][/repository]; the longest matching entry wins. {} when there is none. */
export async function findCredentials(key: string, places: CredentialPlaces = {}): Promise<Credentials> {
  checkKey(key);
  const chosen = choose(places);
  const faults: Fault[] = [];
  for (const helper of chosen.helpers) {
    try {
      const found = helper === authFiles ? await findInFiles(key, chosen) : await askHelper(helper, hostOf(key), chosen.environment);
      if (found) return found;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      faults.push(thrown);
    }
  }
  if (faults.length === 0) return {};
  if (faults.length === 1) throw faults[0]!;
  throw new Fault(faults[0]!.code, `errors looking up credentials: ${faults.map(fault => fault.message).join("; ")}`);
}

/** The hosts and namespaces there is an entry for. */
export async function listCredentialKeys(places: CredentialPlaces = {}): Promise<string[]> {
  const chosen = choose(places);
  const keys = new Set<string>();
  for (const helper of chosen.helpers) {
    if (helper !== authFiles) {
      for (const host of await listHelper(helper, chosen.environment)) keys.add(host);
      continue;
    }
    for (const file of filesToRead(chosen)) {
      const entries = readAuthFile(file);
      for (const key of Object.keys(entries.credHelpers)) keys.add(key);
      for (const key of Object.keys(entries.auths)) {
        const host = hostOfKey(key, file.isLegacy === true);
        keys.add(host === "index.docker.io" ? "docker.io" : host);
      }
    }
  }
  return [...keys].sort();
}

/** Keeps credentials; gives the place it wrote to, for a person to read. */
export async function storeCredentials(
  key: string,
  credentials: { readonly username: string; readonly password: string },
  places: CredentialPlaces = {},
): Promise<string> {
  checkKey(key);
  const chosen = choose(places);
  const name = keyInFile(key, chosen);
  const helper = chosen.helpers[0] ?? authFiles;
  if (helper !== authFiles) return keepWithHelper(helper, key, { credentials, environment: chosen.environment });
  const path = fileToWrite(chosen);
  const entries = readAuthFile({ path });
  const own = Object.hasOwn(entries.credHelpers, name) ? entries.credHelpers[name] : undefined;
  if (own) return keepWithHelper(own, key, { credentials, environment: chosen.environment });
  const auth = Buffer.from(`${credentials.username}:${credentials.password}`, "utf8").toString("base64");
  writeAuthFile(path, { ...entries, auths: { ...entries.auths, [name]: { auth } } });
  return path;
}

async function keepWithHelper(
  helper: string,
  key: string,
  { credentials, environment }: { credentials: { username: string; password: string }; environment: Environment },
): Promise<string> {
  if (key.includes("/")) {
    throw new Fault("usage.unsupported", `namespaced key is not supported for credential helper ${helper}`);
  }
  await storeWithHelper(helper, { host: key, ...credentials }, environment);
  return `credential helper: ${helper}`;
}

/** Whether there were any. */
export async function removeCredentials(key: string, places: CredentialPlaces = {}): Promise<boolean> {
  checkKey(key);
  const chosen = choose(places);
  const name = keyInFile(key, chosen);
  let any = false;
  for (const helper of chosen.helpers) {
    if (helper !== authFiles) {
      any = (!key.includes("/") && (await eraseWithHelper(helper, key, chosen.environment))) || any;
      continue;
    }
    const path = fileToWrite(chosen);
    const entries = readAuthFile({ path });
    const own = Object.hasOwn(entries.credHelpers, name) ? entries.credHelpers[name] : undefined;
    if (own && !key.includes("/")) any = (await eraseWithHelper(own, key, chosen.environment)) || any;
    if (!Object.hasOwn(entries.auths, name)) continue;
    any = true;
    const { [name]: _, ...auths } = entries.auths;
    writeAuthFile(path, { ...entries, auths });
  }
  return any;
}

export async function removeAllCredentials(places: CredentialPlaces = {}): Promise<void> {
  const chosen = choose(places);
  for (const helper of chosen.helpers) {
    if (helper !== authFiles) {
      for (const host of await listHelper(helper, chosen.environment)) await eraseWithHelper(helper, host, chosen.environment);
      continue;
    }
    const path = fileToWrite(chosen);
    const entries = readAuthFile({ path });
    for (const [host, own] of Object.entries(entries.credHelpers)) await eraseWithHelper(own, host, chosen.environment);
    writeAuthFile(path, { ...entries, auths: {}, credHelpers: {} });
  }
}

interface Chosen {
  readonly authFile: string | undefined;
  readonly compatAuthFile: string | undefined;
  readonly helpers: readonly string[];
  readonly environment: Environment;
}

/** The options, then REGISTRY_AUTH_FILE, then DOCKER_CONFIG. */
function choose(places: CredentialPlaces): Chosen {
  const environment = places.environment ?? process.env;
  if (places.authFile && places.compatAuthFile) {
    const both = "options for paths to the credential file and to the Docker-compatible credential file";
    throw new Fault("usage.invalid", `${both} can not be set simultaneously`);
  }
  const authFile = places.authFile || (places.compatAuthFile ? undefined : environment["REGISTRY_AUTH_FILE"]) || undefined;
  const docker = environment["DOCKER_CONFIG"];
  const compatAuthFile = authFile ? undefined : places.compatAuthFile || (docker ? `${docker}/config.json` : undefined);
  // Docker knows nothing of registries.conf, so its files are asked without the helpers named there.
  const helpers = compatAuthFile || !places.helpers?.length ? [authFiles] : places.helpers;
  return { authFile, compatAuthFile, helpers, environment };
}

function filesToRead(chosen: Chosen): AuthFile[] {
  const path = chosen.authFile ?? chosen.compatAuthFile;
  return path ? [{ path }] : defaultAuthFiles(chosen.environment);
}

function fileToWrite(chosen: Chosen): string {
  const path = chosen.authFile ?? chosen.compatAuthFile;
  if (path) return path;
  const runtime = chosen.environment["XDG_RUNTIME_DIR"];
  if (runtime && !fs.existsSync(runtime)) {
    const reason = "directory set by $XDG_RUNTIME_DIR does not exist. Either create the directory or unset $XDG_RUNTIME_DIR.";
    throw new Fault("config.invalid", `"${runtime}" ${reason}`);
  }
  return defaultAuthFile(chosen.environment);
}

async function findInFiles(key: string, chosen: Chosen): Promise<Credentials | undefined> {
  for (const file of filesToRead(chosen)) {
    const entries = readAuthFile(file);
    const host = hostOf(key);
    const helper = Object.hasOwn(entries.credHelpers, host) ? entries.credHelpers[host] : undefined;
    const found = helper ? await askHelper(helper, host, chosen.environment) : findInEntries(entries, key, file);
    if (found) return found;
  }
  return undefined;
}

const hostOf = (key: string): string => key.split("/")[0]!;

function keyInFile(key: string, { compatAuthFile }: Chosen): string {
  if (!compatAuthFile) return key;
  if (key.includes("/")) {
    const text = `Credentials cannot be recorded in Docker-compatible format with namespaced key "${key}"`;
    throw new Fault("usage.unsupported", text);
  }
  return key === "docker.io" ? "https://index.docker.io/v1/" : key;
}

function checkKey(key: string): void {
  const slash = key.indexOf("/");
  const reason = /^https?:\/\//.test(key)
    ? "contains http[s]:// prefix"
    : key.includes("@")
      ? "contains a '@' character"
      : slash !== -1 && key.includes(":", slash)
        ? "contains a ':' character after host[:port]"
        : undefined;
  if (reason) throw new Fault("usage.invalid", `key ${key} ${reason}`);
}
