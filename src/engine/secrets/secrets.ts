// Secrets: values that containers and builds may read and nothing else shows.
// Source: podman-secret(1).

import { Fault } from "../../base/fault.ts";
import { nowRfc3339Nano, parseRfc3339 } from "../../base/time.ts";
import type { Outcome } from "../batch.ts";
import { groupFilters, regex } from "../containers/filters.ts";
import { randomId } from "../containers/names.ts";
import { writeEvent } from "../events.ts";
import type { Host } from "../host.ts";
import { secretRows } from "../state/secret-rows.ts";
import type { SecretRecord } from "../state/secret-rows.ts";
import { secretBytesMax, secretDriver } from "./drivers.ts";

export type { SecretRecord } from "../state/secret-rows.ts";

export interface CreateSecret {
  readonly name: string;
  readonly value: Uint8Array;
  readonly driver?: string;
  readonly driverOptions?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Takes the place of one of that name. */
  readonly replace?: boolean;
  /** One of that name is answered instead of refused. */
  readonly ignore?: boolean;
}

const idDigits = 25;

const driverOf = ({ driver, driverOptions }: Pick<SecretRecord, "driver" | "driverOptions">) => secretDriver(driver, driverOptions);

function checkName(name: string): void {
  if (name.length > 0 && name.length <= 253 && !/[,/=\0]/.test(name)) return;
  throw new Fault("usage.invalid", `secret name ${JSON.stringify(name.slice(0, 300))} can not include '=', '/', ',', or the '\\0' (NULL) and be between 1 and 253 characters: invalid secret name`);
}

function optionsOf(host: Host, asked: CreateSecret): { driver: string; driverOptions: Record<string, string> } {
  const conf = host.conf.secrets;
  const usual = conf.driver ?? "file";
  const driver = asked.driver || usual;
  const given = asked.driverOptions ?? {};
  const fromConf = Object.keys(given).length === 0 && driver === usual ? conf.opts ?? {} : {};
  const driverOptions = { ...(fromConf as Record<string, string>), ...given };
  if (driver === "file" && driverOptions["path"] === undefined) driverOptions["path"] = `${host.paths.root}/secrets/filedriver`;
  return { driver, driverOptions };
}

/** Answers its ID. @throws Fault "usage.invalid" for a name in use, a wrong name or too much */
export function createSecret(host: Host, asked: CreateSecret): SecretRecord {
  const { name, value, labels = {} } = asked;
  checkName(name);
  if (value.length === 0 || value.length >= secretBytesMax) {
    throw new Fault("usage.invalid", "secret data must be larger than 0 and less than 512000 bytes");
  }
  const rows = secretRows(host);
  const before = rows.findByName(name);
  if (before && asked.ignore) return before;
  const inUse = () => new Fault("system.exists", `${name}: secret name in use`, { hint: "replace it with --replace, or choose another name" });
  if (before && !asked.replace) throw inUse();
  const made = optionsOf(host, asked);
  const now = nowRfc3339Nano();
  const id = randomId().slice(0, idDigits);
  const record: SecretRecord = { id, name, ...made, labels: { ...labels }, createdAt: before?.createdAt ?? now, updatedAt: now };
  driverOf(record).store(id, value);
  let replaced: SecretRecord | undefined;
  try {
    rows.transaction(() => {
      replaced = rows.findByName(name);
      if (replaced && !asked.replace) throw inUse();
      if (replaced) rows.remove(replaced.id);
      rows.insert(record);
    });
  } catch (thrown) {
    driverOf(record).remove(id);
    throw thrown;
  }
  if (replaced) driverOf(replaced).remove(replaced.id);
  writeEvent(host, { Type: "secret", Status: "create", Name: name, ID: id });
  return record;
}

export function findSecret(host: Host, nameOrId: string): SecretRecord | undefined {
  const rows = secretRows(host);
  const exact = rows.findByName(nameOrId) ?? rows.findById(nameOrId);
  if (exact) return exact;
  const [only, second] = rows.findByPrefix(nameOrId);
  if (second) throw new Fault("usage.invalid", `more than one result secret with prefix ${nameOrId}: secret is ambiguous`);
  return only;
}

/** @throws Fault "secret.not-found" */
export function getSecret(host: Host, nameOrId: string): SecretRecord {
  const found = findSecret(host, nameOrId);
  if (found) return found;
  throw new Fault("secret.not-found", `no secret with name or id ${JSON.stringify(nameOrId)}: no such secret`, { hint: "list them with: podman secret ls" });
}

/** What it holds, for containers, builds and logins. @throws Fault "secret.not-found" */
export function readSecret(host: Host, nameOrId: string): Uint8Array {
  const record = getSecret(host, nameOrId);
  return driverOf(record).lookup(record.id);
}

function secretTest(filters: readonly string[]): (secret: SecretRecord) => boolean {
  const tests = [...groupFilters(filters)].map(([key, values]): ((secret: SecretRecord) => boolean) => {
    if (key !== "name" && key !== "id") throw new Fault("usage.invalid", `invalid filter ${JSON.stringify(key)}`);
    const patterns = values.map(regex);
    return secret => patterns.some(pattern => pattern.test(secret[key]));
  });
  return secret => tests.every(test => test(secret));
}

/** Oldest first. @throws Fault "usage.invalid" for an unknown filter */
export function listSecrets(host: Host, filters: readonly string[] = []): SecretRecord[] {
  const test = secretTest(filters);
  const at = (secret: SecretRecord): bigint => parseRfc3339(secret.createdAt) ?? 0n;
  return secretRows(host).list().filter(test).sort((one, other) => at(one) < at(other) ? -1 : at(one) > at(other) ? 1 : 0);
}

/** Containers that have it keep what they were given. */
export function removeSecrets(host: Host, choice: { names?: readonly string[]; all?: boolean; ignore?: boolean }): Outcome[] {
  const names = choice.all ? secretRows(host).list().map(({ id }) => id) : choice.names ?? [];
  const outcomes: Outcome[] = [];
  for (const target of names) {
    try {
      const record = getSecret(host, target);
      secretRows(host).remove(record.id);
      driverOf(record).remove(record.id);
      writeEvent(host, { Type: "secret", Status: "remove", Name: record.name, ID: record.id });
      outcomes.push({ target, id: record.id });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      if (thrown.code !== "secret.not-found" || !choice.ignore) outcomes.push({ target, fault: thrown });
    }
  }
  return outcomes;
}

/** podman's secret inspect JSON; what it holds only when asked for. */
export function inspectSecret(host: Host, secret: SecretRecord, { showSecret = false } = {}): Record<string, unknown> {
  return {
    ID: secret.id,
    CreatedAt: secret.createdAt,
    UpdatedAt: secret.updatedAt,
    Spec: { Name: secret.name, Driver: { Name: secret.driver, Options: secret.driverOptions }, Labels: secret.labels },
    ...(showSecret ? { SecretData: new TextDecoder().decode(driverOf(secret).lookup(secret.id)) } : {}),
  };
}
