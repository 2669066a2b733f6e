// State: what is kept of containers, volumes, exec sessions and addresses, in the store's database.

import type { Database } from "bun:sqlite";
import { guarded } from "../../storage/db.ts";
import type { ContainerSpec } from "../../base/container-spec.ts";
import type { ContainerState } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import { fromStored, storedFields } from "../../base/stored.ts";

/** One container as kept. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly state: ContainerState;
}

/** One volume as kept; its files lie under the volumes directory. */
export interface VolumeRecord {
  readonly name: string;
  readonly driver: string;
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly anonymous: boolean;
  readonly uid?: number;
  readonly gid?: number;
  readonly needsCopyUp: boolean;
  readonly needsChown?: boolean;
}

/** One running or ended exec session. */
export interface ExecRecord {
  readonly id: string;
  readonly containerId: string;
  readonly pid: number;
  readonly pidStart?: number;
  readonly command: readonly string[];
  readonly terminal: boolean;
  readonly user?: string;
  readonly exitCode?: number;
  /** Our own process that serves the session's streams. */
  readonly owner?: { readonly pid: number; readonly start: number };
}

export interface State {
  /** In order of creation. */
  containers(): ContainerRecord[];
  /** Those that run and have a health check. */
  withHealthcheck(): ContainerRecord[];
  /** Those that need others, such as the one whose network they share. */
  withRequirements(): ContainerRecord[];
  findById(id: string): ContainerRecord | undefined;
  findByName(name: string): ContainerRecord | undefined;
  /** At most a handful: enough to tell one from many. */
  findByPrefix(prefix: string): ContainerRecord[];
  latest(): ContainerRecord | undefined;
  /** @throws Fault "container.name-in-use" */
  insert(record: ContainerRecord): void;
  saveState(id: string, state: ContainerState): void;
  saveSpec(id: string, spec: ContainerSpec): void;
  rename(id: string, name: string): void;
  remove(id: string): void;
  /** Exit codes outlive their containers for a while, for those who wait. */
  keepExitCode(id: string, code: number): void;
  exitCode(id: string): number | undefined;
  usersOfImage(imageId: string): string[];

  volumes(): VolumeRecord[];
  findVolume(name: string): VolumeRecord | undefined;
  findVolumesByPrefix(prefix: string): VolumeRecord[];
  /** False when the name is taken. */
  insertVolume(volume: VolumeRecord): boolean;
  saveVolume(volume: VolumeRecord): void;
  removeVolume(name: string): void;
  useVolume(name: string, containerId: string): void;
  usersOfVolume(name: string): string[];

  execs(containerId: string): ExecRecord[];
  findExec(id: string): ExecRecord | undefined;
  saveExec(session: ExecRecord): void;
  removeExec(id: string): void;

  /** False when the address is taken on that network. */
  takeAddress(network: string, ip: string, containerId: string): boolean;
  addressesOf(network: string): { ip: string; containerId: string }[];
  freeAddresses(containerId: string): void;
  freeAddressesOn(network: string, containerId: string): void;
  /** Notes a container whose network is still to be taken down; its addresses stay taken until that is done, whatever becomes of it. */
  noteLeaving(record: ContainerRecord): void;
  /** The same for what is in the making or going, under its own or another name: while nobody holds the lock of that name, whoever had it has died. */
  noteUnfinished(record: ContainerRecord, name?: string): void;
  findLeaving(id: string): ContainerRecord | undefined;
  /** `at` in milliseconds since the epoch. */
  leavings(): { id: string; at: number }[];
  forgetLeaving(id: string): void;
  /** Runs `act` as one short write transaction. */
  transaction<T>(act: () => T): T;
}

export const stateSchema = `
CREATE TABLE containers (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  image TEXT NOT NULL,
  spec TEXT NOT NULL,
  state TEXT NOT NULL
);
CREATE INDEX containers_image ON containers (image);
CREATE TABLE exit_codes (id TEXT PRIMARY KEY, code INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE volumes (name TEXT PRIMARY KEY, volume TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE volume_uses (volume TEXT NOT NULL, container TEXT NOT NULL, PRIMARY KEY (volume, container)) WITHOUT ROWID;
CREATE TABLE execs (id TEXT PRIMARY KEY, container TEXT NOT NULL, session TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX execs_container ON execs (container);
CREATE TABLE addresses (network TEXT NOT NULL, ip TEXT NOT NULL, container TEXT NOT NULL, PRIMARY KEY (network, ip)) WITHOUT ROWID;
CREATE INDEX addresses_container ON addresses (container);
`;

export const leavingSchema = "CREATE TABLE leaving (id TEXT PRIMARY KEY, at INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;";

const hasRequirements = "json_extract(spec, '$.requires') IS NOT NULL";
/** Asked for each container that is removed: without it all would be read each time. */
export const requirementsSchema = `CREATE INDEX containers_requiring ON containers (seq) WHERE ${hasRequirements};`;

