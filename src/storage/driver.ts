// How container roots come together from layers: by the kernel's overlay, by fuse-overlayfs, or by copying; found out once by trying, and kept.
// Source: Documentation/filesystems/overlayfs.rst; fuse-overlayfs(1).

import * as fs from "node:fs";
import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { openDirectory } from "../kernel/files.ts";
import { createOverlay, mountOverlay, unmountAll, type OverlayMount, type OverlayOptions } from "../kernel/mounts.ts";
import { below } from "./changes.ts";
import { mountByFuse } from "./fuse-overlay.ts";
import { takeLease } from "./leases.ts";
import { isOpaque } from "./marks.ts";
import type { StorePlace } from "./place.ts";
import { privilege } from "./privilege.ts";

export type Driver = "overlay" | "fuse-overlayfs" | "copy";

const drivers: readonly Driver[] = ["overlay", "fuse-overlayfs", "copy"];
const driverFile = ({ root }: StorePlace): string => `${root}/driver`;

/** Of the stores this process has open: one mount asks several times. */
const known = new WeakMap<StorePlace, Driver>();

/** The one this store has, chosen now where none was. */
export function driverOf(place: StorePlace): Driver {
  const driver = knownDriver(place) ?? choose(place);
  known.set(place, driver);
  return driver;
}

/** The same; undefined where none was chosen. */
export const knownDriver = (place: StorePlace): Driver | undefined => known.get(place) ?? remembered(place);

function remembered(place: StorePlace): Driver | undefined {
  try {
    const text = fs.readFileSync(driverFile(place), "latin1").trim();
    return drivers.find(driver => driver === text);
  } catch {
    return undefined;
  }
}

/** The next mount chooses anew: the store may lie on another file system now, or a program may have come. */
export function forgetDriver(place: StorePlace): void {
  known.delete(place);
  fs.rmSync(driverFile(place), { force: true });
}

function choose(place: StorePlace): Driver {
  const driver = drivers.find(candidate => candidate === "copy" || works(place, candidate))!;
  if (driver !== "overlay") log.info(`the store "${place.root}" works by ${driver}: the kernel's overlay does not work there`);
  const staged = `${driverFile(place)}.${process.pid}`;
  fs.writeFileSync(staged, `${driver}\n`, { mode: 0o600 });
  fs.renameSync(staged, driverFile(place));
  return driver;
}

/** All that a container may do to a root: a change, a deletion, a directory in place of another. */
function works(place: StorePlace, driver: "overlay" | "fuse-overlayfs"): boolean {
  using lease = takeLease(place, () => {});
  const inside = (name: string): string => `${lease.directory}/${name}`;
  for (const name of ["lower", "lower/directory", "upper", "work", "target"]) fs.mkdirSync(inside(name));
  for (const name of ["lower/file", "lower/directory/file"]) fs.writeFileSync(inside(name), "");
  try {
    mountBy(driver, { lower: [inside("lower")], upper: inside("upper"), work: inside("work"), target: inside("target") });
    fs.writeFileSync(inside("target/made"), "made");
    fs.rmSync(inside("target/file"));
    fs.rmSync(inside("target/directory"), { recursive: true });
    fs.mkdirSync(inside("target/directory"));
    const shown = (name: string, ...trees: string[]): boolean => below(trees.map(inside), name).found !== undefined;
    return !shown("file", "upper", "lower") && !shown("file", "upper/directory") && isOpaque(inside("upper/directory"));
  } catch (thrown) {
    log.debug(`${driver} does not work for the store "${place.root}": ${(thrown as Error).message}`);
    return false;
  } finally {
    unmountAll(inside("target"));
  }
}

export type Mounting = OverlayMount & { readonly target: string; readonly lower: readonly string[]; readonly upper?: string; readonly work?: string };

export function mountBy(driver: "overlay" | "fuse-overlayfs", mounting: Mounting): void {
  if (driver === "fuse-overlayfs") return mountByFuse(mounting);
  mountOverlay({ ...mounting, options: { ...markOptions(), ...mounting.options } });
}

/** With marks in users' attributes the kernel follows no redirects, and refuses any word about them. */
function markOptions(): OverlayOptions {
  const userxattr = privilege().overlayMarks === "user.";
  return userxattr ? { userxattr } : { redirectDir: "off" };
}

/** The trees as one, top first, mounted nowhere: a handle for reading, or undefined where only a mount can show them. */
export function openTogether(place: StorePlace, lower: readonly string[]): number | undefined {
  if (lower.length === 1) return openDirectory(lower[0]!);
  return driverOf(place) === "overlay" ? createOverlay({ lower, options: { ...markOptions(), readOnly: true } }) : undefined;
}

/** An overlay that is not the store's, on whatever file systems: the kernel's, or where it refuses, fuse-overlayfs. */
export function mountOver(mounting: Mounting): void {
  try {
    mountOverlay(mounting);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    try {
      mountByFuse(mounting);
    } catch (second) {
      log.debug((second as Error).message);
      throw thrown;
    }
  }
}
