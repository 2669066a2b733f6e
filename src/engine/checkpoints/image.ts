// A checkpoint as an image, which can be pushed, pulled and restored from.
// Source: podman-container-checkpoint(1), "--create-image"; its annotations.

import { readFileSync } from "node:fs";
import { assembleImage } from "../../image/assemble.ts";
import { hostPlatform } from "../../image/platform.ts";
import { nowNs, rfc3339Nano } from "../../base/time.ts";
import { cgroupMode } from "../../runtime/cgroups.ts";
import { criuVersion, needCriu } from "../../runtime/criu.ts";
import { storeBlob } from "../containers/commit.ts";
import type { Host } from "../host.ts";
import { nameForNew } from "../images-name.ts";
import type { ContainerRecord } from "../state/state.ts";
import type { CheckpointOptions } from "./checkpoint.ts";
import { checkpointArchive } from "./export.ts";

const prefix = "io.podman.annotations.checkpoint.";
/** By which a checkpoint image is known. */
export const nameAnnotation = `${prefix}name`;

function annotationsOf({ name, spec }: ContainerRecord): Record<string, string> {
  const release = readFileSync("/etc/os-release", "utf8");
  const word = (key: string): string => new RegExp(`^${key}="?([^"\\n]*)"?$`, "m").exec(release)?.[1] ?? "";
  const all = {
    name, rawImageName: spec.imageName ?? "", rootfsImageID: spec.imageId ?? "", rootfsImageName: spec.imageReference ?? "",
    "podman.version": "5.8.2", "criu.version": String(criuVersion(needCriu()).number), "runtime.name": spec.runtime ?? "crun",
    "host.arch": hostPlatform().architecture, "host.kernel": readFileSync("/proc/sys/kernel/osrelease", "utf8").trim(),
    "cgroups.version": cgroupMode() === "v2" ? "v2" : "v1", "distribution.version": word("VERSION_ID"), "distribution.name": word("ID"),
  };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [prefix + key, value]));
}

/** For CheckpointOptions.use. @throws Fault "reference.malformed" at once for a name that is none */
export function imageOf(host: Host, written: string): NonNullable<CheckpointOptions["use"]> {
  const name = nameForNew(host, written);
  return async (_host, record, files) => {
    using lease = host.store.lease();
    const layer = storeBlob(host, checkpointArchive(host, record, files), lease);
    const created = rfc3339Nano(nowNs(), "utc");
    const { os, architecture, variant } = hostPlatform();
    const config = { os, architecture, ...(variant ? { variant } : {}), created, config: {}, history: [{ created, created_by: "podman container checkpoint" }] };
    await assembleImage(host.store, lease, { format: "oci", config, layers: [layer], names: [name], annotations: annotationsOf(record) });
  };
}
