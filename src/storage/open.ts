// Opening a store: its directories, its database, its parts, and the sweep of what dead processes left.

import * as fs from "node:fs";
import { errnoOf, Fault, reasonOf, systemFault } from "../base/fault.ts";
import { withAdditional } from "./additional.ts";
import { artifactsSchema, openArtifacts } from "./artifacts.ts";
import { openBlobs } from "./blobs.ts";
import { collect, orphans, sweep } from "./collect.ts";
import { openDatabase } from "./db.ts";
import { driverOf, forgetDriver } from "./driver.ts";
import { formFor } from "./erofs/choice.ts";
import { openImages } from "./images.ts";
import { openLayers } from "./layers.ts";
import { takeLease } from "./leases.ts";
import { directories, readBoot, type StorePlace } from "./place.ts";
import { keepReserve } from "./reserve.ts";
import { openRoots } from "./roots.ts";
import { signaturesSchema, storageSchema } from "./schema.ts";
import type { CollectOptions, Lease, Store, StoreOptions, StoreUsage } from "./store.ts";

/** @throws Fault when the directory cannot be made or is no sound store */
export function openStore({ root, runroot, ownsProcess, layerForm, additional = [] }: StoreOptions): Store {
  if (!root.startsWith("/") || !runroot.startsWith("/")) {
    throw new Fault("config.invalid", `cannot open the store "${root}": root and runroot must be absolute`, {
      hint: "give --root and --runroot as paths that begin with /",
    });
  }
  makeDirectories(root);
  const database = openDatabase(`${root}/coracle.db`, ownsProcess ? { ownsProcess } : {});
  database.migrate("storage", 1, storageSchema);
  database.migrate("signatures", 1, signaturesSchema);
  database.migrate("artifacts", 1, artifactsSchema);
  let boot: string | undefined;
  const place: StorePlace = { root, runroot, ...(layerForm ? { layerForm } : {}), ...database, boot: () => (boot ??= readBoot()) };
  sweep(place);
  if (ownsProcess) keepReserve(place);
  return assemble(place, additional);
}

function assemble(place: StorePlace, additional: readonly string[]): Store {
  const collectNow = (options?: CollectOptions) => collect(place, options);
  const lease = (): Lease => takeLease(place, collectNow);
  const ownBlobs = openBlobs(place);
  const own = { blobs: ownBlobs, layers: openLayers(place, { blobs: ownBlobs, lease }), images: openImages(place, { blobs: ownBlobs, collect: collectNow }) };
  const { blobs, layers, images } = additional.length === 0 ? own : withAdditional(own, { roots: additional, place });
  return {
    root: place.root,
    runroot: place.runroot,
    db: place.db,
    transaction: place.transaction,
    reading: place.reading,
    passing: place.passing,
    lasting: place.lasting,
    migrate: place.migrate,
    blobs,
    layers,
    images,
    artifacts: openArtifacts(place, collectNow),
    roots: openRoots(place, layers),
    lease,
    collect: collectNow,
    orphans: () => orphans(place),
    usage: () => usage(place),
    driver: () => driverOf(place),
    layerForm: () => formFor(place, Infinity),
    forgetDriver: () => forgetDriver(place),
    close: place.close,
  };
}

function makeDirectories(root: string): void {
  try {
    if (fs.existsSync(`${root}/${directories.at(-1)}`)) return;
    for (const directory of directories) fs.mkdirSync(`${root}/${directory}`, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw systemFault(errnoOf(thrown) ?? "EIO", `cannot make the store "${root}": ${reasonOf(thrown)}`, thrown);
  }
}

function usage({ db }: StorePlace): StoreUsage {
  return db.query<StoreUsage, []>(`SELECT
    (SELECT count(*) FROM images) AS images,
    (SELECT coalesce(sum(size), 0) FROM blobs) AS blobBytes,
    (SELECT coalesce(sum(size), 0) FROM layers) AS layerBytes`).get()!;
}
