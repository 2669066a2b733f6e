// Images in a store: found by every name podman finds them by, listed, filtered, named and removed.

import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeImage } from "../../tests/fixtures/image.ts";
import type { MadeImage } from "../../tests/fixtures/image.ts";
import { tarOf } from "../../tests/fixtures/tar.ts";
import type { Digest } from "../base/digest.ts";
import { openStore } from "../storage/store.ts";
import type { Store } from "../storage/store.ts";
import { copyImage } from "./copy.ts";
import { filterImages, globs } from "./filters.ts";
import { inspectImage } from "./inspect.ts";
import { imageRows, listImages } from "./list.ts";
import { rawManifest } from "./manifest.ts";
import { tagImage, untagImage } from "./names.ts";
import { removeImages } from "./remove.ts";
import { getImage, imageExists, lookupImage } from "./resolve.ts";
import type { ImageSystem } from "./system.ts";
import { storageSink } from "./transports/storage.ts";

const directory = mkdtempSync(join(tmpdir(), "coracle-stored-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const registriesConf = join(directory, "registries.conf");
writeFileSync(registriesConf, 'unqualified-search-registries = ["search.test"]\n[aliases]\n"short" = "alias.test/a/short"\n');
const system: ImageSystem = { registriesConf, registriesConfDir: join(directory, "none"), shortNameAliasConf: join(directory, "aliases.conf") };

async function* once(bytes: Uint8Array) {
  yield bytes;
}

async function put(store: Store, image: MadeImage, ...names: string[]): Promise<void> {
  const source = {
    name: "memory:",
    manifest: async () => rawManifest(image.manifest, image.mediaType),
    blob: async ({ digest }: { digest: Digest }) => ({ stream: once(image.blobs.get(digest)!), size: image.blobs.get(digest)!.length }),
    close: async () => {},
  };
  await copyImage(source, storageSink(store, names));
}

const layer = (name: string) => tarOf([{ name, body: name }]);
const base = makeImage({ layers: [layer("a")], config: { Labels: { kind: "base", version: "1" } } });
const child = makeImage({ layers: [layer("a"), layer("b")] });
const name = "quay.io/libpod/base:1";

let stores = 0;
let store: Store;
beforeEach(async () => {
  const root = join(directory, `store-${++stores}`);
  store = openStore({ root, runroot: `${root}-run` });
  await put(store, base, name);
});

const rm = (names: string[], more: Partial<Parameters<typeof removeImages>[2]> = {}) =>
  removeImages(store, names, { usedBy: () => [], system, ...more });

for (const written of [
  name, "base:1", "libpod/base:1", base.id, base.id.slice(0, 12), base.id.slice(0, 3), `sha256:${base.id}`, base.digest,
  `quay.io/libpod/base@${base.digest}`, `quay.io/libpod/base:other@${base.digest}`, `base@${base.digest}`, `containers-storage:${name}`,
]) {
  test(`the image is found as ${written.replaceAll(/[0-9a-f]{60}/g, "…")}`, () => {
    expect(lookupImage(store, written, system)?.image.id).toBe(base.id);
  });
}

for (const written of ["base", "bas:1", "ase:1", "other/base:1", `quay.io/x/base@${base.digest}`, "0".repeat(64), `sha256:${"0".repeat(64)}`]) {
  test(`no image is found as ${written.replaceAll(/[0-9a-f]{60}/g, "…")}`, () => {
    expect(imageExists(store, written, system)).toBe(false);
    expect(() => getImage(store, written, system)).toThrow(expect.objectContaining({ code: "image.not-found", message: expect.stringMatching(/: image not known$/) }));
  });
}

test("a short name is first the alias, then localhost, then the search registries, then Docker Hub", async () => {
  const order = ["docker.io/library/short:latest", "search.test/short:latest", "localhost/short:latest", "alias.test/a/short:latest"];
  for (const one of order) {
    store.images.tag(base.id, one);
    expect(lookupImage(store, "short", system)?.name).toBe(one);
  }
});

test("a short digest is refused in podman's words", () => {
  expect(() => lookupImage(store, "sha256:123")).toThrow("sha256:123: invalid format: no 64-byte hexadecimal value");
});

test("names are given at localhost and taken away again", () => {
  tagImage(store, name, ["mine", "reg.test/x:2"], system);
  expect(getImage(store, "mine", system).names).toEqual(expect.arrayContaining(["localhost/mine:latest", "reg.test/x:2", name]));
  untagImage(store, name, ["mine"], system);
  expect(() => untagImage(store, name, ["mine"], system)).toThrow("localhost/mine:latest: tag not known");
  expect(() => tagImage(store, name, [`x@${base.digest}`], system)).toThrow("tag by digest not supported");
  expect(() => tagImage(store, name, ["UP"], system)).toThrow("repository name must be lowercase");
  untagImage(store, base.id, [], system);
  expect(getImage(store, base.id, system).names).toEqual([]);
});

test("rows: one a tagged name, none for digests beside tags, sorted", async () => {
  tagImage(store, name, ["a.b/c:d", "zzz.test/x"], system);
  store.images.tag(base.id, `quay.io/libpod/base@${base.digest}`);
  await put(store, child);
  const rows = imageRows(listImages(store, { system }), "repository").map(row => `${row.repository}:${row.tag}`);
  expect(rows).toEqual(["<none>:<none>", "a.b/c:d", name, "zzz.test/x:latest"]);
});

test("summaries carry what templates ask for", () => {
  const [summary] = listImages(store, { system, usedBy: () => ["c1"] });
  expect(summary).toMatchObject({
    Id: base.id, Digest: base.digest, Names: [name], RepoDigests: [`quay.io/libpod/base@${base.digest}`], Containers: 1, Dangling: false,
    Labels: { kind: "base", version: "1" }, Created: Date.UTC(2024, 9, 11) / 1000, Os: "linux", History: [name],
  });
});

const filtered: readonly (readonly [string[], string[]])[] = [
  [["label=kind"], [base.id]], [["label=kind=base"], [base.id]], [["label=kind=other"], []], [["label!=kind"], [child.id]],
  [["dangling=true"], [child.id]], [["dangling=false"], [base.id]], [["dangling!=true"], [base.id]],
  [["reference=base"], [base.id]], [["reference=quay.io/*/base"], [base.id]], [["reference=*"], [base.id]], [["reference=nope", "reference=base:1"], [base.id]],
  [["reference!=base"], [child.id]], [[`id=${base.id.slice(0, 5)}`], [base.id]], [[`digest=${base.digest.slice(0, 20)}`], [base.id]],
  [["containers=true"], [base.id]], [[`after=${name}`], []], [[`before=${name}`], []], [["until=2020-01-01"], []], [["until=1h"], [base.id, child.id]],
];
for (const [filters, expected] of filtered) {
  test(`the filter ${filters.join(" ").replaceAll(/[0-9a-f]{9,}/g, "…")} leaves ${expected.length}`, async () => {
    await put(store, child);
    const usedBy = (id: string) => (id === base.id ? ["c"] : []);
    expect(filterImages(store, filters, { system, usedBy }).map(image => image.id).sort()).toEqual([...expected].sort());
  });
}

for (const [filter, message] of [
  ["json", 'invalid image filter "json": must be in the format "filter=value or filter!=value"'],
  ["foo=bar", 'invalid image filter "foo": must be in the format'],
  ["dangling=maybe", 'non-boolean value "maybe" for dangling filter'],
  ["since=nosuch", 'could not find local image for filter "since"="nosuch": nosuch: image not known'],
  ["until=xx", 'failed to parse value as time or duration: "xx"'],
  ["digest=x", 'invalid value "x" for digest filter'],
  ["containers=x", 'unsupported value "x" for containers filter'],
] as const) {
  test(`the filter ${filter} is refused`, () => {
    expect(() => filterImages(store, [filter], { system })).toThrow(message);
  });
}

test("stars stop at slashes and broken classes match nothing", () => {
  expect([globs("a*", "abc"), globs("a*", "a/b"), globs("[a-c]?", "b1"), globs("[", "["), globs("a.c", "abc"), globs("\\*", "*")])
    .toEqual([true, false, true, false, false, true]);
});

test("the only name takes the image with it", async () => {
  expect(await rm([name])).toMatchObject({ untagged: [name], deleted: [base.id], faults: [], exit: 0 });
  expect(store.images.list()).toEqual([]);
});

test("one of two names only goes itself; by ID only with force", async () => {
  tagImage(store, name, ["second"], system);
  const byId = await rm([base.id]);
  expect(byId.faults[0]!.message).toBe(`unable to delete image "${base.id}" by ID with more than one tag ([localhost/second:latest ${name}]): please force removal`);
  expect(byId.exit).toBe(125);
  expect(await rm(["second"])).toMatchObject({ untagged: ["localhost/second:latest"], deleted: [] });
  tagImage(store, name, ["second"], system);
  expect(await rm([base.id], { force: true })).toMatchObject({ untagged: ["localhost/second:latest", name], deleted: [base.id] });
});

test("an image in use stays, unless its containers can be removed by force", async () => {
  let users = ["c1"];
  const usedBy = () => users;
  const refused = await rm([name], { usedBy });
  expect(refused).toMatchObject({ exit: 2, deleted: [] });
  expect(refused.faults[0]!.message).toBe("image used by c1: image is in use by a container: consider listing external containers and force-removing image");
  expect(await rm([name], { usedBy, force: true, removeContainers: () => void (users = []) })).toMatchObject({ exit: 0, deleted: [base.id] });
});

test("unknown names are faults, unless ignored, and do not stop the others", async () => {
  expect(await rm(["nosuch"])).toMatchObject({ exit: 1, faults: [{ message: "nosuch: image not known" }] });
  expect(await rm(["nosuch", name], { ignore: true })).toMatchObject({ exit: 0, deleted: [base.id] });
});

const other = makeImage({ layers: [layer("c")] });

test("an image with a child goes, but is no deletion; a dangling parent goes with its last child", async () => {
  await put(store, child, "x.test/child:1");
  expect(listImages(store, { system }).find(one => one.Id === child.id)!.ParentId).toBe(base.id);
  expect(await rm([name])).toMatchObject({ untagged: [name], deleted: [] });
  await put(store, base);
  expect(listImages(store, { system }).map(one => one.Id)).toEqual([child.id]);
  expect(listImages(store, { system, all: true })).toHaveLength(2);
  expect(await rm(["x.test/child:1"])).toMatchObject({ untagged: ["x.test/child:1"], deleted: [child.id, base.id] });
});

test("without names all go that the filters leave", async () => {
  await put(store, other, "x.test/child:1");
  expect((await rm([], { filters: ["label=kind"] })).deleted).toEqual([base.id]);
  expect((await rm([])).deleted).toEqual([other.id]);
});

test("inspect leaves empty defaults out and sorts maps as Go prints them", async () => {
  const made = makeImage({ layers: [layer("i")], config: { Labels: { b: "2", a: "1" }, ExposedPorts: { "9/tcp": {}, "10/tcp": {} } } });
  await put(store, made, "x.test/inspected:1");
  const plain = inspectImage(store, getImage(store, base.id, system));
  expect(Object.keys(plain.Config)).toEqual(["Env", "Cmd", "Labels"]);
  expect(plain.NamesHistory).toEqual([name]);
  const rich = inspectImage(store, getImage(store, made.id, system));
  expect(JSON.stringify([rich.Config.ExposedPorts, rich.Labels, rich.Annotations])).toBe('[{"10/tcp":{},"9/tcp":{}},{"a":"1","b":"2"},{}]');
});
