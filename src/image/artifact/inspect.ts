// What artifact inspect tells: the manifest with its fields in the specification's order, the name and the digest.
// Source: podman-artifact-inspect(1); OCI image-spec manifest.md, descriptor.md.

import type { Artifact } from "./artifacts.ts";
import { sizeOfArtifact } from "./artifacts.ts";

const manifestFields = ["schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations"];
const descriptorFields = ["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];

type Fields = Readonly<Record<string, unknown>>;

const ordered = (fields: Fields, names: readonly string[], show: (name: string, value: unknown) => unknown): Fields =>
  Object.fromEntries(names.flatMap(name => (fields[name] === undefined || fields[name] === null ? [] : [[name, show(name, fields[name])]])));

const sorted = (map: unknown): Fields => Object.fromEntries(Object.entries(map as Fields).sort(([one], [two]) => (one < two ? -1 : 1)));

const descriptor = (value: unknown): Fields =>
  ordered(value as Fields, descriptorFields, (name, field) => (name === "annotations" ? sorted(field) : field));

export interface ArtifactReport {
  readonly Manifest: Fields;
  readonly Name: string;
  readonly Digest: string;
}

/** The manifest has been validated when the artifact was read. */
export function inspectArtifact({ name, raw }: Artifact): ArtifactReport {
  const manifest = ordered(JSON.parse(new TextDecoder().decode(raw.bytes)) as Fields, manifestFields, (field, value) => {
    if (field === "annotations") return sorted(value);
    if (field === "layers") return (value as unknown[]).map(descriptor);
    return field === "config" || field === "subject" ? descriptor(value) : value;
  });
  return { Manifest: manifest, Name: name, Digest: raw.digest };
}

/** With what templates may ask for beside the JSON. */
export function artifactForTemplates(artifact: Artifact): Fields {
  const report = inspectArtifact(artifact);
  return { ...report, Artifact: report, TotalSizeBytes: sizeOfArtifact(artifact) };
}
