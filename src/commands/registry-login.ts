// Logging in to a registry and out of it, with the options that podman, buildah and skopeo share.
// Source: skopeo-login(1), skopeo-logout(1), podman-login(1); containers-auth.json(5).

import { accessSync } from "node:fs";
import { errnoOf, Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { files } from "../cli/complete.ts";
import { text, toggle, type Values } from "../cli/flag.ts";
import { askLine, isTerminal } from "../cli/prompt.ts";
import { parseReference } from "../image/reference.ts";
import { registriesOf } from "../image/short-names.ts";
import type { ImageSystem } from "../image/system.ts";
import { findCredentials, removeAllCredentials, removeCredentials, storeCredentials } from "../registry/credentials.ts";
import type { CredentialPlaces } from "../registry/credentials.ts";
import type { Credentials } from "../registry/client.ts";

const authfile = text({ help: "path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override", complete: files });
const compatAuthFile = text({ help: "path of a Docker-compatible config file to update instead", complete: files });
const tlsVerify = toggle({ help: "require HTTPS and verify certificates when accessing the registry" });

export const loginFlags = {
  authfile,
  certDir: text({ help: "use certificates at the specified path to access the registry", complete: files }),
  compatAuthFile,
  getLogin: toggle({ help: "Return the current login user for the registry" }),
  password: text({ secret: "whole", short: "p", help: "Password for registry" }),
  passwordStdin: toggle({ help: "Take the password from stdin" }),
  tlsVerify,
  username: text({ short: "u", help: "Username for registry" }),
  verbose: toggle({ short: "v", help: "Write more detailed information to stdout" }),
} as const;

export const logoutFlags = {
  all: toggle({ short: "a", help: "Remove the cached credentials for all registries in the auth file" }),
  authfile,
  compatAuthFile,
  tlsVerify,
} as const;

const refuse = (message: string): Fault => new Fault("usage.invalid", message);

export interface LoginCall {
  readonly flags: Values<typeof loginFlags>;
  readonly given: ReadonlySet<string>;
  /** registries.conf and the like; credentials and TLS come from the flags. */
  readonly system: ImageSystem;
  readonly out: (line: string) => void;
  /** Take the first search registry where none is named, as podman does. */
  readonly hasDefaultRegistry?: boolean;
}

export async function logIn(operands: readonly string[], call: LoginCall): Promise<void> {
  const { flags, system, out } = call;
  const places = placesOf(flags, system);
  const { key, registry } = registryKey(operands, { verb: ["login", "log in to"], system, hasDefault: call.hasDefaultRegistry ?? false });
  const known = await findCredentials(key, places);
  if (flags.getLogin) {
    if (!known.username) throw refuse(`not logged into ${key}`);
    return out(known.username);
  }
  if (known.identityToken) throw refuse("currently logged in, auth file contains an Identity token");
  const check = (credentials: Credentials): Promise<boolean> => checkLogin(registry, credentials, call);
  const given = await passwordOf(flags);
  if (!flags.username && !given && known.username && known.password) {
    out(`Authenticating with existing credentials for ${key}`);
    if (await check(known)) return out(`Existing credentials are valid. Already logged in to ${registry}`);
    out("Existing credentials are invalid, please enter valid username and password");
  }
  const username = flags.username?.trim() || (await askUser(known.username));
  const password = given || (await askPassword());
  if (!(await check({ username, password }))) {
    log.debug(`error logging into ${JSON.stringify(key)}`);
    throw new Fault("registry.denied", `logging into ${JSON.stringify(key)}: invalid username/password`);
  }
  const place = await storeCredentials(key, { username, password }, places);
  if (flags.verbose) out(`Used:  ${place}`);
  out("Login Succeeded!");
}

export interface LogoutCall {
  readonly flags: Values<typeof logoutFlags>;
  readonly system: ImageSystem;
  readonly out: (line: string) => void;
  readonly hasDefaultRegistry?: boolean;
}

export async function logOut(operands: readonly string[], { flags, system, out, hasDefaultRegistry }: LogoutCall): Promise<void> {
  for (const file of [flags.authfile, flags.compatAuthFile]) if (file) checkThere(file);
  const places = placesOf(flags, system);
  if (flags.all) {
    if (operands.length > 0) throw refuse("--all takes no arguments");
    await removeAllCredentials(places);
    return out("Removed login credentials for all registries");
  }
  const { key } = registryKey(operands, { verb: ["logout", "log out from"], system, hasDefault: hasDefaultRegistry ?? false });
  if (await removeCredentials(key, places)) return out(`Removed login credentials for ${key}`);
  const { username, password } = await findCredentials(key, places);
  if (!username || !password) throw refuse(`not logged into ${key}`);
  const established = "Existing credentials were established via docker login. Please use docker logout instead.";
  out(`Not logged into ${key} with current tool. ${established}`);
}

function checkThere(file: string): void {
  try {
    accessSync(file);
  } catch (cause) {
    const reason = errnoOf(cause) === "ENOENT" ? "no such file or directory" : String(errnoOf(cause));
    throw new Fault("config.invalid", `credential file is not accessible: faccessat ${file}: ${reason}`, { cause });
  }
}

function placesOf(flags: { readonly authfile?: string | undefined; readonly compatAuthFile?: string | undefined }, system: ImageSystem): CredentialPlaces {
  return {
    ...(flags.authfile ? { authFile: flags.authfile } : {}),
    ...(flags.compatAuthFile ? { compatAuthFile: flags.compatAuthFile } : {}),
    helpers: registriesOf(system).credentialHelpers,
  };
}

interface Asked {
  /** "login", "log in to". */
  readonly verb: readonly [string, string];
  readonly system: ImageSystem;
  readonly hasDefault: boolean;
}

/** What credentials are kept under, and the host it begins with. A web address counts as its host. */
function registryKey(operands: readonly string[], { verb: [verb, phrase], system, hasDefault }: Asked): { key: string; registry: string } {
  if (operands.length > 1) throw refuse(`${verb} accepts only one registry to ${phrase}`);
  const named = operands[0] ?? (hasDefault ? firstSearchRegistry(system) : undefined);
  if (named === undefined) throw refuse(`please provide a registry to ${phrase}`);
  const key = /^https?:\/\//.test(named) ? new URL(named).host : named;
  const registry = key.split("/")[0]!;
  if (registry === key) return { key, registry };
  const reference = parseReference(key);
  if (reference.tag !== undefined || reference.digest !== undefined) throw refuse(`reference ${JSON.stringify(key)} contains tag or digest`);
  return { key, registry };
}

function firstSearchRegistry(system: ImageSystem): string {
  const [first] = registriesOf(system).unqualifiedSearch;
  if (first !== undefined) return first;
  throw refuse("no registries found in registries.conf, a registry must be provided");
}

async function checkLogin(registry: string, credentials: Credentials, { flags, given, system }: LoginCall): Promise<boolean> {
  const { clientFor } = await import("../image/transports/registry.ts");
  const { findRegistry } = await import("../registry/registries-conf.ts");
  const insecure = findRegistry(registriesOf(system), registry)?.insecure ?? false;
  const client = await clientFor({ host: registry, repository: "", insecure }, {
    ...system,
    credentials,
    ...(flags.certDir ? { certDir: flags.certDir } : {}),
    ...(given.has("tlsVerify") ? { tlsVerify: flags.tlsVerify } : {}),
  }, "pull");
  try {
    return await client.login();
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new Fault(thrown.code, `authenticating creds for ${JSON.stringify(registry)}: ${thrown.message}`, { cause: thrown });
  }
}

async function passwordOf(flags: Values<typeof loginFlags>): Promise<string> {
  if (!flags.passwordStdin) return flags.password ?? "";
  if (flags.password) throw refuse("can't specify both --password-stdin and --password");
  if (!flags.username) throw refuse("must provide --username with --password-stdin");
  const lines: string[] = [];
  for (let line = await askLine(); line !== undefined && lines.length < 1000; line = await askLine()) lines.push(line);
  return lines.join("");
}

async function askUser(known: string | undefined): Promise<string> {
  const { writeOut } = await import("../cli/output.ts");
  writeOut(known ? `Username (${known}): ` : "Username: ");
  const line = await askLine();
  if (line === undefined) throw refuse("getting username and password: reading username: EOF");
  return line.trim() || (known ?? "");
}

/** Without echo where a person types. */
async function askPassword(): Promise<string> {
  const { writeOut } = await import("../cli/output.ts");
  writeOut("Password: ");
  const { withoutEcho } = await import("../engine/terminals.ts");
  const line = isTerminal(0) ? await withoutEcho(0, askLine) : undefined;
  writeOut("\n");
  if (line !== undefined) return line;
  throw refuse("getting username and password: reading password: inappropriate ioctl for device");
}
