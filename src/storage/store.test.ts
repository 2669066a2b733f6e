// Images, names, collection, and what a killed process leaves behind.

import { expect, test } from "bun:test";
import * as fs from "node:fs";
import * as path from "node:path";
import { digestOf } from "../base/digest.ts";
import { spawn } from "../base/spawn.ts";
import { archive, emptyTree, layerOf, putImage, testStore, tree } from "./fixtures.ts";
import { openStore } from "./store.ts";

const base = archive({ name: "base", text: "b" });
const upper = archive({ name: "upper", text: "u" });
const third = archive({ name: "third", text: "t" });

test("an image is found by ID, prefix, name and digest, and read back", async () => {
  using made = testStore();
  const { images } = made.store;
  const id = await putImage(made.store, "localhost/one:latest", [base, upper]);
  const image = images.get(id)!;
  expect(image.names).toEqual(["localhost/one:latest"]);
  expect(image.layers.length).toBe(2);
  expect(image.size).toBe(base.length + upper.length + images.configBytes(image).length + images.manifest(image).length);
  expect(images.findByName("localhost/one:latest")).toEqual(image);
  expect(images.findByPrefix(id.slice(0, 12))).toEqual([image]);
  expect(images.findByDigest(image.manifest.digest)).toEqual([image]);
  expect(images.list()).toEqual([image]);
  for (const prefix of ["", "%", "xyz", `${id}0`]) expect(images.findByPrefix(prefix)).toEqual([]);
  expect(images.findByName("one")).toBeUndefined();
});

test("a name moves to the image that gets it last, the other one stays dangling", async () => {
  using made = testStore();
  const { images } = made.store;
  const first = await putImage(made.store, "localhost/a:latest", [base]);
  const second = await putImage(made.store, "localhost/a:latest", [upper]);
  expect(images.get(first)!.names).toEqual([]);
  expect(images.get(first)!.namesHistory).toEqual(["localhost/a:latest"]);
  expect(images.findByName("localhost/a:latest")!.id).toBe(second);
  images.tag(first, "localhost/b:1");
  images.tag(first, "localhost/c:1");
  expect(images.get(first)!.names).toEqual(["localhost/c:1", "localhost/b:1"]);
  expect(images.untag(second, "localhost/b:1")).toBe(false);
  expect(images.untag(first, "localhost/b:1")).toBe(true);
  expect(images.untag(first, "localhost/b:1")).toBe(false);
  expect(() => images.tag("0".repeat(64), "x")).toThrow(expect.objectContaining({ code: "image.not-found" }));
});

test("removing an image takes what only it needed, and all of it in the end", async () => {
  using made = testStore();
  const { store } = made;
  const one = await putImage(store, "localhost/one:1", [base, upper]);
  const two = await putImage(store, "localhost/two:1", [base, third]);
  expect(store.images.parent(one)).toBeUndefined();
  const removed = store.images.remove(one)!;
  expect(removed.collected).toMatchObject({ layers: 1, blobs: 3 });
  expect(store.layers.has(digestOf(base))).toBe(true);
  expect(fs.readFileSync(`${store.layers.diffPath(digestOf(base))}/base`, "utf8")).toBe("b");
  expect(store.images.remove(one)).toBeUndefined();
  store.images.remove(two);
  expect(tree(store.root)).toEqual(emptyTree);
});

test("an image whose layers go on from another's is its child", async () => {
  using made = testStore();
  const parent = await putImage(made.store, "localhost/parent:1", [base]);
  const child = await putImage(made.store, "localhost/child:1", [base, upper]);
  await putImage(made.store, "localhost/other:1", [upper]);
  expect(made.store.images.children(parent).map(({ id }) => id)).toEqual([child]);
  expect(made.store.images.parent(child)?.id).toBe(parent);
});

test("an image with a layer that is not here is refused and not seen", async () => {
  using made = testStore();
  const { store } = made;
  using lease = store.lease();
  const config = store.blobs.put(Buffer.from("{}"), lease);
  const manifest = { digest: store.blobs.put(Buffer.from("{ }"), lease), mediaType: "test" };
  const put = () => store.images.put({ config, manifest, layers: [digestOf("nothing")], blobs: [], names: ["localhost/x:1"] });
  expect(put).toThrow(expect.objectContaining({ code: "store.damaged" }));
  expect(store.images.list()).toEqual([]);
});

