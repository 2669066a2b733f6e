// What a manifest and its config say of an image, for reading: skopeo's summary and the config in OCI's form.
// Source: skopeo-inspect(1); OCI image-spec config.md.

import { digestOf } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import type { ImageConfig, Manifest } from "../base/oci-image.ts";
import { readConfig } from "./config.ts";
import { readBlob } from "./read-blob.ts";
import { needImageConfig, readManifest } from "./manifest.ts";
import type { RawManifest } from "./manifest.ts";
import { choosePlatform } from "./platform.ts";
import type { PlatformChoice } from "./platform.ts";
import type { Source } from "./source.ts";

export interface OpenedImage {
  /** What the name led to: a manifest or the index it was chosen from. */
  readonly top: RawManifest;
  readonly manifest: Manifest;
  readonly configBytes: Uint8Array;
}

/** @throws Fault "image.*" */
export async function openImage(source: Source, top: RawManifest, platform?: PlatformChoice): Promise<OpenedImage> {
  const parsed = readManifest(top);
  const manifest = parsed.kind === "image" ? parsed.manifest : await chosen();
  return { top, manifest, configBytes: await readBlob(source, manifest.config) };

  async function chosen(): Promise<Manifest> {
    const member = readManifest(await source.manifest(choose().digest));
    if (member.kind === "image") return member.manifest;
    throw new Fault("image.unsupported", "choosing image instance: the entry is an index itself");
  }

  function choose(): { readonly digest: RawManifest["digest"] } {
    if (parsed.kind !== "index") throw new Error("only an index is chosen from");
    try {
      return choosePlatform(parsed.index, platform);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      throw new Fault(thrown.code, `choosing image instance: ${thrown.message}`, { cause: thrown, ...(thrown.hint ? { hint: thrown.hint } : {}) });
    }
  }
}

/** The fields of skopeo's summary, but for the name and the tags. */
export function describeImage({ top, manifest, configBytes }: OpenedImage): object {
  needImageConfig(manifest);
  const config = readConfig(configBytes);
  return {
    Digest: digestOf(top.bytes),
    Created: config.created ?? null,
    DockerVersion: config.docker_version ?? "",
    Labels: sorted(config.config?.Labels) ?? null,
    Architecture: config.architecture,
    Os: config.os,
    Layers: manifest.layers.map(layer => layer.digest),
    LayersData: manifest.layers.map(({ mediaType, digest, size, annotations }) => ({
      MIMEType: mediaType, Digest: digest, Size: size, Annotations: sorted(annotations) ?? null,
    })),
    Env: config.config?.Env ?? null,
  };
}

/** The config with the fields of OCI's and in its order; Docker's own are left out. */
export function ociConfigOf({ manifest, configBytes }: OpenedImage): object {
  needImageConfig(manifest);
  return inOciForm(configBytes);
}

/** Bytes of a Docker or OCI config with OCI's fields alone. */
export function inOciForm(configBytes: Uint8Array): object {
  const config: ImageConfig = readConfig(configBytes);
  const inner = config.config ?? {};
  return {
    created: config.created,
    author: config.author,
    architecture: config.architecture,
    os: config.os,
    "os.version": config["os.version"],
    variant: config.variant,
    config: {
      User: inner.User,
      ExposedPorts: sorted(inner.ExposedPorts),
      Env: inner.Env,
      Entrypoint: inner.Entrypoint,
      Cmd: inner.Cmd,
      Volumes: sorted(inner.Volumes),
      WorkingDir: inner.WorkingDir,
      Labels: sorted(inner.Labels),
      StopSignal: inner.StopSignal,
      ArgsEscaped: inner.ArgsEscaped,
    },
    rootfs: { type: config.rootfs.type, diff_ids: config.rootfs.diff_ids },
    history: config.history?.map(({ created, created_by, author, comment, empty_layer }) => ({ created, created_by, author, comment, empty_layer })),
  };
}

function sorted<T>(map: Readonly<Record<string, T>> | undefined): Record<string, T> | undefined {
  return map && Object.fromEntries(Object.keys(map).sort().map(key => [key, map[key]!]));
}
