// --output: what was built, put elsewhere than the store: a directory, an archive, a registry.
// Source: buildah-build(1), "--output".

import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { exportTree, tarOf } from "../engine/steps/export.ts";
import { randomId } from "../engine/containers/names.ts";
import type { Host } from "../engine/host.ts";
import type { StoredImage } from "../storage/store.ts";

export interface BuildOutput {
  readonly type: "local" | "tar" | "oci" | "docker" | "image" | "registry";
  /** A path, "-" for standard output, or a name. */
  readonly dest: string;
}

const types = ["local", "tar", "oci", "docker", "image", "registry"] as const;

/** @throws Fault "usage.invalid" */
export function readOutput(written: string): BuildOutput {
  if (written === "-") return { type: "tar", dest: "-" };
  if (!written.includes(",") && !written.startsWith("type=")) return { type: "local", dest: written };
  const invalid = (message: string): Fault => new Fault("usage.invalid", message, { hint: "write it as --output type=TYPE,dest=PATH" });
  const found = new Map<string, string>();
  for (const option of written.split(",")) {
    const equals = option.indexOf("=");
    if (equals < 0) throw invalid(`invalid build output options ${JSON.stringify(written)}, expected format key=value`);
    const key = option.slice(0, equals) === "name" ? "dest" : option.slice(0, equals);
    if (found.has(key)) throw invalid(`duplicate ${JSON.stringify(key)} not supported`);
    if (key === "push") continue;
    if (key !== "type" && key !== "dest") throw invalid(`unrecognized key ${JSON.stringify(key)} in build output option: ${JSON.stringify(written)}`);
    found.set(key, option.slice(equals + 1));
  }
  const type = types.find(one => one === found.get("type"));
  if (found.get("type") && type === undefined) throw invalid(`invalid type ${JSON.stringify(found.get("type"))} selected for build output options ${JSON.stringify(written)}`);
  const dest = found.get("dest") ?? "";
  if (type === undefined || (dest === "" && type !== "image" && type !== "registry")) {
    throw invalid(`invalid build output option ${JSON.stringify(written)}, accepted keys are "type" and "dest" must be present`);
  }
  if (type === "local" && dest === "-") throw invalid(`invalid build output option ${JSON.stringify(written)}, "type=local" can not be used with "dest=-"`);
  return { type, dest };
}

export interface Writing {
  /** Standard output. */
  readonly out: (data: Uint8Array) => void;
  /** How registries and archives are reached. */
  readonly push: (image: string, destination: string) => Promise<unknown>;
  /** The time of all files, in seconds since 1970, where the build has a fixed one. */
  readonly seconds: number | undefined;
}

export async function writeOutput(host: Host, image: StoredImage, { type, dest }: BuildOutput, { out, push, seconds }: Writing): Promise<void> {
  if (type === "image") return void (dest && host.store.images.tag(image.id, dest));
  if (type === "registry") return void await push(image.id, `docker://${dest || image.names[0] || ""}`);
  if (type === "oci" || type === "docker") return void await push(image.id, `${type}-archive:${dest}${image.names[0] ? `:${image.names[0]}` : ""}`);
  using lease = host.store.lease();
  const id = randomId();
  lease.holdRoot(id);
  const top = image.layers.at(-1);
  host.store.roots.create({ id, ...(top === undefined ? {} : { topLayer: top }) });
  const tree = host.store.roots.mount(id, { volatile: true });
  if (type === "local") {
    mkdirSync(dest, { recursive: true });
    return exportTree(tree, dest, seconds);
  }
  const fd = dest === "-" ? undefined : openSync(dest, "w", 0o644);
  try {
    for (const chunk of tarOf(tree, seconds)) fd === undefined ? out(chunk) : writeSync(fd, chunk);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
