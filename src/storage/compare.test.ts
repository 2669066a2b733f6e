// Two trees compared: what came, went and changed.

import { afterAll, expect, test } from "bun:test";
import * as fs from "node:fs";
import { compareTrees } from "./compare.ts";

const base = fs.mkdtempSync("/tmp/compare-test-");
afterAll(() => fs.rmSync(base, { recursive: true }));

test("tells added, changed and deleted paths with the directories they lie in, and nothing of what is equal", () => {
  for (const tree of ["a", "b"]) {
    fs.mkdirSync(`${base}/${tree}/etc/same`, { recursive: true });
    fs.mkdirSync(`${base}/${tree}/same`);
    for (const file of ["etc/kept", "same/kept", "etc/mode"]) {
      fs.writeFileSync(`${base}/${tree}/${file}`, "x");
      fs.utimesSync(`${base}/${tree}/${file}`, 1000, 1000);
    }
    fs.symlinkSync(tree, `${base}/${tree}/link`);
  }
  fs.chmodSync(`${base}/b/etc/mode`, 0o600);
  fs.mkdirSync(`${base}/a/gone/deep`, { recursive: true });
  fs.mkdirSync(`${base}/b/new/deep`, { recursive: true });
  expect(compareTrees(`${base}/a`, `${base}/b`).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    "C /etc", "C /etc/mode", "D /gone", "C /link", "A /new", "A /new/deep",
  ]);
  expect(compareTrees(`${base}/a`, `${base}/a`)).toEqual([]);
});
