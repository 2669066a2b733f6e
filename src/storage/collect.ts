// Removes what nothing needs: rows first, then, while nobody can write, the files that still have no row.

import * as fs from "node:fs";
import type { Digest } from "../base/digest.ts";
import { errnoOf } from "../base/fault.ts";
import { blobPath, layerPath, partialsPath, randomName, rootPath, stagingPath, type StorePlace } from "./place.ts";
import { deleteArtifactRows } from "./artifacts.ts";
import { flock } from "../kernel/locks.ts";
import { dropAllBorrowed, dropBorrowed } from "./borrowed.ts";
import { hideTree, hideUnused } from "./erofs/views.ts";
import { dropMapped } from "./owned-trees.ts";
import { moveToTrash, sweepDeadLeases, takeLease } from "./leases.ts";
import { takeWritten } from "./write-back.ts";
import type { Collected, CollectOptions, Lease } from "./store.ts";

const partialAgeMaxMs = 24 * 60 * 60 * 1000;

const liveLayers = `
WITH RECURSIVE live (chain) AS (
  SELECT chain FROM image_layers
  UNION SELECT layer FROM roots WHERE layer IS NOT NULL
  UNION SELECT key FROM lease_holds WHERE kind = 'layer'
  UNION SELECT layers.parent FROM layers JOIN live ON layers.chain = live.chain WHERE layers.parent IS NOT NULL
)`;

interface GoneLayer {
  chain: Digest;
  size: number;
}

interface GoneBlob {
  digest: Digest;
  size: number;
}

const noLease = (): void => {};
/** From here on a command does not wait for the removal. */
const muchBytesMin = 16 * 1024 * 1024;

export function collect(place: StorePlace, options: CollectOptions = {}): Collected {
  // The lease is there before the rows are gone: should we die, the next command looks for what lost them.
  let lease: Lease | undefined;
  const [layers, blobs] = place.transaction(() => {
    const gone = deleteRows(place);
    if (gone[0].length + gone[1].length > 0) lease = takeLease(place, noLease);
    return gone;
  });
  if (options.orphans) {
    dropOrphans(place);
    hideUnused(place);
  }
  dropPartials(place, options.partialAgeMaxMs ?? partialAgeMaxMs);
  if (lease !== undefined) removeFiles(place, { layers, blobs }, lease);
  const bytes = [...layers, ...blobs].reduce((sum, { size }) => sum + size, 0);
  return { layers: layers.length, blobs: blobs.length, bytes };
}

function deleteRows(place: StorePlace): [GoneLayer[], GoneBlob[]] {
  return [
    place.db.query<GoneLayer, []>(`DELETE FROM layers WHERE chain NOT IN (${liveLayers} SELECT chain FROM live) RETURNING chain, size`).all(),
    place.db.query<GoneBlob, []>(`DELETE FROM blobs WHERE digest NOT IN (
        SELECT digest FROM image_blobs UNION SELECT digest FROM artifact_blobs UNION SELECT key FROM lease_holds WHERE kind = 'blob'
        UNION SELECT blob FROM layers
      ) RETURNING digest, size`).all(),
  ];
}

function removeFiles(place: StorePlace, gone: { layers: readonly GoneLayer[]; blobs: readonly GoneBlob[] }, lease: Lease): void {
  const bytes = [...gone.layers, ...gone.blobs].reduce((sum, { size }) => sum + size, 0);
  try {
    moveFiles(place, gone, lease);
  } finally {
    lease.release({ afterwards: bytes >= muchBytesMin });
  }
}

function moveFiles(place: StorePlace, gone: { layers: readonly GoneLayer[]; blobs: readonly GoneBlob[] }, lease: Lease): void {
  place.transaction(() => {
    for (const { chain } of gone.layers) {
      if (!hasRow(place, "layers WHERE chain = ?", chain)) dropLayer(place, chain, lease);
    }
    dropBorrowed(place, lease);
    if (gone.layers.length > 0) dropMapped(place, lease, name => hasRow(place, "layers WHERE chain = ?", `sha256:${name}`));
    for (const { digest } of gone.blobs) {
      if (!hasRow(place, "blobs WHERE digest = ?", digest)) moveToTrash(blobPath(place, digest), lease);
    }
  });
}

function dropLayer(place: StorePlace, chain: Digest, lease: Lease): void {
  hideTree(place, chain);
  moveToTrash(layerPath(place, chain), lease);
}

const hasRow = (place: StorePlace, where: string, key: string): boolean =>
  place.db.query(`SELECT 1 FROM ${where}`).get(key) !== null;

/** Downloads that nobody is writing and that are older than this. */
function dropPartials(place: StorePlace, ageMaxMs: number): void {
  for (const name of fs.readdirSync(partialsPath(place))) {
    const file = `${partialsPath(place)}/${name}`;
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    const isResumable = name.startsWith("sha");
    if (stat === undefined || (isResumable && Date.now() - stat.mtimeMs < ageMaxMs)) continue;
    dropUnheld(file);
  }
}

