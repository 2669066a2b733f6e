// Container roots: mounted, counted, changed, told apart from their image, written out, removed.

import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { digestOf } from "../base/digest.ts";
import { spawnSync } from "../base/spawn.ts";
import { chainIds } from "./chain.ts";
import { archive, layerOf, putImage, testStore } from "./fixtures.ts";
import type { Store } from "./store.ts";
import { tarOfTree } from "./tar/tree.ts";

const rooted = test.if(process.geteuid!() === 0);

const lower = archive(
  { name: "./", kind: "directory", mode: 0o751 },
  { name: "etc", kind: "directory", mode: 0o755 },
  { name: "etc/passwd", text: "root" },
  { name: "etc/gone", text: "gone" },
  { name: "old", kind: "directory", mode: 0o755 },
  { name: "old/file", text: "1" },
);
const upper = archive({ name: "etc/.wh.gone" }, { name: "etc/added", text: "new" });

async function withImage(store: Store): Promise<{ top: `sha256:${string}` }> {
  await putImage(store, "localhost/i:1", [lower, upper]);
  return { top: chainIds([digestOf(lower), digestOf(upper)])[1] as `sha256:${string}` };
}

rooted("a root shows the image's layers, keeps what is written, and counts its users", async () => {
  using made = testStore();
  const { roots } = made.store;
  const { top } = await withImage(made.store);
  roots.create({ id: "c1", topLayer: top });
  const at = roots.mount("c1");
  expect(fs.readdirSync(`${at}/etc`).sort()).toEqual(["added", "passwd"]);
  expect(fs.statSync(at).mode & 0o7777).toBe(0o555);
  fs.writeFileSync(`${at}/etc/written`, "w".repeat(100));
  expect(roots.mount("c1")).toBe(at);
  expect(roots.find("c1")).toEqual({ id: "c1", topLayer: top, mountCount: 2 });
  expect(roots.unmount("c1")).toBe(true);
  expect(roots.isMounted("c1")).toBe(true);
  expect(roots.unmount("c1")).toBe(false);
  expect(roots.isMounted("c1")).toBe(false);
  expect(roots.unmount("c1")).toBe(false);
  expect(roots.size("c1")).toBe(100);
  expect(fs.readFileSync(`${roots.mount("c1", { volatile: true })}/etc/written`, "utf8").length).toBe(100);
  roots.unmount("c1", { force: true });
  expect(fs.existsSync(`${roots.mount("c1", { volatile: true })}/etc/written`)).toBe(true);
  expect(roots.remove("c1")).toBe(true);
  expect(roots.remove("c1")).toBe(false);
  expect(fs.readdirSync(`${made.store.root}/roots`)).toEqual([]);
  expect(fs.readdirSync(`${made.store.root}/staging`)).toEqual([]);
});

rooted("changes are told as added, changed and deleted", async () => {
  using made = testStore();
  const { roots } = made.store;
  const { top } = await withImage(made.store);
  roots.create({ id: "c1", topLayer: top });
  const at = roots.mount("c1");
  expect(roots.changes("c1")).toEqual([]);
  fs.appendFileSync(`${at}/etc/passwd`, "more");
  fs.rmSync(`${at}/etc/added`);
  fs.writeFileSync(`${at}/etc/gone`, "is back");
  fs.rmSync(`${at}/old`, { recursive: true });
  fs.mkdirSync(`${at}/old`);
  fs.writeFileSync(`${at}/old/other`, "2");
  fs.mkdirSync(`${at}/new`);
  fs.writeFileSync(`${at}/new/ä`, "3");
  expect(roots.changes("c1").map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    "C /etc", "D /etc/added", "A /etc/gone", "C /etc/passwd", "A /new", "A /new/ä", "C /old", "A /old/other",
  ]);
});

