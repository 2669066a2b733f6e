// The secrets of a container: kept for it when it is created, put into place when it starts, gone from there when it ends.
// Source: podman-run(1), "--secret".

import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { ContainerSpec, IdMapping, SecretUse } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { privilege } from "../../storage/privilege.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { getSecret, readSecret } from "./secrets.ts";

const place = "/run/secrets";
const modeDefault = 0o444;

const isMounted = ({ type }: SecretUse): boolean => type === "mount";
const keptAt = (host: Host, id: string, index: number): string => `${host.paths.staticDir(id)}/secrets/${index}`;
const environmentFile = (host: Host, id: string): string => `${host.paths.runDir(id)}/secret-env.json`;

/** Every use by its secret's own name and ID. @throws Fault "secret.not-found" */
export function findUses(host: Host, { secrets = [] }: ContainerSpec): Pick<ContainerSpec, "secrets"> {
  if (secrets.length === 0) return {};
  const found = secrets.map(use => {
    const { name, id } = getSecret(host, use.source);
    return { ...use, source: name, id, ...(use.type === "env" ? { target: use.target ?? name } : {}) };
  });
  return { secrets: found };
}

/** What is mounted stays as it was at create, whatever becomes of the secret; at rest only root reads it. */
export function keepSecrets(host: Host, id: string, { secrets = [] }: ContainerSpec): void {
  if (!secrets.some(isMounted)) return;
  mkdirSync(`${host.paths.staticDir(id)}/secrets`, { recursive: true, mode: 0o700 });
  for (const [index, use] of secrets.entries()) {
    if (isMounted(use)) writeFileSync(keptAt(host, id, index), readSecret(host, use.id ?? use.source), { mode: 0o600 });
  }
}

/** A name inside /run/secrets, or undefined for a path elsewhere in the container. */
function nameInPlace({ source, target }: SecretUse): string | undefined {
  const wanted = target ?? source;
  if (wanted.startsWith("/") && !wanted.startsWith(`${place}/`)) return undefined;
  const parts = (wanted.startsWith("/") ? wanted.slice(place.length) : wanted).split("/").filter(part => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes("..")) throw new Fault("usage.invalid", `cannot place a secret at ${JSON.stringify(wanted)}: the path leads out of ${place}`);
  return parts.join("/");
}

function hostIdOf(id: number, maps: readonly IdMapping[] | undefined): number {
  const range = maps?.find(({ containerId, size }) => id >= containerId && id < containerId + size);
  return range ? range.hostId + (id - range.containerId) : id;
}

function writeSecret(host: Host, { id, spec }: ContainerRecord, { file, index, use }: { file: string; index: number; use: SecretUse }): void {
  mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true, mode: 0o755 });
  writeFileSync(file, readFileSync(keptAt(host, id, index)), { mode: 0o600 });
  const gidMap = spec.gidMap?.length ? spec.gidMap : spec.uidMap;
  // Where there is one ID only, all is everyone's.
  if (!privilege().singleOwner) chownSync(file, hostIdOf(use.uid ?? 0, spec.uidMap), hostIdOf(use.gid ?? 0, gidMap));
  chmodSync(file, use.mode ?? modeDefault);
}

/**
 * Files for a start, in the run directory, which ends with the boot: paths inside by paths of the host.
 *
 * @param others what is mounted from mounts.conf, whose /run/secrets is added to
 */
export function placeSecrets(host: Host, record: ContainerRecord, others: Readonly<Record<string, string>>): Record<string, string> {
  const uses = [...(record.spec.secrets ?? []).entries()].filter(([, use]) => isMounted(use));
  if (uses.length === 0) return {};
  const base = `${host.paths.runDir(record.id)}/secrets`;
  const directory = others[place] ?? `${base}/all`;
  const mounts: Record<string, string> = {};
  for (const [index, use] of uses) {
    const name = nameInPlace(use);
    const file = name === undefined ? `${base}/${index}` : `${directory}/${name}`;
    writeSecret(host, record, { file, index, use });
    if (name === undefined) mounts[use.target!] = file;
    else mounts[place] = directory;
  }
  return mounts;
}

/** The record for one start, its environment with what secrets say; never stored. @throws Fault "secret.not-found" */
export function withSecretEnvironment(host: Host, record: ContainerRecord): ContainerRecord {
  const uses = (record.spec.secrets ?? []).filter(({ type }) => type === "env");
  if (uses.length === 0) return record;
  const values = Object.fromEntries(uses.map(use => [use.target ?? use.source, new TextDecoder().decode(readSecret(host, use.source))]));
  writeFileSync(environmentFile(host, record.id), JSON.stringify(values), { mode: 0o600 });
  return { ...record, spec: { ...record.spec, env: { ...record.spec.env, ...values } } };
}

/** As the running container got it, for those who join it. */
export function startedSecretEnvironment(host: Host, { id, spec }: ContainerRecord): Record<string, string> {
  if (!spec.secrets?.some(({ type }) => type === "env")) return {};
  return JSON.parse(readFileSync(environmentFile(host, id), "utf8")) as Record<string, string>;
}
