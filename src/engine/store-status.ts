// How a store mounts, in the words that podman has for it.
// Source: podman-info(1); containers-storage.conf(5).

import { statfsSync } from "node:fs";
import { findProgram } from "../base/spawn.ts";
import type { Driver } from "../storage/driver.ts";
import type { Host } from "./host.ts";

/** Podman's name for it: fuse-overlayfs is a program of its overlay driver. */
export const driverName = (driver: Driver): string => (driver === "copy" ? "vfs" : "overlay");

/** By the kernel's magic numbers, statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: "extfs", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs", 0x794c7630: "overlayfs", 0x6969: "nfs", 0x65735546: "fuse",
  0xf2f52010: "f2fs", 0x2fc12fc1: "zfs", 0xca451a4e: "bcachefs",
};

function backing(path: string): string {
  try {
    return fileSystems[statfsSync(path).type] ?? "<unknown>";
  } catch {
    return "<unknown>";
  }
}

type Describe = (path: string | undefined) => { readonly path: string; readonly package: string; readonly version: string };

function mountProgram(describe: Describe): Record<string, string> {
  const { path, package: name, version } = describe(findProgram("fuse-overlayfs"));
  return { Executable: path, Package: name, Version: version };
}

/** @param describe what `info` says of a program */
export function storeStatus({ store, storage, paths }: Host, describe: Describe): Record<string, unknown> {
  const driver = store.driver();
  const name = driverName(driver);
  const stores = storage.additionalImageStores;
  const additional = stores.length === 0 ? {} : { [`${name}.additionalImageStores`]: stores, [`${name}.imagestore`]: stores.at(-1) };
  const isNative = driver === "overlay";
  return {
    graphDriverName: name,
    graphOptions: {
      ...additional,
      ...(driver === "fuse-overlayfs" ? { "overlay.mount_program": mountProgram(describe) } : {}),
    },
    graphStatus: driver === "copy" ? {} : {
      "Backing Filesystem": backing(paths.root), "Native Overlay Diff": String(isNative), "Supports d_type": "true",
      "Supports shifting": String(isNative), "Supports volatile": "true", "Using metacopy": "false",
      "Large layers": store.layerForm() === "erofs" ? "EROFS files" : "directories",
    },
  };
}
