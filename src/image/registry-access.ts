// Whether the way to the machine's registries is open: their configuration, the credentials, and an answer from each.
// Source: containers-registries.conf(5), containers-auth.json(5), containers-certs.d(5).

import { existsSync, readdirSync, statSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { findProgram } from "../base/spawn.ts";
import { defaultAuthFiles, readAuthFile, type AuthFile } from "../registry/auth-file.ts";
import { readCertificates } from "../registry/certificates.ts";
import { isNoTls } from "../registry/wire.ts";
import { aliasOf, endpointsFor, type RegistriesConf } from "../registry/registries-conf.ts";
import { registriesOf } from "./short-names.ts";
import { readSignaturePlaces, registriesDirectory } from "./signature/registries-d.ts";
import type { ImageSystem } from "./system.ts";
import { clientFor } from "./transports/registry.ts";

/** All files of registries.conf and its aliases. @throws Fault "config.invalid" */
export function readRegistries(system: ImageSystem): void {
  aliasOf(registriesOf(system), "any");
}

/** Where signatures lie. @throws Fault "config.invalid" */
export function readSignatureConfiguration(system: ImageSystem): void {
  readSignaturePlaces(registriesDirectory(system.registriesDir));
}

function authFiles(system: ImageSystem): AuthFile[] {
  const chosen = system.authFile ?? process.env["REGISTRY_AUTH_FILE"];
  return (chosen ? [{ path: chosen }] : defaultAuthFiles(process.env)).filter(({ path }) => existsSync(path));
}

/** @throws Fault "config.invalid" */
export function readAuthFiles(system: ImageSystem): void {
  for (const file of authFiles(system)) readAuthFile(file);
}

/** Files with credentials that others may read. */
export const openAuthFiles = (system: ImageSystem): string[] =>
  authFiles(system).map(({ path }) => path).filter(path => (statSync(path).mode & 0o077) !== 0);

/** Programs that auth.json and registries.conf name and that are not there. */
export function missingHelpers(system: ImageSystem): string[] {
  const named = authFiles(system).flatMap(file => Object.values(readAuthFile(file).credHelpers));
  const all = [...named, ...registriesOf(system).credentialHelpers.filter(name => name !== "containers-auth.json")];
  return [...new Set(all)].map(name => `docker-credential-${name}`).filter(name => findProgram(name, (process.env["PATH"] ?? "").split(":")) === undefined);
}

/** @throws Fault "config.invalid" of the first directory that is wrong */
export function readAllCertificates(): void {
  for (const place of ["/etc/containers/certs.d", `${process.env["HOME"] ?? ""}/.config/containers/certs.d`]) {
    for (const name of existsSync(place) ? readdirSync(place) : []) readCertificates(`${place}/${name}`);
  }
}

/** Why a registry could not be used. */
export interface ClosedRegistry {
  readonly host: string;
  readonly kind: "unreachable" | "unknown-name" | "bad-certificate" | "plain-http" | "denied" | "failing";
  readonly reason: string;
  readonly hint: string | undefined;
}

const answerMs = 6000;

/** The hosts that a pull may ask, by the configuration alone: at most `hostsMax`. */
function hostsOf(conf: RegistriesConf, hostsMax: number): { host: string; insecure: boolean }[] {
  const open = conf.registries.filter(({ prefix, blocked }) => !blocked && !prefix.startsWith("*"));
  const names = [...conf.unqualifiedSearch, ...open.map(({ prefix, location }) => location || prefix)];
  const found = new Map<string, { host: string; insecure: boolean }>();
  for (const name of names) {
    try {
      for (const { host, insecure } of endpointsFor(conf, `${name}/any`)) found.set(host, { host, insecure });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
    }
  }
  return [...found.values()].slice(0, hostsMax);
}

/** Asks each registry of registries.conf once, all at the same time, with the credentials that are kept for it. */
export async function askRegistries(system: ImageSystem, hostsMax = 16): Promise<ClosedRegistry[]> {
  const asked = await Promise.all(hostsOf(registriesOf(system), hostsMax).map(one => askOne(system, one)));
  return asked.filter(one => one !== undefined);
}

async function askOne(system: ImageSystem, { host, insecure }: { host: string; insecure: boolean }): Promise<ClosedRegistry | undefined> {
  const signal = AbortSignal.timeout(answerMs);
  try {
    const client = await clientFor({ host, repository: "any", insecure }, { ...system, retries: 0, signal }, "pull");
    if (await client.login()) return undefined;
    // A registry that wants a name and got none is open to whoever logs in; one that refuses what is kept is not.
    const { findCredentials } = await import("../registry/credentials.ts");
    const { username, identityToken } = await findCredentials(host, { ...(system.authFile ? { authFile: system.authFile } : {}), helpers: registriesOf(system).credentialHelpers });
    return username || identityToken ? { host, kind: "denied", reason: `it refuses the credentials kept for ${username || "the token"}`, hint: `podman login ${host}` } : undefined;
  } catch (thrown) {
    if (signal.aborted) return { host, kind: "unreachable", reason: `no answer within ${answerMs / 1000} s`, hint: undefined };
    if (!(thrown instanceof Fault)) throw thrown;
    return { host, kind: kindOf(thrown), reason: thrown.message, hint: thrown.hint };
  }
}

function kindOf(fault: Fault): ClosedRegistry["kind"] {
  const code = networkCode(fault);
  if (/^(ENOTFOUND|EAI_AGAIN|DNS_|.*getaddrinfo)/.test(code)) return "unknown-name";
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME|ISSUER/.test(code)) return "bad-certificate";
  if (isNoTls(code)) return "plain-http";
  return fault.code === "registry.unreachable" ? "unreachable" : fault.code === "registry.denied" ? "denied" : "failing";
}

/** The system's own word for what failed, somewhere among the causes. */
function networkCode(fault: Fault): string {
  for (let at: unknown = fault, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string" && !code.includes(".")) return code;
  }
  return "";
}
