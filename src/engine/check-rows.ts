// Rows of the database that cannot be read, told without reading them as anything; and their end.

import { storedFields } from "../base/stored.ts";
import type { Host } from "./host.ts";

interface Table {
  readonly name: string;
  readonly key: string;
  /** That hold JSON: objects with these texts in them, or lists where said. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
  readonly isList?: boolean;
  /** Something of the person's own goes with the row. */
  readonly needsForce: boolean;
}

const tables: readonly Table[] = [
  { name: "containers", key: "id", columns: { spec: [], state: storedFields.state }, needsForce: true },
  { name: "volumes", key: "name", columns: { volume: storedFields.volume }, needsForce: true },
  { name: "images", key: "id", columns: { layers: [], history: [] }, isList: true, needsForce: false },
  { name: "working", key: "id", columns: { record: storedFields.working }, needsForce: true },
  { name: "secrets", key: "id", columns: { secret: storedFields.secret }, needsForce: true },
  { name: "execs", key: "id", columns: { session: storedFields.session }, needsForce: false },
  { name: "leaving", key: "id", columns: { record: [] }, needsForce: false },
];

export interface DamagedRow {
  readonly table: string;
  readonly key: string;
  readonly needsForce: boolean;
}

const database = ({ store, state }: Host): Host["store"]["db"] => {
  void state;
  return store.db;
};

function isThere(host: Host, name: string): boolean {
  return database(host).query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(name) !== null;
}

export function damagedRows(host: Host): DamagedRow[] {
  return tables.filter(({ name }) => isThere(host, name)).flatMap(({ name, key, columns, isList, needsForce }) => {
    const kinds = Object.entries(columns).flatMap(([column, fields]) => [[column, "$", isList ? "array" : "object"], ...fields.map(field => [column, `$.${field}`, "text"])]);
    const wrong = kinds.map(([column, path, kind]) => `coalesce(CASE WHEN json_valid(${column}) THEN json_type(${column}, '${path}') END, '') <> '${kind}'`).join(" OR ");
    const rows = database(host).query<{ key: string }, []>(`SELECT ${key} AS key FROM ${name} WHERE ${wrong}`).all();
    return rows.map(row => ({ table: name, key: String(row.key), needsForce }));
  });
}

/** Its files, if there are any, are then nobody's. */
export function dropRow(host: Host, { table, key }: Pick<DamagedRow, "table" | "key">): void {
  const found = tables.find(({ name }) => name === table);
  if (!found) return;
  host.store.transaction(() => {
    database(host).query(`DELETE FROM ${found.name} WHERE ${found.key} = ?`).run(key);
    if (table === "containers" || table === "working") database(host).query("DELETE FROM roots WHERE id = ?").run(key);
    if (table === "containers") for (const other of ["volume_uses", "execs", "addresses"]) database(host).query(`DELETE FROM ${other} WHERE container = ?`).run(key);
    if (table === "images") for (const other of ["names", "image_manifests", "image_blobs", "image_layers"]) database(host).query(`DELETE FROM ${other} WHERE image = ?`).run(key);
  });
}
