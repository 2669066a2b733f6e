// Working containers: what `buildah from` makes, kept in the store's database beside podman's containers.
// Source: buildah-from(1).

import type { ContainerSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { fromStored, storedFields } from "../../base/stored.ts";
import type { History, ImageConfig } from "../../base/oci-image.ts";
import type { Host } from "../host.ts";

export interface WorkingContainer {
  readonly id: string;
  readonly name: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** "" for scratch, as the two below. */
  readonly imageId: string;
  readonly imageName: string;
  readonly imageDigest: string;
  /** Of the image it will become, unless commit is told otherwise. */
  readonly format: "oci" | "docker";
  /** Of the base, with what `config` changed since. */
  readonly config: ImageConfig;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdBy?: string;
  readonly historyComment?: string;
  /** History without layers, to stand before the layer of the next commit. */
  readonly prepended?: readonly History[];
  /** How commands run in it, as `from` was told. */
  readonly run: ContainerSpec;
  /** Layers of their own, by --link: trees that the next commit puts on top. */
  readonly links?: readonly { readonly directory: string; readonly createdBy: string }[];
  readonly isolation?: string;
  /** Kept for inspect alone: networks are netavark's. */
  readonly cni?: { readonly configDir: string; readonly pluginPath: string };
  /** Mounted by `mount`, until `umount`. */
  readonly isMounted: boolean;
}

export const workingSchema = `
CREATE TABLE working (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  image TEXT NOT NULL,
  record TEXT NOT NULL
);
CREATE INDEX working_image ON working (image);
`;

interface Row {
  readonly record: string;
}

/** Opens the host's state first, which makes the table. */
const database = (host: Host): Host["store"]["db"] => {
  void host.state;
  return host.store.db;
};

const read = (row: Row | null): WorkingContainer | undefined => (row === null ? undefined : fromStored<WorkingContainer>(row.record, "a working container", storedFields.working));

/** In order of creation. */
export function workingContainers(host: Host): WorkingContainer[] {
  return database(host).query<Row, []>("SELECT record FROM working ORDER BY seq").all().map(row => read(row)!);
}

/** By ID, name or the start of one ID. */
export function findWorking(host: Host, wanted: string): WorkingContainer | undefined {
  const db = database(host);
  const exact = read(db.query<Row, [string, string]>("SELECT record FROM working WHERE id = ? OR name = ?").get(wanted, wanted));
  if (exact !== undefined || !/^[0-9a-f]{1,64}$/.test(wanted)) return exact;
  const found = db.query<Row, [string, string]>("SELECT record FROM working WHERE id >= ? AND id < ? LIMIT 2").all(wanted, `${wanted}g`);
  return found.length === 1 ? read(found[0]!) : undefined;
}

/** The cause alone: verbs put in front what they attempted. */
export const unknownContainer = (): Fault => new Fault("container.not-found", "container not known");

/** @throws Fault "container.not-found" worded `container not known` */
export function getWorking(host: Host, wanted: string): WorkingContainer {
  const found = findWorking(host, wanted);
  if (found === undefined) throw unknownContainer();
  return found;
}

export const isNameTaken = (host: Host, name: string): boolean =>
  host.state.findByName(name) !== undefined ||
  database(host).query("SELECT 1 FROM working WHERE name = ?").get(name) !== null;

/** Inside a transaction with the root's making. @throws Fault "container.name-in-use" */
export function insertWorking(host: Host, record: WorkingContainer): void {
  const holder = host.state.findByName(record.name)?.id ?? findWorking(host, record.name)?.id;
  if (holder !== undefined) {
    throw new Fault("container.name-in-use", `creating container: the container name "${record.name}" is already in use by ${holder}. You have to remove that container to be able to reuse that name: that name is already in use`);
  }
  database(host).query("INSERT INTO working (id, name, image, record) VALUES (?, ?, ?, ?)")
    .run(record.id, record.name, record.imageId, JSON.stringify(record));
}

/** Reads it anew, changes it and writes it, as one transaction. @throws Fault "container.not-found" */
export function changeWorking(host: Host, id: string, change: (record: WorkingContainer) => WorkingContainer): WorkingContainer {
  const db = database(host);
  return host.store.transaction(() => {
    const changed = change(getWorking(host, id));
    db.query("UPDATE working SET name = ?, record = ? WHERE id = ?").run(changed.name, JSON.stringify(changed), id);
    return changed;
  });
}

export function deleteWorkingRow(host: Host, id: string): void {
  database(host).query("DELETE FROM working WHERE id = ?").run(id);
}

export const workingOfImage = (host: Host, imageId: string): WorkingContainer[] =>
  database(host).query<Row, [string]>("SELECT record FROM working WHERE image = ? ORDER BY seq").all(imageId).map(row => read(row)!);
