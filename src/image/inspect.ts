// The whole answer of `podman image inspect`, field by field in its order.

import { mediaTypes } from "../base/media-types.ts";
import type { Healthcheck, History, ImageDefaults } from "../base/oci-image.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { familyOf } from "./family.ts";
import { repoDigests, sortedKeys } from "./list.ts";
import { findReference } from "./reference.ts";
import { storedConfig, storedManifest } from "./stored-config.ts";

/** Go's order and spelling of keys. Absent keys are left out there too. */
export interface ImageInspect {
  Id: string;
  Digest: string;
  RepoTags: string[];
  RepoDigests: string[];
  Parent: string;
  Comment: string;
  Created: string | null;
  Config: InspectedDefaults;
  Version: string;
  Author: string;
  Architecture: string;
  Os: string;
  Size: number;
  VirtualSize: number;
  GraphDriver: { Name: string; Data: Record<string, string> };
  RootFS: { Type: string; Layers: string[] };
  Labels: Record<string, string> | null;
  Annotations: Record<string, string>;
  ManifestType: string;
  User: string;
  History: History[] | null;
  NamesHistory: readonly string[] | null;
  Healthcheck?: Healthcheck;
}

export type InspectedDefaults = Pick<
  ImageDefaults,
  "User" | "ExposedPorts" | "Env" | "Entrypoint" | "Cmd" | "Volumes" | "WorkingDir" | "Labels" | "StopSignal" | "ArgsEscaped"
>;

export function inspectImage(store: Store, image: StoredImage): ImageInspect {
  const config = storedConfig(store, image);
  const manifest = storedManifest(store, image);
  const isDocker = image.manifest.mediaType === mediaTypes.dockerManifest;
  const healthcheck = config.config?.Healthcheck;
  return {
    Id: image.id,
    Digest: image.manifest.digest,
    RepoTags: image.names.filter(name => findReference(name)?.tag !== undefined),
    RepoDigests: repoDigests(image),
    Parent: familyOf(store).parent(image)?.id ?? "",
    Comment: (isDocker ? config.comment : config.history?.[0]?.comment) ?? "",
    Created: config.created ?? null,
    Config: defaultsOf(config.config ?? {}),
    Version: config.docker_version ?? "",
    Author: config.author ?? "",
    Architecture: config.architecture,
    Os: config.os,
    Size: image.size,
    VirtualSize: image.size,
    GraphDriver: { Name: "overlay", Data: driverData(store, image) },
    RootFS: { Type: "layers", Layers: [...config.rootfs.diff_ids] },
    Labels: sortedKeys(config.config?.Labels),
    Annotations: sortedKeys(manifest.annotations) ?? {},
    ManifestType: image.manifest.mediaType,
    User: config.config?.User ?? "",
    History: config.history ?? null,
    NamesHistory: image.namesHistory.length === 0 ? null : image.namesHistory,
    ...(isDocker && healthcheck ? { Healthcheck: healthcheck } : {}),
  };
}

/** Empty fields are left out, as Go's omitempty does. */
function defaultsOf(defaults: ImageDefaults): InspectedDefaults {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal, ArgsEscaped } = defaults;
  const all = {
    User, ExposedPorts: sortedKeys(ExposedPorts), Env, Entrypoint, Cmd, Volumes: sortedKeys(Volumes), WorkingDir,
    Labels: sortedKeys(Labels), StopSignal, ArgsEscaped,
  };
  const isEmpty = (value: unknown) =>
    value === undefined || value === null || value === "" || value === false || (typeof value === "object" && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(all).filter(([, value]) => !isEmpty(value)));
}

/** Where the top layer lies, as overlay's LowerDir and UpperDir. */
function driverData(store: Store, image: StoredImage): Record<string, string> {
  const top = image.layers.at(-1);
  if (top === undefined) return {};
  const lower = image.layers.slice(0, -1).reverse().map(chainId => store.layers.diffPath(chainId));
  return {
    ...(lower.length === 0 ? {} : { LowerDir: lower.join(":") }),
    UpperDir: store.layers.diffPath(top),
  };
}