test("what a lease holds is not collected by others, and goes with it", async () => {
  using made = testStore();
  const mine = made.store;
  const others = made.again();
  const lease = mine.lease();
  await mine.layers.apply(layerOf(base, { lease }));
  expect(others.collect()).toEqual({ blobs: 0, layers: 0, bytes: 0 });
  expect(others.layers.has(digestOf(base))).toBe(true);
  lease.release();
  lease.release();
  expect(others.layers.has(digestOf(base))).toBe(false);
  expect(tree(mine.root)).toEqual(emptyTree);
});

test("a blob that is not here is named", () => {
  using made = testStore();
  const digest = digestOf("nothing");
  expect(() => made.store.blobs.read(digest)).toThrow(expect.objectContaining({ code: "store.damaged", message: expect.stringContaining(digest) }));
  expect(made.store.blobs.has(digest)).toBe(false);
  made.store.blobs.put(Buffer.alloc(100));
  expect(() => made.store.blobs.read(digestOf(Buffer.alloc(100)), 99)).toThrow(expect.objectContaining({ code: "input.too-large" }));
});

for (const moment of ["unpacking", "shown", "downloading"]) {
  test(`after a kill -9 while ${moment}, the next opening finds a sound store and sweeps`, async () => {
    using made = testStore();
    const kept = await putImage(made.store, "localhost/kept:1", [base]);
    const before = tree(made.store.root);
    const child = spawn([process.execPath, path.join(import.meta.dir, "fixture-dying.ts")], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, DYING_ROOT: made.store.root, DYING_MOMENT: moment },
    });
    let said = "";
    for await (const chunk of child.stdout!) {
      said += Buffer.from(chunk).toString();
      if (said.includes("ready")) break;
    }
    expect(tree(`${made.store.root}/staging`).length).toBeGreaterThan(1);
    expect(tree(`${made.again().root}/staging`).length).toBeGreaterThan(1);
    child.kill("SIGKILL");
    await child.exited;
    const store = made.again();
    expect(tree(`${store.root}/staging`)).toEqual([]);
    expect(store.images.list().map(({ id }) => id)).toEqual([kept]);
    store.collect({ partialAgeMaxMs: 0 });
    expect(tree(store.root)).toEqual(before);
  });
}

test("trees without a row, from a crash between rename and commit, are swept after the crash", async () => {
  using made = testStore();
  await putImage(made.store, "localhost/kept:1", [base]);
  const before = tree(made.store.root);
  fs.mkdirSync(`${made.store.root}/layers/${"a".repeat(64)}/deep`, { recursive: true });
  fs.writeFileSync(`${made.store.root}/blobs/sha256/${"b".repeat(64)}`, "x");
  fs.mkdirSync(`${made.store.root}/roots/gone/diff`, { recursive: true });
  fs.writeFileSync(`${made.store.root}/staging/0000000000000000.lock`, "");
  made.again();
  expect(tree(made.store.root)).toEqual(before);
});

test("after a reboot, what was not synced does not count", async () => {
  using made = testStore();
  const { store } = made;
  const kept = await putImage(store, "localhost/kept:1", [base]);
  const lease = store.lease();
  await store.layers.apply(layerOf(upper, { lease }));
  lease.release({ keep: true });
  store.db.run("UPDATE layers SET boot = 'before' WHERE boot IS NOT NULL");
  store.db.run("UPDATE blobs SET boot = 'before' WHERE boot IS NOT NULL");
  store.db.run("UPDATE boots SET boot = 'before'");
  const after = made.again();
  expect(after.layers.has(digestOf(upper))).toBe(false);
  expect(after.layers.has(digestOf(base))).toBe(true);
  expect(after.images.get(kept)).toBeDefined();
  after.layers.trees(digestOf(base));
  expect(tree(`${store.root}/layers`)).toEqual([digestOf(base).slice(7), `${digestOf(base).slice(7)}/base`]);
});

test("an image whose trees were not on the disk yet at a crash has them unpacked again from its blobs when they are needed", async () => {
  using made = testStore();
  const id = await putImage(made.store, "localhost/kept:1", [base, upper]);
  const top = made.store.images.get(id)!.layers.at(-1)!;
  const before = tree(`${made.store.root}/layers`);
  const [path] = made.store.layers.trees(top);
  for (const name of fs.readdirSync(path!)) fs.rmSync(`${path}/${name}`, { recursive: true });
  made.store.db.run("UPDATE layers SET boot = 'before 0123'");
  made.store.db.run("UPDATE boots SET boot = 'before'");
  const after = made.again();
  expect(after.images.get(id)?.names).toEqual(["localhost/kept:1"]);
  expect(tree(`${made.store.root}/layers`)).toEqual([]);
  expect(after.layers.trees(top)).toEqual(made.store.layers.chain(top).map(({ chainId }) => after.layers.diffPath(chainId)));
  expect(tree(`${made.store.root}/layers`)).toEqual(before);
});

