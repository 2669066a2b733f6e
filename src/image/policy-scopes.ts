// Under which scopes of policy.json an image falls, most specific first, and which scopes a transport can have.
// Source: containers-policy.json(5), "Supported transports and their scopes".

import { realpathSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";
import { isDigest } from "../base/digest.ts";
import { referenceText, repositoryOf } from "./reference.ts";
import type { Reference } from "./reference.ts";

/** What is to be let in: the transport's name in policy.json, and the name or path inside it. */
export interface PolicySubject {
  readonly transport: string;
  readonly reference?: Reference;
  readonly path?: string;
  /** Of an image layout: what follows the path. */
  readonly image?: string;
  /** Of containers-storage: where the store is. */
  readonly storeRoot?: string;
}

/** The scopes without "", and what the image is called in messages. */
export function policyScopes(subject: PolicySubject): { readonly name: string; readonly scopes: readonly string[] } {
  const { transport, reference, path = "" } = subject;
  switch (transport) {
    case "docker":
    case "atomic": {
      const scopes = reference ? registryScopes(reference) : [];
      return { name: `${transport}:${reference ? `//${referenceText(reference)}` : ""}`, scopes };
    }
    case "docker-daemon": return { name: `${transport}:${path}`, scopes: reference ? registryScopes(reference) : [] };
    case "containers-storage": return { name: `${transport}:${path}`, scopes: storeScopes(subject) };
    case "oci": {
      const place = explicitPath(path);
      const scopes = [`${place}:${subject.image ?? ""}`, ...pathScopes(place)];
      return { name: `${transport}:${path}${subject.image ? `:${subject.image}` : ""}`, scopes };
    }
    // An archive's path says nothing of who made it, and tarballs have no name.
    case "docker-archive":
    case "tarball": return { name: `${transport}:${path}`, scopes: [] };
    default: return { name: `${transport}:${path}`, scopes: pathScopes(explicitPath(path)) };
  }
}

/** The whole reference, the repository, its parents, the host, then "*." of the host's parents. */
export function registryScopes(reference: Reference): string[] {
  const scopes = [referenceText(reference)];
  for (let name = repositoryOf(reference); name !== ""; name = name.slice(0, Math.max(name.lastIndexOf("/"), 0))) {
    scopes.push(name);
  }
  const labels = reference.domain.replace(/:[0-9]+$/, "").split(".");
  for (let i = 1; i < labels.length; i++) scopes.push(`*.${labels.slice(i).join(".")}`);
  return scopes;
}

/** Absolute and without symbolic links, as far as it exists: a link must not lead around a scope. */
function explicitPath(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch {
    return whole === "/" ? whole : join(explicitPath(dirname(whole)), whole.slice(whole.lastIndexOf("/") + 1));
  }
}

function pathScopes(path: string): string[] {
  const scopes = path === "/" ? [] : [path];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) scopes.push(path.slice(0, at));
  return scopes;
}

/** "[driver@root]NAME", its repository and parents, then the store by driver and root, then by root. */
function storeScopes({ storeRoot = "", reference }: PolicySubject): string[] {
  const store = `[overlay@${storeRoot}]`;
  const names = reference ? registryScopes(reference).filter(scope => !scope.startsWith("*.")) : [];
  return [...names.map(name => store + name), store, `[${storeRoot}]`];
}

/** Why a transport has no such scope; undefined where it may. */
export function refuseScope(transport: string, scope: string): string | undefined {
  switch (transport) {
    case "dir":
    case "sif":
    case "oci":
    case "oci-archive": return refusePath(scope);
    case "docker-archive":
    case "tarball": return `${transport}: does not support any scopes except the default "" one`;
    case "docker-daemon": return isDigest(scope) ? `cannot use the digest ${scope} as a scope` : undefined;
    case "containers-storage": return /^\[(?:[^\]@]+@)?\/[^\]]*\]/.test(scope) ? undefined : "must begin with [DRIVER@ROOT] or [ROOT], an absolute path";
    default: return undefined;
  }
}

function refusePath(scope: string): string | undefined {
  if (!scope.startsWith("/")) return "must be an absolute path";
  if (scope === "/") return 'use the generic default scope ""';
  const clean = posix.normalize(scope);
  return clean === scope && !scope.endsWith("/") ? undefined : `uses non-canonical format, perhaps try ${clean.replace(/\/$/, "")}`;
}
