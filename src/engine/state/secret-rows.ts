// What is kept of secrets: their names and how to get at them; what they hold stays with their drivers.

import type { Host } from "../host.ts";
import { fromStored, storedFields } from "../../base/stored.ts";

export interface SecretRecord {
  /** 25 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly driverOptions: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339 with nanoseconds, both. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface SecretRows {
  /** By name. */
  list(): SecretRecord[];
  findByName(name: string): SecretRecord | undefined;
  findById(id: string): SecretRecord | undefined;
  /** Two at most: enough to tell one from many. */
  findByPrefix(prefix: string): SecretRecord[];
  insert(record: SecretRecord): void;
  remove(id: string): void;
  /** Runs `act` as one short write transaction. */
  transaction<T>(act: () => T): T;
}

const schema = `
CREATE TABLE secrets (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, secret TEXT NOT NULL) WITHOUT ROWID;
`;

type Row = { secret: string } | null;

export function secretRows({ store }: Host): SecretRows {
  store.migrate("secrets", 1, schema);
  const { db } = store;
  const read = (row: Row): SecretRecord | undefined => row === null ? undefined : fromStored<SecretRecord>(row.secret, "a secret", storedFields.secret);
  return {
    list: () => (db.query("SELECT secret FROM secrets ORDER BY name").all() as NonNullable<Row>[]).map(row => read(row)!),
    findByName: name => read(db.query("SELECT secret FROM secrets WHERE name = ?").get(name) as Row),
    findById: id => read(db.query("SELECT secret FROM secrets WHERE id = ?").get(id) as Row),
    findByPrefix: prefix => /^[0-9a-f]{1,25}$/.test(prefix)
      ? (db.query("SELECT secret FROM secrets WHERE id >= ? AND id < ? LIMIT 2").all(prefix, `${prefix}g`) as NonNullable<Row>[]).map(row => read(row)!)
      : [],
    insert: record => void db.query("INSERT INTO secrets (id, name, secret) VALUES (?, ?, ?)").run(record.id, record.name, JSON.stringify(record)),
    remove: id => void db.query("DELETE FROM secrets WHERE id = ?").run(id),
    transaction: act => store.transaction(act),
  };
}
