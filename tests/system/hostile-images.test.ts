// A registry that serves whatever it likes: sizes that lie, digests by other rules, manifests without end, archives of names and headers beyond bounds.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { createHash } from "node:crypto";
import { begin, ok, run, storeListing, type Ran } from "../fixtures/coracle.ts";
import { digestOf, jsonBytes, makeImage, type MadeImage } from "../fixtures/image.ts";
import { busyboxLayer } from "../fixtures/images.ts";
import { tarOf } from "../fixtures/tar.ts";

interface Answer {
  readonly bytes: Uint8Array | ReadableStream<Uint8Array>;
  readonly mediaType?: string;
}

/** By the end of the address: a tag, or a digest. */
const answers = new Map<string, Answer>();
let server: { stop(force: boolean): void };
const baseLayer = digestOf(busyboxLayer()).slice("sha256:".length);
const host = "127.0.0.1:5099";
const manifestType = "application/vnd.oci.image.manifest.v1+json";

beforeAll(() => {
  server = Bun.serve({
    port: 5099, hostname: "127.0.0.1",
    fetch(request) {
      const name = new URL(request.url).pathname.split("/").at(-1)!;
      const answer = answers.get(name);
      if (name === "") return new Response("{}");
      return answer ? new Response(answer.bytes as BodyInit, { headers: { "Content-Type": answer.mediaType ?? "application/octet-stream" } }) : new Response("{}", { status: 404 });
    },
  });
});
afterEach(() => {
  answers.clear();
  run(["podman", "rmi", "-fa"]);
  run(["podman", "system", "prune", "-f"]);
});
afterAll(() => server.stop(true));

function serve(image: MadeImage, manifest: Uint8Array = image.manifest): void {
  for (const [digest, bytes] of image.blobs) answers.set(digest, { bytes });
  answers.set("latest", { bytes: manifest, mediaType: image.mediaType });
  answers.set(digestOf(manifest), { bytes: manifest, mediaType: image.mediaType });
}

/** Without blocking: the server is in this process. */
async function pull(): Promise<Ran> {
  const running = begin(["podman", "pull", "-q", "--retry", "0", "--tls-verify=false", `${host}/it:latest`]);
  return { status: await running.exited, out: running.out(), err: running.err() };
}

/** One error, nothing visible, nothing left that is not a blob for the next attempt. */
async function refused(because: RegExp): Promise<void> {
  const ran = await pull();
  expect({ status: ran.status, out: ran.out, errors: ran.err.split("\n").filter(line => line.startsWith("Error:")).length }).toEqual({ status: 125, out: "", errors: 1 });
  expect(ran.err).toMatch(because);
  expect(ran.err.length).toBeLessThan(5000);
  expect(ok("images", "-aq")).toBe("");
  // The base below was sound, and is kept for the next attempt.
  expect(storeListing().filter(path => /^coracle\/(staging|roots|layers)\/[^/]+$/.test(path) && !path.endsWith(baseLayer))).toEqual([]);
}

const plain = (): MadeImage => makeImage({ layers: [busyboxLayer()] });
const changed = (image: MadeImage, change: (manifest: { config: Record<string, unknown>; layers: Record<string, unknown>[] }) => unknown): Uint8Array => {
  const manifest = JSON.parse(new TextDecoder().decode(image.manifest));
  change(manifest);
  return jsonBytes(manifest);
};

for (const [what, change] of [
  ["a layer said to be shorter than it is", manifest => (manifest.layers[0]!["size"] = 100)],
  ["a layer said to be longer than it is", manifest => (manifest.layers[0]!["size"] = 2_000_000_000)],
  ["a config said to be longer than it is", manifest => (manifest.config["size"] = 5000)],
  ["a negative size", manifest => (manifest.layers[0]!["size"] = -1)],
  ["a size that is no whole number", manifest => (manifest.layers[0]!["size"] = 1.5)],
  ["a size beyond all disks", manifest => (manifest.layers[0]!["size"] = 9e15)],
  ["an algorithm that is broken", manifest => (manifest.layers[0]!["digest"] = `md5:${"a".repeat(32)}`)],
  ["a digest in capitals", manifest => (manifest.layers[0]!["digest"] = String(manifest.layers[0]!["digest"]).toUpperCase().replace("SHA256", "sha256"))],
  ["a digest that is a path", manifest => (manifest.layers[0]!["digest"] = "sha256:../../../../../etc/passwd")],
  ["a digest that is too short", manifest => (manifest.layers[0]!["digest"] = "sha256:abc")],
  ["a config that is a layer", manifest => (manifest.config["digest"] = manifest.layers[0]!["digest"])],
] as const satisfies readonly (readonly [string, (manifest: { config: Record<string, unknown>; layers: Record<string, unknown>[] }) => unknown])[]) {
  test(`${what} is refused`, async () => {
    const image = plain();
    serve(image, changed(image, change));
    await refused(/size|digest|match|bytes|whole|number|algorithm|JSON|UTF-8|larger|malformed|read|unsupported|not found|404|space/i);
  });
}