interface ContainerRow {
  id: string;
  name: string;
  spec: string;
  state: string;
}

const exitCodeKeptSeconds = 300;
const columns = "id, name, spec, state";

function recordOf(row: ContainerRow): ContainerRecord {
  const what = `container ${row.id}`;
  return { id: row.id, name: row.name, spec: fromStored(row.spec, what), state: fromStored(row.state, what, storedFields.state) };
}

type Value = string | number;

/** What every part below is made from. */
function queries(db: Database) {
  return {
    rows: <T>(sql: string, ...values: Value[]): T[] => db.query(sql).all(...values) as T[],
    row: <T>(sql: string, ...values: Value[]): T | undefined => (db.query(sql).get(...values) as T | null) ?? undefined,
    run: (sql: string, ...values: Value[]): number => guarded(() => db.query(sql).run(...values).changes, db.filename),
  };
}

type Queries = ReturnType<typeof queries>;

function readContainers({ rows, row }: Queries) {
  const one = (sql: string, ...values: Value[]) => {
    const found = row<ContainerRow>(`SELECT ${columns} FROM containers ${sql}`, ...values);
    return found && recordOf(found);
  };
  const upper = (prefix: string) => `${prefix}g`;
  return {
    containers: () => rows<ContainerRow>(`SELECT ${columns} FROM containers ORDER BY seq`).map(recordOf),
    withHealthcheck: () => rows<ContainerRow>(`SELECT ${columns} FROM containers WHERE CASE WHEN json_valid(state) THEN json_extract(state, '$.status') END = 'running'
      AND json_extract(spec, '$.health.check') IS NOT NULL ORDER BY seq`).map(recordOf),
    withRequirements: () => rows<ContainerRow>(`SELECT ${columns} FROM containers WHERE ${hasRequirements} ORDER BY seq`).map(recordOf),
    findById: (id: string) => one("WHERE id = ?", id),
    findByName: (name: string) => one("WHERE name = ?", name),
    findByPrefix: (prefix: string) => /^[0-9a-f]{1,64}$/.test(prefix)
      ? rows<ContainerRow>(`SELECT ${columns} FROM containers WHERE id >= ? AND id < ? LIMIT 3`, prefix, upper(prefix)).map(recordOf)
      : [],
    latest: () => one("ORDER BY seq DESC LIMIT 1"),
    usersOfImage: (imageId: string) => rows<{ id: string }>("SELECT id FROM containers WHERE image = ?1 UNION ALL SELECT id FROM working WHERE image = ?1", imageId).map(user => user.id),
    exitCode: (id: string) => row<{ code: number }>("SELECT code FROM exit_codes WHERE id = ?", id)?.code,
  };
}

function writeContainers({ row, run }: Queries, transaction: <T>(act: () => T) => T) {
  const insert = ({ id, name, spec, state }: ContainerRecord) => {
    const holder = row<{ id: string }>("SELECT id FROM containers WHERE name = ?1 UNION ALL SELECT id FROM working WHERE name = ?1", name);
    if (holder) throw nameInUse(name, holder.id, row("SELECT 1 FROM working WHERE name = ?", name) !== undefined);
    run("INSERT INTO containers (id, name, image, spec, state) VALUES (?, ?, ?, ?, ?)", id, name, spec.imageId ?? "", JSON.stringify(spec), JSON.stringify(state));
  };
  const remove = (id: string) => {
    for (const table of ["volume_uses", "execs"]) run(`DELETE FROM ${table} WHERE container = ?`, id);
    run("DELETE FROM addresses WHERE container = ?1 AND NOT EXISTS (SELECT 1 FROM leaving WHERE id = ?1)", id);
    run("DELETE FROM containers WHERE id = ?", id);
  };
  const keepExitCode = (id: string, code: number) => {
    const now = Math.floor(Date.now() / 1000);
    run("DELETE FROM exit_codes WHERE at < ?", now - exitCodeKeptSeconds);
    run("INSERT OR REPLACE INTO exit_codes (id, code, at) VALUES (?, ?, ?)", id, code, now);
  };
  return {
    insert: (record: ContainerRecord) => transaction(() => insert(record)),
    saveState: (id: string, state: ContainerState) => void run("UPDATE containers SET state = ? WHERE id = ?", JSON.stringify(state), id),
    saveSpec: (id: string, spec: ContainerSpec) => void run("UPDATE containers SET spec = ? WHERE id = ?", JSON.stringify(spec), id),
    rename: (id: string, name: string) => transaction(() => {
      const holder = row<{ id: string }>("SELECT id FROM containers WHERE name = ?1 UNION ALL SELECT id FROM working WHERE name = ?1", name);
      if (holder && holder.id !== id) throw nameInUse(name, holder.id);
      run("UPDATE containers SET name = ? WHERE id = ?", name, id);
    }),
    remove: (id: string) => transaction(() => remove(id)),
    keepExitCode: (id: string, code: number) => transaction(() => keepExitCode(id, code)),
  };
}

