// A store of Podman's, made by hand: its layers come out byte for byte, and what was tampered with is refused.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { digestOf, jsonBytes, makeImage } from "../../../tests/fixtures/image.ts";
import { tarOf } from "../../../tests/fixtures/tar.ts";
import { Crc64, fileLine, segmentLine } from "../chunked/tar-split.ts";
import { TarPieces } from "../chunked/tar-pieces.ts";
import { copyImage, openSink, openSource, parseImageName } from "../index.ts";

const folder = mkdtempSync(join(tmpdir(), "coracle-podman-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const layers = [tarOf([{ name: "etc/", kind: "directory" }, { name: "etc/one", body: "1".repeat(3000) }]), tarOf([{ name: "two", body: "2" }, { name: "none", body: "" }])];
const image = makeImage({ layers });
const policyFile = join(folder, "policy.json");
writeFileSync(policyFile, '{"default":[{"type":"insecureAcceptAnything"}]}');
const world = { system: { signaturePolicy: policyFile } };

/** Unpacks one layer as the overlay driver keeps it, with its tar-split data beside. */
function keepLayer(root: string, id: string, tar: Uint8Array): void {
  const lines: string[] = [];
  let [name, body, crc] = ["", [] as Uint8Array[], new Crc64()];
  const pieces = new TarPieces({
    entry(raw, entry) {
      lines.push(segmentLine(lines.length, raw));
      [name, body, crc] = [entry.name, [], new Crc64()];
    },
    data(bytes) {
      body.push(bytes.slice());
      crc.update(bytes);
    },
    done() {
      const path = join(root, "overlay", id, "diff", name);
      mkdirSync(name.endsWith("/") ? path : dirname(path), { recursive: true });
      if (!name.endsWith("/")) writeFileSync(path, Buffer.concat(body));
      lines.push(fileLine(lines.length, { name, size: Buffer.concat(body).length, crc: crc.digest() }));
    },
  });
  pieces.push(tar);
  lines.push(segmentLine(lines.length, pieces.end()));
  mkdirSync(join(root, "overlay-layers"), { recursive: true });
  writeFileSync(join(root, "overlay-layers", `${id}.tar-split.gz`), gzipSync(lines.join("")));
}

let stores = 0;
function podmanStore(): string {
  const root = join(folder, `store-${++stores}`);
  const ids = layers.map((_, at) => String(at + 1).repeat(64));
  layers.forEach((tar, at) => keepLayer(root, ids[at]!, tar));
  const rows = layers.map((tar, at) => ({ id: ids[at], ...(at > 0 ? { parent: ids[at - 1] } : {}), "diff-digest": digestOf(tar), "diff-size": tar.length }));
  writeFileSync(join(root, "overlay-layers/layers.json"), jsonBytes(rows));
  const data = join(root, "overlay-images", image.id);
  mkdirSync(data, { recursive: true });
  writeFileSync(join(data, "manifest"), image.manifest);
  const config = `sha256:${image.id}`;
  writeFileSync(join(data, `=${Buffer.from(config).toString("base64")}`), image.blobs.get(config)!);
  writeFileSync(join(root, "overlay-images/images.json"), jsonBytes([{ id: image.id, names: ["docker.io/library/made:1"], layer: ids.at(-1) }]));
  return root;
}

const named = (root: string, name: string) => parseImageName(`containers-storage:[overlay@${root}+${root}-run]${name}`);

async function copied(root: string, name: string): Promise<string> {
  const target = join(folder, `out-${stores}-${name.replace(/\W/g, "")}`);
  await copyImage(await openSource(named(root, name), world), await openSink(parseImageName(`dir:${target}`), world));
  return target;
}

describe("a Podman store", () => {
  for (const name of ["made:1", "docker.io/library/made:1", image.id.slice(0, 12)]) {
    test(`gives ${name === image.id.slice(0, 12) ? "an ID" : name} with its config and its very layers`, async () => {
      const target = await copied(podmanStore(), name);
      const manifest = JSON.parse(readFileSync(join(target, "manifest.json"), "utf8"));
      expect(manifest.config.digest).toBe(`sha256:${image.id}`);
      expect(manifest.layers.map((layer: { digest: string }) => layer.digest)).toEqual(layers.map(digestOf));
      for (const tar of layers) expect(readFileSync(join(target, digestOf(tar).slice(7))).equals(Buffer.from(tar))).toBe(true);
    });
  }

  test("an unknown name is not found, and our own opener is not asked", async () => {
    await expect(openSource(named(podmanStore(), "nosuch"), world)).rejects.toMatchObject({ code: "image.not-found" });
  });

  test("a changed file fails by its size or its digest, and one that leads outside is not followed", async () => {
    const longer = podmanStore();
    writeFileSync(join(longer, "overlay", "2".repeat(64), "diff/two"), "22");
    await expect(copied(longer, "made:1")).rejects.toMatchObject({ code: "store.damaged" });
    const other = podmanStore();
    writeFileSync(join(other, "overlay", "2".repeat(64), "diff/two"), "3");
    await expect(copied(other, "made:1")).rejects.toMatchObject({ code: "digest.mismatch" });
    const outside = podmanStore();
    const etc = join(outside, "overlay", "1".repeat(64), "diff/etc");
    rmSync(etc, { recursive: true });
    mkdirSync(join(folder, "away"), { recursive: true });
    writeFileSync(join(folder, "away/one"), "1".repeat(3000));
    symlinkSync(join(folder, "away"), etc);
    await expect(copied(outside, "made:1")).rejects.toMatchObject({ code: "store.damaged" });
  });

  test("is never written", async () => {
    await expect(openSink(named(podmanStore(), "made:2"), world)).rejects.toMatchObject({ code: "usage.unsupported" });
  });
});
