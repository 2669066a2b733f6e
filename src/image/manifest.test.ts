// Manifests, indexes and configs: kinds told apart, bounds held, what we cannot hold refused by name.

import { expect, test } from "bun:test";
import { mediaTypes } from "../base/media-types.ts";
import { readConfig } from "./config.ts";
import { layerCompression, needImageConfig, rawManifest, readManifest } from "./manifest.ts";
import { choosePlatform, platformWarning } from "./platform.ts";

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const digest = `sha256:${"a".repeat(64)}`;
const other = `sha256:${"b".repeat(64)}`;
const config = { mediaType: mediaTypes.ociConfig, digest, size: 2 };
const read = (value: unknown, claimed?: string) => readManifest(rawManifest(bytes(value), claimed));

test("a manifest without media type is told by its config", () => {
  expect(read({ schemaVersion: 2, config, layers: [] }).raw.mediaType).toBe(mediaTypes.ociManifest);
  expect(read({ schemaVersion: 2, config: { ...config, mediaType: mediaTypes.dockerConfig }, layers: [] }).raw.mediaType)
    .toBe(mediaTypes.dockerManifest);
  expect(read({ schemaVersion: 2, manifests: [] }).kind).toBe("index");
});

const refused: readonly (readonly [string, unknown, string])[] = [
  ["schema 1", { schemaVersion: 1, fsLayers: [] }, "Docker schema 1 is not supported here"],
  ["an unknown type", { schemaVersion: 2, mediaType: "text/x" }, 'unknown media type "text/x"'],
  ["both shapes", { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [], manifests: [] }, "holds both image and index fields"],
  ["a broken digest", { schemaVersion: 2, config: { ...config, digest: "sha256:../../etc" }, layers: [] }, "is not ALGORITHM:HEX"],
  ["a negative size", { schemaVersion: 2, config: { ...config, size: -1 }, layers: [] }, '"size" is not a whole number'],
  ["too many layers", { schemaVersion: 2, config, layers: Array.from({ length: 4097 }, () => config) }, '"layers" has more than 4096 entries'],
  ["version 3", { schemaVersion: 3, config, layers: [] }, '"schemaVersion" is not 2'],
];
for (const [title, value, reason] of refused) {
  test(`a manifest with ${title} is refused`, () => {
    expect(() => read(value)).toThrow(reason);
  });
}

test("a manifest that says another type than it was sent with is refused", () => {
  expect(() => read({ schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config, layers: [] }, mediaTypes.ociManifest)).toThrow("but says");
});

test("layers we cannot unpack are refused by name", () => {
  expect(layerCompression(mediaTypes.ociLayerZstd)).toBe("zstd");
  expect(() => layerCompression("application/vnd.oci.image.layer.v1.tar+gzip+encrypted")).toThrow("encrypted layers");
  expect(() => layerCompression("application/x")).toThrow('unknown media type "application/x"');
});

test("an artifact is no image", () => {
  const parsed = read({ schemaVersion: 2, config: { ...config, mediaType: "application/vnd.helm.config" }, layers: [] });
  if (parsed.kind !== "image") throw new Error("not an image manifest");
  expect(() => needImageConfig(parsed.manifest)).toThrow('unsupported image-specific operation on artifact with type "application/vnd.helm.config"');
});

test("an index gives the entry of the platform, and says what there is otherwise", () => {
  const entry = (architecture: string, of: string, variant?: string) => ({ ...config, mediaType: mediaTypes.ociManifest, digest: of, platform: { os: "linux", architecture, variant } });
  const parsed = read({ schemaVersion: 2, manifests: [entry("arm64", digest, "v8"), entry("s390x", other)] });
  if (parsed.kind !== "index") throw new Error("not an index");
  expect(choosePlatform(parsed.index, { architecture: "aarch64" }).digest).toBe(digest as never);
  expect(choosePlatform(parsed.index, { os: "linux", architecture: "s390x" }).digest).toBe(other as never);
  expect(() => choosePlatform(parsed.index, { architecture: "ppc64le" }))
    .toThrow(expect.objectContaining({ message: 'no image found in image index for architecture "ppc64le", variant "", OS "linux"', hint: expect.stringContaining("linux/arm64/v8, linux/s390x") }));
});

test("an image of another platform is warned about in podman's words", () => {
  expect(platformWarning({ os: "linux", architecture: "s390x" }, { architecture: "arm64" }))
    .toBe("image platform (linux/s390x) does not match the expected platform (linux/arm64)");
  expect(platformWarning({ os: "linux", architecture: "arm64" }, { architecture: "arm64" })).toBeUndefined();
});

test("a config keeps what containers start with", () => {
  const read = readConfig(bytes({
    architecture: "amd64", os: "linux", created: "2024-10-11T00:00:00.5Z", rootfs: { type: "layers", diff_ids: [digest] },
    config: { Env: ["A=b"], ExposedPorts: { "80/tcp": {} }, Labels: null, Cmd: null, OnBuild: ["RUN x"], Healthcheck: { Test: ["CMD", "x"], Interval: 3 } },
    history: [{ created_by: "x", empty_layer: true }],
  }));
  expect(read.config).toEqual({ Env: ["A=b"], ExposedPorts: { "80/tcp": {} }, OnBuild: ["RUN x"], Healthcheck: { Test: ["CMD", "x"], Interval: 3 } });
  expect(read.history).toEqual([{ created_by: "x", empty_layer: true }]);
});

for (const rootfs of [undefined, { diff_ids: ["sha256:x"] }, { diff_ids: [1] }, { diff_ids: "x" }]) {
  test(`a config with the root ${JSON.stringify(rootfs)} is refused`, () => {
    expect(() => readConfig(bytes({ architecture: "amd64", os: "linux", rootfs }))).toThrow(expect.objectContaining({ code: "image.malformed" }));
  });
}
