// Docker's schema 1 manifests: layers and the history that holds each one's config, the top one first.
// Source: Docker distribution manifest-v2-1; Docker image-spec v1.

import { isDigest } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { goJson } from "../../base/go-json.ts";
import { limits } from "../../base/limits.ts";
import { mediaTypes } from "../../base/media-types.ts";
import { asRecord, findList, findRecord, findText, findTextMap, findTexts, malformed, needText, parseJson } from "../../base/shape.ts";
import type { Fields } from "../../base/shape.ts";
import type { RawManifest } from "../manifest.ts";

const subject = { what: "Docker schema 1 manifest", code: "image.malformed" } as const;

export interface Schema1Layer {
  readonly digest: Digest;
  /** The layer's own entry of the history, as it was written. */
  readonly v1: Fields;
  /** Only there to carry an entry of the history. */
  readonly isEmpty: boolean;
}

export const isSchema1 = ({ mediaType }: Pick<RawManifest, "mediaType">): boolean =>
  mediaType === mediaTypes.dockerManifestV1 || mediaType === mediaTypes.dockerManifestV1Signed;

/** The lowest layer first. @throws Fault "image.malformed" */
export function readSchema1(raw: RawManifest): readonly Schema1Layer[] {
  const fields = asRecord(parseJson(raw.bytes, subject, limits.manifestBytesMax), subject);
  if (fields["schemaVersion"] !== 1) throw malformed(subject, '"schemaVersion" is not 1');
  for (const name of ["config", "layers", "manifests"]) {
    if (fields[name] !== undefined) throw malformed(subject, `holds fields of other kinds of manifest ("${name}")`);
  }
  const layers = findList(fields, "fsLayers", subject, limits.layersMax);
  const history = findList(fields, "history", subject, limits.layersMax);
  if (history.length === 0) throw malformed(subject, '"history" is empty');
  if (layers.length !== history.length) throw malformed(subject, `${layers.length} layers have ${history.length} entries of history`);
  return layers.map((layer, at) => readLayer(layer, history[at])).reverse();
}

function readLayer(layer: unknown, entry: unknown): Schema1Layer {
  const digest = needText(asRecord(layer, subject, "a layer"), "blobSum", subject);
  if (!isDigest(digest)) throw malformed(subject, `a layer's digest ${JSON.stringify(digest.slice(0, 160))} is not ALGORITHM:HEX`);
  const text = needText(asRecord(entry, subject, "an entry of the history"), "v1Compatibility", subject);
  const v1 = asRecord(parseJson(text, subject, limits.manifestBytesMax), subject, "an entry of the history");
  return { digest, v1, isEmpty: v1["throwaway"] === true };
}

/** Fields of an image's own, which a config of schema 2 does not have. */
const gone = new Set(["id", "parent", "parent_id", "layer_id", "throwaway", "Size", "rootfs", "history"]);

/** The config of schema 2: what the top layer says, the layers' diff IDs, and the history. */
export function schema2Config(layers: readonly Schema1Layer[], diffIds: readonly Digest[]): Uint8Array {
  const kept = Object.entries(layers.at(-1)!.v1).filter(([name]) => !gone.has(name));
  const all = { ...Object.fromEntries(kept), rootfs: { type: "layers", diff_ids: diffIds }, history: layers.map(historyOf) };
  const sorted = Object.fromEntries(Object.entries(all).sort(([one], [other]) => (one < other ? -1 : 1)));
  // Written as Go does, so that the digest is the one that other tools come to.
  return new TextEncoder().encode(goJson(sorted));
}

function historyOf({ v1, isEmpty }: Schema1Layer): object {
  const command = findTexts(findRecord(v1, "container_config", subject) ?? {}, "Cmd", subject) ?? [];
  const texts = { created: findText(v1, "created", subject), author: findText(v1, "author", subject), created_by: command.join(" "), comment: findText(v1, "comment", subject) };
  return { ...Object.fromEntries(Object.entries(texts).filter(([, text]) => text)), ...(isEmpty ? { empty_layer: true } : {}) };
}

/** The fields of skopeo's summary, but for the name and the tags. */
export function describeSchema1(raw: RawManifest): object {
  const layers = readSchema1(raw);
  const { v1 } = layers.at(-1)!;
  const config = findRecord(v1, "config", subject) ?? {};
  const tag = findText(asRecord(parseJson(raw.bytes, subject, limits.manifestBytesMax), subject), "tag", subject);
  return {
    ...(tag ? { Tag: tag } : {}),
    Digest: raw.digest,
    Created: findText(v1, "created", subject) ?? null,
    DockerVersion: findText(v1, "docker_version", subject) ?? "",
    Labels: findTextMap(config, "Labels", subject) ?? null,
    Architecture: findText(v1, "architecture", subject) ?? "",
    Os: findText(v1, "os", subject) ?? "",
    Layers: layers.map(layer => layer.digest),
    LayersData: layers.map(({ digest }) => ({ MIMEType: "", Digest: digest, Size: -1, Annotations: null })),
    Env: findTexts(config, "Env", subject) ?? null,
  };
}
