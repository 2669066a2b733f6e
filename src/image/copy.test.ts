// The copy engine between real places: a docker-registry, a store, layouts, archives and directories.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasDockerRegistry, startRegistry } from "../../tests/fixtures/docker-registry.ts";
import type { TestRegistry } from "../../tests/fixtures/docker-registry.ts";
import { makeImage, makeIndex } from "../../tests/fixtures/image.ts";
import type { MadeImage } from "../../tests/fixtures/image.ts";
import { tarOf } from "../../tests/fixtures/tar.ts";
import type { Digest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { newRegistryClient } from "../registry/client.ts";
import { openStore } from "../storage/store.ts";
import type { Store } from "../storage/store.ts";
import { copyImage, imageHistory, inspectImage, loadImages, openSink, openSource, parseImageName, plainProgress, pull, push, saveImages } from "./index.ts";
import type { ImageSystem, Source } from "./index.ts";
import { dirSink } from "./transports/dir.ts";
import { storageSink } from "./transports/storage.ts";

const directory = mkdtempSync(join(tmpdir(), "coracle-image-"));
const registriesConf = join(directory, "registries.conf");
writeFileSync(registriesConf, "");
const signaturePolicy = join(directory, "policy.json");
writeFileSync(signaturePolicy, '{"default":[{"type":"insecureAcceptAnything"}]}');
const system: ImageSystem = { tlsVerify: false, registriesConf, registriesConfDir: join(directory, "none"), signaturePolicy, tmpDir: directory };

let stores = 0;
function newStore(): Store {
  const root = join(directory, `store-${++stores}`);
  return openStore({ root, runroot: `${root}-run` });
}

const file = (name: string, body: string) => tarOf([{ name, body }]);
const layers = [file("one", "1".repeat(5000)), file("two", "2".repeat(70_000)), file("three", "three")];

async function* one(bytes: Uint8Array) {
  yield bytes;
}

async function* cut(stream: AsyncIterable<Uint8Array>, bytesMax: number) {
  let bytes = 0;
  for await (const piece of stream) {
    for (let at = 0; at < piece.length; at += 65_536) {
      const part = piece.subarray(at, at + 65_536);
      bytes += part.length;
      if (bytes > bytesMax) throw new Fault("registry.failed", "the line broke");
      yield part;
    }
  }
}

async function send(registry: TestRegistry, image: MadeImage, repository: string, tag: string = image.digest): Promise<void> {
  const client = newRegistryClient({ host: registry.host, insecure: true, intent: "push" });
  for (const [digest, bytes] of image.blobs) await client.pushBlob(repository, one(bytes), { digest: digest as Digest, size: bytes.length });
  await client.putManifest(repository, tag, { bytes: image.manifest, mediaType: image.mediaType });
}

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(async () => {
  await registry.stop();
  rmSync(directory, { recursive: true, force: true });
});

const pullTo = (store: Store, name: string, more: Partial<Parameters<typeof pull>[1]> = {}) =>
  pull(name, { store, system, policy: "always", ...more });

describe.skipIf(!hasDockerRegistry)("a registry", () => {
  for (const form of ["oci", "docker"] as const) {
    for (const compression of ["gzip", "zstd", "none"] as const) {
      test(`an ${form} image with ${compression} layers is pulled and pushed byte for byte`, async () => {
        const image = makeImage({ layers, form, compression });
        const name = `${registry.host}/${form}/${compression}:1`;
        await send(registry, image, `${form}/${compression}`, "1");
        const store = newStore();
        const [pulled] = await pullTo(store, name);
        expect(pulled).toMatchObject({ id: image.id, names: [name], manifest: { digest: image.digest } });
        const top = pulled!.layers.at(-1)!;
        expect(readFileSync(join(store.layers.diffPath(top), "three"), "utf8")).toBe("three");
        expect(await push(name, `${registry.host}/again/${form}-${compression}`, { store, system })).toBe(image.digest as Digest);
        const client = newRegistryClient({ host: registry.host, insecure: true });
        expect((await client.manifest(`again/${form}-${compression}`, "latest")).bytes).toEqual(image.manifest);
      });
    }
  }

  test("podman's lines are printed, and a second pull says what is there", async () => {
    const image = makeImage({ layers: layers.slice(0, 1) });
    await send(registry, image, "lines", "1");
    const store = newStore();
    const name = `${registry.host}/lines:1`;
    const lines: string[] = [];
    const onProgress = plainProgress(line => lines.push(line));
    await pullTo(store, name, { onProgress });
    const [layer, config] = [...image.blobs.keys()];
    expect(lines.splice(0)).toEqual([
      `Trying to pull ${name}...`, "Getting image source signatures", `Copying blob ${layer}`, `Copying config ${config}`,
      "Writing manifest to image destination",
    ]);
    await pullTo(store, name, { onProgress });
    expect(lines.splice(0)[2]).toBe(`Copying blob ${layer} skipped: already exists`);
    await pullTo(store, name, { onProgress, policy: "missing" });
    await pullTo(store, name, { onProgress, policy: "newer" });
    await pullTo(store, "lines:1", { onProgress, policy: "never" });
    expect(lines).toEqual([]);
  });

  test("of an index the platform's image comes in, under both digests", async () => {
    const here = makeImage({ layers: layers.slice(0, 1), architecture: "amd64" });
    const there = makeImage({ layers: layers.slice(1, 2), architecture: "s390x" });
    const index = makeIndex([{ image: there, architecture: "s390x" }, { image: here, architecture: "amd64" }]);
    await send(registry, here, "multi");
    await send(registry, there, "multi");
    await send(registry, index, "multi", "1");
    const store = newStore();
    const name = `${registry.host}/multi`;
    const amd64 = { ...system, platform: { os: "linux", architecture: "amd64" } };
    const [image] = await pullTo(store, `${name}:1`, { system: amd64 });
    expect(image!.id).toBe(here.id);
    expect(inspectImage(store, image!).RepoDigests).toEqual([`${name}@${here.digest}`, `${name}@${index.digest}`].sort());
    const [byIndex] = await pullTo(store, `${name}@${index.digest}`, { policy: "never" });
    expect(byIndex!.id).toBe(here.id);
    const [other] = await pullTo(store, `${name}:1`, { policy: "missing", system: { ...system, platform: { architecture: "s390x" } } });
    expect(other!.id).toBe(there.id);
    await expect(pullTo(store, `${name}:1`, { system: { ...system, platform: { architecture: "mips" } } })).rejects.toMatchObject({ code: "image.wrong-platform" });
  });

  test("an index goes whole from registry to registry, layout and directory", async () => {
    const source = () => openSource(parseImageName(`docker://${registry.host}/multi:1`), { system });
    const targets = [`docker://${registry.host}/copied:1`, `oci:${directory}/multi-layout:x`, `dir:${directory}/multi-dir`, `oci-archive:${directory}/multi.tar:x`];
    for (const target of targets) {
      const { raw } = await copyImage(await source(), await openSink(parseImageName(target), { system }), { instances: "all" });
      const back = await openSource(parseImageName(target), { system });
      expect((await back.manifest()).digest).toBe(raw.digest);
      await back.close();
    }
  });

  test("what is missing and what is unreachable is said as podman says it", async () => {
    const name = `${registry.host}/nope:1`;
    await expect(pullTo(newStore(), name)).rejects.toMatchObject({
      code: "registry.not-found",
      message: expect.stringMatching(new RegExp(`^unable to copy from source docker://${name}: initializing source docker://${name}: reading manifest 1 in ${registry.host}/nope: `)),
    });
    await expect(pullTo(newStore(), name, { policy: "never" })).rejects.toMatchObject({ message: `${name}: image not known` });
  });

  test("a layer that is not what its diff ID says leaves nothing behind", async () => {
    const good = makeImage({ layers });
    const lying = JSON.parse(new TextDecoder().decode([...good.blobs.values()].at(-1)!)) as { rootfs: { diff_ids: string[] } };
    lying.rootfs.diff_ids[1] = `sha256:${"0".repeat(64)}`;
    const bytes = new TextEncoder().encode(JSON.stringify(lying));
    const manifest = JSON.parse(new TextDecoder().decode(good.manifest)) as { config: { digest: string; size: number } };
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
    manifest.config = { ...manifest.config, digest, size: bytes.length };
    const image = { ...good, manifest: new TextEncoder().encode(JSON.stringify(manifest)), blobs: new Map([...good.blobs, [digest, bytes]]) };
    await send(registry, image, "lying", "1");
    const store = newStore();
    await expect(pullTo(store, `${registry.host}/lying:1`)).rejects.toMatchObject({ code: "digest.mismatch" });
    expect(store.images.list()).toEqual([]);
    expect(store.layers.has(`sha256:${"0".repeat(64)}`)).toBe(false);
  });

  test("a layer of an unknown media type and a config with too few layers are refused", async () => {
    await send(registry, makeImage({ layers, layerMediaType: "application/x-strange" }), "strange", "1");
    await expect(pullTo(newStore(), `${registry.host}/strange:1`)).rejects.toMatchObject({ code: "image.unsupported" });
const whole = makeImage({ layers });
    const manifest = JSON.parse(new TextDecoder().decode(whole.manifest)) as { layers: object[] };
    manifest.layers.pop();
    await send(registry, { ...whole, manifest: new TextEncoder().encode(JSON.stringify(manifest)) }, "few", "1");
    await expect(pullTo(newStore(), `${registry.host}/few:1`)).rejects.toMatchObject({
      code: "image.malformed",
      message: expect.stringContaining("the manifest lists 2 layers, the config 3"),
    });
  });
});

describe.skipIf(!hasDockerRegistry)("archives and directories", () => {
  const image = makeImage({ layers, form: "docker", config: { Labels: { a: "b" } } });
  let store: Store;
  beforeAll(async () => {
    await send(registry, image, "saved", "1");
    store = newStore();
    await pullTo(store, `${registry.host}/saved:1`);
  });
  const name = () => `${registry.host}/saved:1`;

  for (const format of ["docker-archive", "oci-archive", "oci-dir", "docker-dir"] as const) {
    test(`${format}: what is saved is loaded with the same ID`, async () => {
      const path = join(directory, `saved.${format}`);
      await saveImages([name()], { store, system, format, path });
      const other = newStore();
      const [loaded] = await loadImages(path, { store: other, system });
      if (format !== "oci-dir" && format !== "docker-dir") expect(loaded!.names).toEqual([name()]);
      expect(loaded!.image.id).toBe(image.id);
      expect(readFileSync(join(other.layers.diffPath(loaded!.image.layers[0]!), "one"), "utf8")).toBe("1".repeat(5000));
    });
  }

  test("several images go into one docker archive and come back with their names", async () => {
    const second = makeImage({ layers: layers.slice(0, 2) });
    await send(registry, second, "second", "2");
    await pullTo(store, `${registry.host}/second:2`);
    const path = join(directory, "both.tar");
    await saveImages([name(), `${registry.host}/second:2`], { store, system, format: "docker-archive", path });
    const loaded = await loadImages(path, { store: newStore(), system });
    expect(loaded.flatMap(one => [...one.names])).toEqual([name(), `${registry.host}/second:2`]);
    expect(loaded.map(one => one.image.id)).toEqual([image.id, second.id]);
  });

  test("an archive that is gzipped as a whole is loaded too", async () => {
    const path = join(directory, "whole.tar");
    await saveImages([name()], { store, system, format: "docker-archive", path });
    writeFileSync(`${path}.gz`, Bun.gzipSync(readFileSync(path)));
    const [loaded] = await loadImages(`${path}.gz`, { store: newStore(), system });
    expect(loaded!.image.id).toBe(image.id);
  });

  test("uncompressed layers in a layout are plain tars under their diff IDs", async () => {
    const path = join(directory, "plain");
    await saveImages([name()], { store, system, format: "oci-dir", path, uncompressed: true });
    const source = await openSource(parseImageName(`oci:${path}:${name()}`), { system });
    const { bytes } = await source.manifest();
    const sizes = (JSON.parse(new TextDecoder().decode(bytes)) as { layers: { digest: string; size: number; mediaType: string }[] }).layers;
    expect(sizes.map(layer => [layer.mediaType, layer.size])).toEqual(layers.map(layer => ["application/vnd.oci.image.layer.v1.tar", layer.length]));
    expect(readdirSync(join(path, "blobs/sha256"))).toContain(sizes[0]!.digest.slice(7));
  });

  test("other tools' archives are read: skopeo's words for a layout are the standard's", async () => {
    const path = join(directory, "skopeo-like");
    await copyImage(await openSource(parseImageName(`docker://${name()}`), { system }), await openSink(parseImageName(`oci:${path}:tag`), { system }));
    expect(JSON.parse(readFileSync(join(path, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
    const index = JSON.parse(readFileSync(join(path, "index.json"), "utf8")) as { manifests: { annotations: object }[] };
    expect(index.manifests[0]!.annotations).toEqual({ "org.opencontainers.image.ref.name": "tag" });
  });

  test("what is no archive is refused with every reason", async () => {
    const path = join(directory, "invalid");
    writeFileSync(path, "I am an invalid file\n".repeat(100));
    await expect(loadImages(path, { store, system })).rejects.toMatchObject({
      message: expect.stringContaining("payload does not match any of the supported image formats:\n * oci: "),
    });
  });

  test("an archive cut off in a layer leaves no image", async () => {
    const path = join(directory, "cut.tar");
    await saveImages([name()], { store, system, format: "oci-archive", path });
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, whole.length - 4096));
    const other = newStore();
    await expect(loadImages(path, { store: other, system })).rejects.toMatchObject({ code: "image.malformed" });
    expect(other.images.list()).toEqual([]);
  });

  test("a blob of a layout whose bytes changed is found out", async () => {
    const path = join(directory, "changed");
    await saveImages([name()], { store, system, format: "oci-dir", path });
    const blobs = join(path, "blobs/sha256");
    const largest = [...image.blobs.keys()][1]!.slice(7);
    const bytes = readFileSync(join(blobs, largest));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(join(blobs, largest), bytes);
    await expect(pullTo(newStore(), `oci:${path}:${name()}`)).rejects.toMatchObject({ code: expect.stringMatching(/digest.mismatch|layer.malformed/) });
  });

  test("a layer that is here unpacked from another blob is kept as it came, too", async () => {
    const other = newStore();
    const packed = makeImage({ layers, compression: "gzip" });
    const plain = makeImage({ layers, compression: "none" });
    await send(registry, packed, "packed", "1");
    await send(registry, plain, "unpacked", "1");
    await pullTo(other, `${registry.host}/packed:1`);
    const [image] = await pullTo(other, `${registry.host}/unpacked:1`);
    expect(image!.id).toBe(plain.id);
    expect(await push(`${registry.host}/unpacked:1`, `${registry.host}/pushed-on:1`, { store: other, system })).toBe(plain.digest as Digest);
    for (const digest of plain.blobs.keys()) expect(other.blobs.has(digest as Digest)).toBe(true);
  });

  test("an interrupted copy goes on at the byte where it stopped", async () => {
    const big = makeImage({ layers: [file("noise", Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString("base64").repeat(40))], compression: "none" });
    await send(registry, big, "big", "1");
    const other = newStore();
    const offsets: number[] = [];
    const open = async (failAt: number): Promise<Source> => {
      const source = await openSource(parseImageName(`docker://${registry.host}/big:1`), { system });
      return { ...source, blob: async (descriptor, offset = 0) => {
        const whole = await source.blob(descriptor, offset);
        if (descriptor.size < 10_000) return whole;
        offsets.push(offset);
        return { ...whole, stream: cut(whole.stream, failAt) };
      } };
    };
    const target = () => storageSink(other, [`${registry.host}/big:1`]);
    await expect(copyImage(await open(1_000_000), target())).rejects.toThrow("the line broke");
    expect(other.images.list()).toEqual([]);
    await copyImage(await open(Infinity), target());
    expect(offsets[0]).toBe(0);
    expect(offsets[1]).toBeGreaterThan(500_000);
    expect(other.images.list().map(one => one.id)).toEqual([big.id]);
  });

  test("layers that stay as they are do not wait for the config, and end where it is wrong", async () => {
    const image = makeImage({ layers: [file("noise", "n".repeat(200_000))] });
    await send(registry, image, "beside", "1");
    const layerAsked = Promise.withResolvers<void>();
    const beside = async (config: (real: Uint8Array) => Uint8Array): Promise<Source> => {
      const source = await openSource(parseImageName(`docker://${registry.host}/beside:1`), { system });
      return { ...source, blob: async (descriptor, offset = 0) => {
        if (!descriptor.mediaType.includes("config") && !descriptor.mediaType.includes("container.image")) {
          layerAsked.resolve();
          return source.blob(descriptor, offset);
        }
        await layerAsked.promise;
        const bytes = await new Response((await source.blob(descriptor, offset)).stream as unknown as ReadableStream).bytes();
        return { size: bytes.length, stream: one(config(bytes)) };
      } };
    };
    const whole = join(directory, "whole");
    await copyImage(await beside(bytes => bytes), dirSink(whole));
    expect(readdirSync(whole)).toContain("manifest.json");
    const broken = join(directory, "broken");
    await expect(copyImage(await beside(bytes => bytes.fill(32)), dirSink(broken))).rejects.toMatchObject({ code: "digest.mismatch" });
    expect(readdirSync(broken)).not.toContain("manifest.json");
  });

  test("history names the image once and sizes every step that made a layer", () => {
    const entries = imageHistory(store, store.images.get(image.id)!);
    expect(entries.map(entry => [entry.id, entry.createdBy, entry.size])).toEqual([
      [image.id, "layer 3", layers[2]!.length], [expect.any(String), "layer 2", layers[1]!.length], ["<missing>", "layer 1", layers[0]!.length],
    ]);
  });
});