test("a layer named by its sha512 is taken where it is right, and refused where it is not", async () => {
  const image = plain();
  const [layer] = JSON.parse(new TextDecoder().decode(image.manifest)).layers as { digest: string }[];
  const bytes = image.blobs.get(layer!.digest)!;
  const right = `sha512:${createHash("sha512").update(bytes).digest("hex")}`;
  const named = (digest: string): void => {
    serve(image, changed(image, manifest => (manifest.layers[0]!["digest"] = digest)));
    answers.set(digest, { bytes });
  };
  named(`sha512:${"0".repeat(128)}`);
  await refused(/digest|match/i);
  named(right);
  expect(await pull()).toMatchObject({ status: 0 });
  expect(ok("run", "--rm", "--network", "none", `${host}/it`, "echo", "runs")).toBe("runs");
});

test("a manifest of a hundred megabytes is refused before it is read whole", async () => {
  const piece = new Uint8Array(1024 * 1024).fill(32);
  let sent = 0;
  answers.set("latest", { mediaType: manifestType, bytes: new ReadableStream({ pull(controller) {
    if (sent++ < 100) controller.enqueue(piece);
    else controller.close();
  } }) });
  await refused(/larger than|too large|bytes/i);
  expect(sent).toBeLessThan(50);
});

test("an index in an index in an index ends in one error", async () => {
  let inner = digestOf(plain().manifest);
  const type = "application/vnd.oci.image.index.v1+json";
  for (let depth = 0; depth < 200; depth++) {
    const bytes = jsonBytes({ schemaVersion: 2, mediaType: type, manifests: [{ mediaType: type, digest: inner, size: 500, platform: { os: "linux", architecture: "amd64" } }], annotations: { depth: String(depth) } });
    inner = digestOf(bytes);
    answers.set(inner, { bytes, mediaType: type });
    answers.set("latest", { bytes, mediaType: type });
  }
  await refused(/index|manifest|nested/i);
});

test("an index that names itself is refused, as what it names has another digest", async () => {
  const type = "application/vnd.oci.image.index.v1+json";
  const digest = `sha256:${"ab".repeat(32)}`;
  const bytes = jsonBytes({ schemaVersion: 2, mediaType: type, manifests: [{ mediaType: type, digest, size: 500, platform: { os: "linux", architecture: "amd64" } }] });
  answers.set(digest, { bytes, mediaType: type });
  answers.set("latest", { bytes, mediaType: type });
  await refused(/digest|match|index/i);
});

/** An extended header, with a length and records of one's own. */
function extended(records: Uint8Array, saidBytes = records.length): Uint8Array {
  const bytes = Uint8Array.from(tarOf([{ name: "pax", body: records }]).subarray(0, 512 + Math.ceil(records.length / 512) * 512));
  bytes[156] = "x".charCodeAt(0);
  bytes.set(new TextEncoder().encode(`${saidBytes.toString(8).padStart(11, "0")}\0`), 124);
  bytes.fill(32, 148, 156);
  bytes.set(new TextEncoder().encode(`${bytes.subarray(0, 512).reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `), 148);
  return bytes;
}
const record = (text: string): string => {
  let length = text.length + 3;
  while (`${length} ${text}\n`.length !== length) length++;
  return `${length} ${text}\n`;
};
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const after = tarOf([{ name: "file", body: "body" }]);

