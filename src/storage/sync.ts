// One write-back for all that is new, before it counts; its rows then outlive a crash of the machine.

import { close, openDirectory, syncfs } from "../kernel/files.ts";
import type { StorePlace } from "./place.ts";

export function syncRows(place: StorePlace, { layers, blobs }: { readonly layers: readonly string[]; readonly blobs: readonly string[] }): void {
  const { db } = place;
  const unsynced = (table: string, key: string, keys: readonly string[]): string[] =>
    keys.filter(value => db.query(`SELECT 1 FROM ${table} WHERE ${key} = ? AND boot IS NOT NULL`).get(value) !== null);
  const newLayers = unsynced("layers", "chain", layers);
  const newBlobs = unsynced("blobs", "digest", blobs);
  if (newLayers.length + newBlobs.length === 0) return;
  const fd = openDirectory(place.root);
  try {
    syncfs(fd);
  } finally {
    close(fd);
  }
  place.transaction(() => {
    for (const chain of newLayers) db.query("UPDATE layers SET boot = NULL WHERE chain = ?").run(chain);
    for (const digest of newBlobs) db.query("UPDATE blobs SET boot = NULL WHERE digest = ?").run(digest);
  });
}
