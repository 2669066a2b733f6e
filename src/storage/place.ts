// What all parts of one opened store share: where things lie, its database, and which boot this is.

import * as fs from "node:fs";
import { hexOf, type Digest } from "../base/digest.ts";
import { close, openDirectory, spreadChildren } from "../kernel/files.ts";
import type { StoreDatabase } from "./db.ts";
import type { LayerForm } from "./store.ts";

export interface StorePlace extends StoreDatabase {
  readonly root: string;
  readonly runroot: string;
  readonly layerForm?: LayerForm;
  /** This boot's ID, as rows that are not synced carry it. */
  boot(): string;
}

export const directories = ["blobs/sha256", "blobs/partial", "layers", "roots", "staging"] as const;

/** A directory, or an EROFS file. */
export const layerPath = (place: StorePlace, chainId: Digest): string => `${place.root}/layers/${hexOf(chainId)}`;
export const rootPath = (place: StorePlace, id: string): string => `${place.root}/roots/${id}`;
export const stagingPath = (place: StorePlace): string => `${place.root}/staging`;
export const partialsPath = (place: StorePlace): string => `${place.root}/blobs/partial`;

/** sha256 and the others lie beside each other, as an OCI image layout has them. */
export const blobPath = (place: StorePlace, digest: Digest): string =>
  `${place.root}/blobs/${digest.slice(0, digest.indexOf(":"))}/${hexOf(digest)}`;

export const readBoot = (): string => fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();

export function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Buffer.from(bytes).toString("hex");
}

/**
 * To be called for a directory before large trees are made in it. They are written side by side; beside each other on ext4 they
 * would stand in each other's way, and where images were just removed the kernel would look for a free inode among thousands
 * that it may not use again yet: two thirds of a pull's time in the kernel.
 */
export function spreadTrees(directory: string): void {
  const fd = openDirectory(directory);
  try {
    spreadChildren(fd);
  } finally {
    close(fd);
  }
}