/** Another sweep, or its writer's commit, may have been faster. */
function dropUnheld(file: string): void {
  let fd: number;
  try {
    fd = fs.openSync(file, "r");
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return;
    throw thrown;
  }
  try {
    if (flock(fd, { exclusive: true, wait: false })) fs.rmSync(file, { force: true });
  } finally {
    fs.closeSync(fd);
  }
}

/** At every opening: one look at the staging directory, and more only when a process has died in the middle. */
export function sweep(place: StorePlace): void {
  const isNewBoot = place.db.query<{ boot: string }, []>("SELECT boot FROM boots").get()?.boot !== place.boot();
  const hadDead = fs.readdirSync(stagingPath(place)).length > 0 && sweepDeadLeases(place);
  takeWritten(place);
  if (isNewBoot) dropUnsynced(place);
  if (hadDead || isNewBoot) dropOrphans(place);
}

/** After a crash of the machine, files that were never synced may be empty; and rows may have outlived files. */
function dropUnsynced(place: StorePlace): void {
  using lease = takeLease(place, noLease);
  place.transaction(() => {
    const boot = place.boot();
    place.db.query("DELETE FROM blobs WHERE boot IS NOT NULL AND boot <> ?").run(boot);
    const blobs = place.db.query<{ digest: Digest; size: number }, []>("SELECT digest, size FROM blobs").all();
    for (const { digest, size } of blobs) {
      const found = fs.statSync(blobPath(place, digest), { throwIfNoEntry: false })?.size;
      if (found !== size) place.db.query("DELETE FROM blobs WHERE digest = ?").run(digest);
    }
    dropTrees(place, lease);
    dropAllBorrowed(place, lease);
    dropBrokenImages(place);
    place.db.query("INSERT OR REPLACE INTO boots VALUES (1, ?)").run(boot);
  });
}

/** Stands behind the boot in a layer's row whose tree was taken away so. */
export const droppedMark = " dropped";

/** Trees that cannot be trusted go. A layer whose blob is there stays: it is unpacked again when it is needed (`Layers.trees`). */
function dropTrees(place: StorePlace, lease: Lease): void {
  const rows = place.db.query<{ chain: Digest; boot: string | null; kept: number }, []>(
    "SELECT chain, boot, blob IN (SELECT digest FROM blobs) AS kept FROM layers").all();
  for (const { chain, boot, kept } of rows) {
    const isSound = boot === null || boot.startsWith(place.boot());
    if (isSound && fs.existsSync(layerPath(place, chain))) continue;
    dropLayer(place, chain, lease);
    if (kept) place.db.query("UPDATE layers SET boot = ? WHERE chain = ?").run(`${place.boot()}${droppedMark}`, chain);
    else place.db.query("DELETE FROM layers WHERE chain = ?").run(chain);
  }
}

/** Images and artifacts that have lost a layer or blob are of no use: their names go, so that the next pull makes them whole. */
function dropBrokenImages(place: StorePlace): void {
  const broken = place.db.query<{ image: string }, []>(`
    SELECT image FROM image_layers WHERE chain NOT IN (SELECT chain FROM layers)
    UNION SELECT image FROM image_blobs WHERE digest NOT IN (SELECT digest FROM blobs)`).all();
  for (const { image } of broken) deleteImageRows(place, image);
  const incomplete = place.db.query<{ artifact: string }, []>("SELECT DISTINCT artifact FROM artifact_blobs WHERE digest NOT IN (SELECT digest FROM blobs)").all();
  for (const { artifact } of incomplete) deleteArtifactRows(place.db, artifact);
}

export function deleteImageRows(place: StorePlace, id: string): void {
  place.db.query("DELETE FROM images WHERE id = ?").run(id);
  for (const table of ["names", "image_manifests", "image_blobs", "image_layers", "image_signatures"]) {
    place.db.query(`DELETE FROM ${table} WHERE image = ?`).run(id);
  }
}

/** Files and trees without a row, as paths in the store. */
export function orphans(place: StorePlace): string[] {
  const without = (directory: string, where: string, keyOf: (name: string) => string): string[] => fs.readdirSync(`${place.root}/${directory}`)
    .filter(name => !hasRow(place, where, keyOf(name))).map(name => `${directory}/${name}`);
  return [
    ...without("layers", "layers WHERE chain = ?", name => `sha256:${name}`),
    ...without("blobs/sha256", "blobs WHERE digest = ?", name => `sha256:${name}`),
    ...without("roots", "roots WHERE id = ?", name => name),
  ];
}

/** Nobody can show anything new meanwhile. */
function dropOrphans(place: StorePlace): void {
  using lease = takeLease(place, noLease);
  place.transaction(() => {
    dropBorrowed(place, lease);
    for (const path of orphans(place)) {
      if (path.startsWith("layers/")) dropLayer(place, `sha256:${path.slice("layers/".length)}`, lease);
      else moveToTrash(`${place.root}/${path}`, lease);
    }
    dropMapped(place, lease, name => hasRow(place, "layers WHERE chain = ?", `sha256:${name}`));
  });
  dropPartials(place, partialAgeMaxMs);
}
