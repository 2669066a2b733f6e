// What is new reaches the disk before it counts: blobs at once; trees, which can be unpacked again from them, soon after.

import * as fs from "node:fs";
import type { Digest } from "../base/digest.ts";
import { AT_FDCWD, close, fdatasync, fsync, O_RDONLY, openat2, openDirectory, syncfs } from "../kernel/files.ts";
import { blobPath, type StorePlace } from "./place.ts";
import { writeBackSoon } from "./write-back.ts";

export interface NewRows {
  readonly layers: readonly string[];
  readonly blobs: readonly Digest[];
}

/** After it a crash of the machine takes nothing of these. */
export function syncRows(place: StorePlace, { layers, blobs }: NewRows): void {
  const { db } = place;
  const unsynced = <T extends string>(table: string, key: string, keys: readonly T[]): T[] =>
    keys.filter(value => db.query(`SELECT 1 FROM ${table} WHERE ${key} = ? AND boot IS NOT NULL`).get(value) !== null);
  const newBlobs = unsynced("blobs", "digest", blobs);
  if (newBlobs.length > 0) {
    syncBlobs(place, newBlobs);
    place.transaction(() => {
      for (const digest of newBlobs) db.query("UPDATE blobs SET boot = NULL WHERE digest = ?").run(digest);
    });
  }
  const newLayers = unsynced("layers", "chain", layers);
  if (newLayers.length === 0) return;
  const hasArchive = (chain: string): boolean =>
    db.query("SELECT 1 FROM layers JOIN blobs ON layers.blob = blobs.digest WHERE chain = ? AND blobs.boot IS NULL").get(chain) !== null;
  if (newLayers.every(hasArchive) && writeBackSoon(place, newLayers)) return;
  syncAll(place);
  place.transaction(() => {
    for (const chain of newLayers) db.query("UPDATE layers SET boot = NULL WHERE chain = ?").run(chain);
  });
}

function syncBlobs(place: StorePlace, digests: readonly Digest[]): void {
  const folders = new Set<string>();
  for (const digest of digests) {
    const file = blobPath(place, digest);
    folders.add(file.slice(0, file.lastIndexOf("/")));
    const fd = openat2(AT_FDCWD, file, { flags: O_RDONLY });
    try {
      fdatasync(fd);
    } finally {
      close(fd);
    }
  }
  for (const folder of folders) {
    if (!fs.existsSync(folder)) continue;
    const fd = openDirectory(folder);
    try {
      fsync(fd);
    } finally {
      close(fd);
    }
  }
}

function syncAll(place: StorePlace): void {
  const fd = openDirectory(place.root);
  try {
    syncfs(fd);
  } finally {
    close(fd);
  }
}