rooted("a difference written out as a layer gives the same root when it is applied", async () => {
  using made = testStore();
  const { store } = made;
  const { top } = await withImage(store);
  store.roots.create({ id: "c1", topLayer: top });
  const at = store.roots.mount("c1");
  fs.rmSync(`${at}/etc/passwd`);
  fs.rmSync(`${at}/old`, { recursive: true });
  fs.mkdirSync(`${at}/old`);
  fs.writeFileSync(`${at}/old/one`, "1", { mode: 0o600 });
  fs.linkSync(`${at}/old/one`, `${at}/old/two`);
  fs.symlinkSync("/etc", `${at}/link`);
  spawnSync(["mkfifo", `${at}/pipe`]);
  const parts = (): Buffer => Buffer.concat([...store.roots.diff("c1")].map(part => Buffer.from(part)));
  const diff = Uint8Array.from(parts());
  expect(Buffer.compare(diff, parts())).toBe(0);
  const id = await putImage(store, "localhost/committed:1", [lower, upper, diff]);
  store.roots.create({ id: "c2", topLayer: store.images.get(id)!.layers.at(-1) });
  const copy = store.roots.mount("c2");
  const list = (root: string): string => spawnSync(["find", ".", "-printf", "%P %M %U %G %s %n %l %T@\n"], { cwd: root }).text();
  const sorted = (text: string): string[] => text.split("\n").filter(line => !/^\S* d/.test(line) && line !== "").sort();
  expect(sorted(list(copy))).toEqual(sorted(list(at)));
});

rooted("a whole tree is exported as GNU tar would read it", async () => {
  using made = testStore();
  const { store } = made;
  const { top } = await withImage(store);
  store.roots.create({ id: "c1", topLayer: top });
  const tar = Buffer.concat([...tarOfTree(store.roots.mount("c1"))].map(part => Buffer.from(part)));
  expect(spawnSync(["tar", "-tf", "-"], { stdin: tar }).text()).toBe("etc/\netc/added\netc/passwd\nold/\nold/file\n");
  const target = `${made.directory}/target`;
  fs.mkdirSync(target);
  store.roots.mountLayers(top, target);
  expect(fs.readFileSync(`${target}/etc/added`, "utf8")).toBe("new");
  expect(() => fs.writeFileSync(`${target}/x`, "")).toThrow(expect.objectContaining({ code: "EROFS" }));
  spawnSync(["umount", target]);
});

rooted("a root without an image is empty and 0555, and its ID is taken once", () => {
  using made = testStore();
  const { roots } = made.store;
  roots.create({ id: "c1" });
  expect(fs.readdirSync(roots.mount("c1"))).toEqual([]);
  expect(() => roots.create({ id: "c1" })).toThrow(expect.objectContaining({ code: "system.exists" }));
  expect(() => roots.create({ id: "../x" })).toThrow(expect.objectContaining({ code: "usage.invalid" }));
  expect(() => roots.create({ id: "c2", topLayer: digestOf("none") })).toThrow(expect.objectContaining({ code: "store.damaged" }));
  expect(() => roots.mount("nobody")).toThrow(expect.objectContaining({ code: "store.damaged" }));
  expect(roots.list().map(({ id }) => id)).toEqual(["c1"]);
  expect(fs.readdirSync(`${made.store.root}/roots`)).toEqual(["c1"]);
});

rooted("an image's layers stay while a root needs them, and may go then", async () => {
  using made = testStore();
  const { store } = made;
  const { top } = await withImage(store);
  store.roots.create({ id: "c1", topLayer: top });
  store.images.remove(store.images.list()[0]!.id);
  expect(fs.existsSync(`${store.roots.mount("c1")}/etc/passwd`)).toBe(true);
  store.roots.remove("c1");
  expect(store.collect().layers).toBe(2);
});

rooted("a tree deeper than there are handles is removed", async () => {
  using made = testStore();
  const { store } = made;
  await store.layers.apply(layerOf(archive({ name: `${"d/".repeat(1500)}end`, text: "x" })));
  expect(store.collect().layers).toBe(1);
  expect(fs.readdirSync(`${store.root}/layers`)).toEqual([]);
});