test("trees are written back by nobody that is waited for, and count as written at the next opening", async () => {
  using made = testStore();
  await putImage(made.store, "localhost/kept:1", [base, upper]);
  const pending = (): unknown[] => made.store.db.query("SELECT boot FROM layers WHERE boot IS NOT NULL").all();
  expect(made.store.db.query("SELECT digest FROM blobs WHERE boot IS NOT NULL").all()).toEqual([]);
  expect(pending().length).toBe(2);
  const notes = `${made.store.root}/write-back`;
  for (let turn = 0; turn < 200 && !fs.readdirSync(notes).every(name => name.endsWith(".written")); turn++) await Bun.sleep(50);
  made.again();
  expect(pending()).toEqual([]);
  expect(fs.readdirSync(notes)).toEqual([]);
});

test("where no note can be written the trees are waited for, and a note that cannot be taken waits for another command", async () => {
  using made = testStore();
  fs.writeFileSync(`${made.store.root}/write-back`, "in the way");
  await putImage(made.store, "localhost/kept:1", [base]);
  expect(made.store.db.query("SELECT chain FROM layers WHERE boot IS NOT NULL").all()).toEqual([]);
  expect(made.again().images.list().length).toBe(1);
});

test("a layer that came again while its first tree was written back does not count as written", async () => {
  using made = testStore();
  await putImage(made.store, "localhost/kept:1", [base]);
  made.store.db.run("UPDATE layers SET boot = ?", [fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()]);
  const notes = `${made.store.root}/write-back`;
  for (let turn = 0; turn < 200 && !fs.readdirSync(notes).every(name => name.endsWith(".written")); turn++) await Bun.sleep(50);
  made.again();
  expect(made.store.db.query("SELECT chain FROM layers WHERE boot IS NOT NULL").all().length).toBe(1);
});

test("an image that has lost a blob to a crash is not listed after the reboot", async () => {
  using made = testStore();
  const id = await putImage(made.store, "localhost/lost:1", [base]);
  fs.truncateSync(made.store.blobs.path(made.store.images.get(id)!.config), 0);
  made.store.db.run("UPDATE boots SET boot = 'before'");
  expect(made.again().images.list()).toEqual([]);
});

test("a store of another version, or a file that is no store, is refused", () => {
  using made = testStore();
  expect(() => made.store.migrate("storage", 2, "")).toThrow(expect.objectContaining({ code: "store.damaged" }));
  const root = `${made.directory}/broken`;
  fs.mkdirSync(root);
  fs.writeFileSync(`${root}/coracle.db`, "not a database ".repeat(100));
  expect(() => openStore({ root, runroot: root })).toThrow(expect.objectContaining({ code: "store.damaged" }));
  expect(() => openStore({ root: "relative", runroot: root })).toThrow(expect.objectContaining({ code: "config.invalid" }));
});

test("a transaction that throws leaves nothing, nested ones included", () => {
  using made = testStore();
  const { store } = made;
  store.migrate("test", 1, "CREATE TABLE t (x)");
  store.migrate("test", 1, "CREATE TABLE t (x)");
  const act = () => store.transaction(() => {
    store.transaction(() => store.db.run("INSERT INTO t VALUES (1)"));
    throw new Error("no");
  });
  expect(act).toThrow("no");
  expect(store.db.query("SELECT count(*) AS n FROM t").get()).toEqual({ n: 0 });
});

test("many processes may open a fresh store at the same time", async () => {
  using made = testStore();
  const root = `${made.directory}/fresh`;
  const script = `import { openStore } from ${JSON.stringify(path.join(import.meta.dir, "store.ts"))};
    const store = openStore({ root: ${JSON.stringify(root)}, runroot: "/run" });
    store.blobs.put(Buffer.from(String(process.pid))); store.close();`;
  const children = [1, 2, 3, 4, 5, 6].map(() => spawn([process.execPath, "-e", script], { stdio: ["ignore", "ignore", "inherit"] }));
  expect(await Promise.all(children.map(child => child.exited))).toEqual([0, 0, 0, 0, 0, 0]);
  expect(fs.readdirSync(`${root}/blobs/sha256`).length).toBe(6);
});
