// Whose credentials a request goes out with: auth.json, docker's config.json, credential helpers; and log in and out.
// Source: containers-auth.json(5); docker-credential-helpers protocol.

import type { Credentials } from "./client.ts";

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
  throw new Error(`not written yet: ${key} ${places.authFile}`);
}

/** Keeps credentials; gives the place it wrote to, for a person to read. */
export async function storeCredentials(
  key: string,
  credentials: { readonly username: string; readonly password: string },
  places: CredentialPlaces = {},
): Promise<string> {
  throw new Error(`not written yet: ${key} ${credentials.username} ${places.authFile}`);
}

/** Whether there were any. */
export async function removeCredentials(key: string, places: CredentialPlaces = {}): Promise<boolean> {
  throw new Error(`not written yet: ${key} ${places.authFile}`);
}

export async function removeAllCredentials(places: CredentialPlaces = {}): Promise<void> {
  throw new Error(`not written yet: ${places.authFile}`);
}