for (const [what, layer, because] of [
  ["an extended header of 50 MB", () => Buffer.concat([extended(Buffer.alloc(50_000_000, "a")), after]), /header|larger|bytes/i],
  ["an extended header that says 8 GB", () => Buffer.concat([extended(encode(record("path=a")), 8_589_934_591), after]), /header|larger|bytes/i],
  ["a record whose length lies", () => Buffer.concat([extended(encode("999999 path=a\n")), after]), /record|header/i],
  ["a name of 5,000 bytes", () => Buffer.concat([extended(encode(record(`path=${"d/".repeat(2500)}f`))), after]), /name|long/i],
  ["one part of a name of 300 bytes", () => Buffer.concat([extended(encode(record(`path=${"n".repeat(300)}`))), after]), /name|long/i],
  ["a negative size", () => Buffer.concat([extended(encode(record("size=-5"))), after]), /size/i],
  ["a size of 9 exabytes", () => Buffer.concat([extended(encode(record("size=9223372036854775807"))), after]), /size|middle|ends|large|number/i],
  ["a map of holes that goes backwards", () => Buffer.concat([extended(encode(record("GNU.sparse.map=500,2,0,2") + record("GNU.sparse.size=1000") + record("GNU.sparse.name=s"))), after]), /sparse/i],
  ["a map of holes beyond the file", () => Buffer.concat([extended(encode(record("GNU.sparse.map=0,2,900,200") + record("GNU.sparse.size=1000") + record("GNU.sparse.name=s"))), after]), /sparse/i],
] as const) {
  test(`${what} is refused`, async () => {
    serve(makeImage({ layers: [busyboxLayer(), layer()] }));
    await refused(because);
  });
}

test("a name of nearly 4,096 bytes is kept, or refused in words, and goes again", async () => {
  const name = `${"d".repeat(200)}/`.repeat(19);
  serve(makeImage({ layers: [busyboxLayer(), Buffer.concat([extended(encode(record(`path=${name}f`))), after])] }));
  expect(await pull()).toMatchObject({ status: 0 });
  expect(ok("run", "--rm", "--network", "none", `${host}/it`, "sh", "-c", `cd /${name.slice(0, 2010)} && cd ${name.slice(2010)} && cat f`)).toBe("body");
});

test("a file of holes takes no space, and one that no file system can hold is one error", async () => {
  const sparse = (size: string) => Buffer.concat([extended(encode(record("GNU.sparse.map=0,2") + record(`GNU.sparse.size=${size}`) + record("GNU.sparse.name=holes"))), tarOf([{ name: "x", body: "ab" }])]);
  serve(makeImage({ layers: [busyboxLayer(), sparse("1000000000000")] }));
  const ran = await pull();
  if (ran.status === 0) expect(Number(ok("run", "--rm", "--network", "none", `${host}/it`, "sh", "-c", "du -k /holes").split(/\s/)[0])).toBeLessThan(1000);
  else expect(ran.err).toMatch(/large|space|sparse/i);
  run(["podman", "rmi", "-fa"]);
  serve(makeImage({ layers: [busyboxLayer(), sparse("9000000000000000")] }));
  const second = await pull();
  if (second.status !== 0) expect(second.err).toMatch(/large|space|sparse/i);
});

test("names that differ in case or in how a letter is composed are different files", async () => {
  serve(makeImage({ layers: [busyboxLayer(), tarOf([{ name: "Name", body: "1" }, { name: "name", body: "2" }, { name: "\u00e9", body: "3" }, { name: "e\u0301", body: "4" }, { name: "a\u202eb", body: "5" }])] }));
  expect(await pull()).toMatchObject({ status: 0 });
  expect(ok("run", "--rm", "--network", "none", `${host}/it`, "sh", "-c", "cat /Name /name /\u00e9 /e\u0301 /a\u202eb")).toBe("12345");
});

test("forty thousand empty files are unpacked and go again", async () => {
  const header = tarOf([{ name: "f/00000000", body: "" }]).subarray(0, 512);
  const count = 40_000;
  const bytes = Buffer.alloc(512 * count + 1024);
  for (let number = 0; number < count; number++) {
    const block = Uint8Array.from(header);
    block.set(encode(`f/${String(number).padStart(8, "0")}`), 0);
    block.fill(32, 148, 156);
    block.set(encode(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `), 148);
    bytes.set(block, number * 512);
  }
  serve(makeImage({ layers: [busyboxLayer(), bytes], compression: "zstd" }));
  expect(await pull()).toMatchObject({ status: 0 });
  expect(ok("run", "--rm", "--network", "none", `${host}/it`, "sh", "-c", "ls /f | wc -l")).toBe(String(count));
  ok("rmi", "-f", `${host}/it`);
  expect(readdirSync("/var/lib/containers/coracle/layers").length).toBe(0);
}, 120_000);

test("bombs in gzip and zstd within each other stay what they are: the outer is unpacked once", async () => {
  const inner = gzipSync(Buffer.alloc(10_000_000));
  serve(makeImage({ layers: [busyboxLayer(), tarOf([{ name: "bomb.gz", body: inner }, { name: "bomb.zst", body: zstdCompressSync(inner) }])] }));
  expect(await pull()).toMatchObject({ status: 0 });
  expect(ok("run", "--rm", "--network", "none", `${host}/it`, "sh", "-c", "stat -c %s /bomb.gz")).toBe(String(inner.length));
});
