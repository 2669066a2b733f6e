// Mounts of type "artifact": one read-only bind for each blob, at the place that what is in the container calls for.
// Source: podman-run(1), --mount type=artifact.

import { chmodSync, statSync } from "node:fs";
import type { MountSpec } from "../../base/container-spec.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import { chooseBlobs, fileNameOf, getArtifact } from "../../image/artifact/artifacts.ts";
import type { Host } from "../host.ts";
import { withDirectoryInRoot } from "../volumes/fill.ts";

/** @throws Fault "artifact.not-found", "input.malformed" for a title that is no file name */
export function artifactMounts(host: Host, mount: MountSpec, root: string): MountSpec[] {
  const { blob = {}, ...plain } = mount;
  const blobs = chooseBlobs(getArtifact(host.store, mount.source), blob);
  const isDirectory = withDirectoryInRoot(root, mount.target, () => {});
  const isFile = blobs.length === 1 && !isDirectory;
  return blobs.map((descriptor, index) => {
    const name = isFile ? undefined : nameOf(descriptor, blob, blobs.length > 1 ? index : undefined);
    return {
      ...plain, kind: "bind", source: readable(host.store.blobs.path(descriptor.digest)), readOnly: true,
      target: name === undefined ? mount.target : `${mount.target.replace(/\/+$/, "")}/${name}`,
    };
  });
}

function nameOf(descriptor: Descriptor, { digest, name }: NonNullable<MountSpec["blob"]>, index: number | undefined): string {
  if (name !== undefined) return fileNameOf({ ...descriptor, annotations: { "org.opencontainers.image.title": index === undefined ? name : `${name}-${index}` } });
  return digest ? descriptor.digest.replace(":", "-") : fileNameOf(descriptor);
}

/** Blobs are root's alone; the program of a container may be somebody else. Nobody else reaches the directory they lie in. */
function readable(path: string): string {
  if ((statSync(path).mode & 0o777) !== 0o444) chmodSync(path, 0o444);
  return path;
}