/** Podman's wording, which scripts match. */
export function nameInUse(name: string, holder: string, isExternal = false): Fault {
  const by = isExternal ? " by an external entity" : "";
  return new Fault("container.name-in-use", `creating container storage: the container name "${name}" is already in use by ${holder}. You have to remove that container to be able to reuse that name: that name is already in use${by}, or use --replace to instruct Podman to do so.`);
}

function volumeParts({ rows, row, run }: Queries) {
  const parse = (found: { volume: string }): VolumeRecord => fromStored(found.volume, "a volume", storedFields.volume);
  return {
    volumes: () => rows<{ volume: string }>("SELECT volume FROM volumes ORDER BY name").map(parse),
    findVolume: (name: string) => {
      const found = row<{ volume: string }>("SELECT volume FROM volumes WHERE name = ?", name);
      return found && parse(found);
    },
    findVolumesByPrefix: (prefix: string) =>
      rows<{ volume: string }>("SELECT volume FROM volumes WHERE substr(name, 1, length(?1)) = ?1 LIMIT 3", prefix).map(parse),
    insertVolume: (volume: VolumeRecord) =>
      run("INSERT OR IGNORE INTO volumes (name, volume) VALUES (?, ?)", volume.name, JSON.stringify(volume)) > 0,
    saveVolume: (volume: VolumeRecord) => void run("UPDATE volumes SET volume = ? WHERE name = ?", JSON.stringify(volume), volume.name),
    removeVolume: (name: string) => {
      run("DELETE FROM volume_uses WHERE volume = ?", name);
      run("DELETE FROM volumes WHERE name = ?", name);
    },
    useVolume: (name: string, containerId: string) =>
      void run("INSERT OR IGNORE INTO volume_uses (volume, container) VALUES (?, ?)", name, containerId),
    usersOfVolume: (name: string) =>
      rows<{ container: string }>("SELECT container FROM volume_uses WHERE volume = ?", name).map(user => user.container),
  };
}

function execParts({ rows, row, run }: Queries) {
  return {
    execs: (containerId: string) =>
      rows<{ session: string }>("SELECT session FROM execs WHERE container = ?", containerId).map(found => fromStored<ExecRecord>(found.session, "a session of exec", storedFields.session)),
    findExec: (id: string) => {
      const found = row<{ session: string }>("SELECT session FROM execs WHERE id = ?", id);
      return found && fromStored<ExecRecord>(found.session, "a session of exec", storedFields.session);
    },
    saveExec: (session: ExecRecord) =>
      void run("INSERT OR REPLACE INTO execs (id, container, session) VALUES (?, ?, ?)", session.id, session.containerId, JSON.stringify(session)),
    removeExec: (id: string) => void run("DELETE FROM execs WHERE id = ?", id),
  };
}

function addressParts({ rows, run }: Queries) {
  return {
    takeAddress: (network: string, ip: string, containerId: string) =>
      run("INSERT OR IGNORE INTO addresses (network, ip, container) VALUES (?, ?, ?)", network, ip, containerId) > 0,
    addressesOf: (network: string) =>
      rows<{ ip: string; containerId: string }>("SELECT ip, container AS containerId FROM addresses WHERE network = ?", network),
    freeAddressesOn: (network: string, containerId: string) => void run("DELETE FROM addresses WHERE network = ? AND container = ?", network, containerId),
    freeAddresses: (containerId: string) => void run("DELETE FROM addresses WHERE container = ?", containerId),
  };
}

function leavingParts({ rows, row, run }: Queries) {
  return {
    noteLeaving: (record: ContainerRecord) =>
      void run("INSERT OR REPLACE INTO leaving (id, at, record) VALUES (?, ?, ?)", record.id, Date.now(), JSON.stringify(record)),
    noteUnfinished: (record: ContainerRecord, name = record.id) =>
      void run("INSERT OR REPLACE INTO leaving (id, at, record) VALUES (?, 0, ?)", name, JSON.stringify(record)),
    findLeaving: (id: string) => {
      const found = row<{ record: string }>("SELECT record FROM leaving WHERE id = ?", id);
      return found && fromStored<ContainerRecord>(found.record, `what is left of ${id}`);
    },
    leavings: () => rows<{ id: string; at: number }>("SELECT id, at FROM leaving"),
    forgetLeaving: (id: string) => void run("DELETE FROM leaving WHERE id = ?", id),
  };
}

/** The state in an opened database whose tables are there (`stateSchema`). */
export function openState(db: Database): State {
  const parts = queries(db);
  const transaction = <T>(act: () => T): T => db.inTransaction ? act() : db.transaction(act).immediate();
  return {
    ...readContainers(parts),
    ...writeContainers(parts, transaction),
    ...volumeParts(parts),
    ...execParts(parts),
    ...addressParts(parts),
    ...leavingParts(parts),
    transaction,
  };
}
