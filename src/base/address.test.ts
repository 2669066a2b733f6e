// What is hidden of an address, and what is no secret in it.

import { expect, test } from "bun:test";
import { splitUserinfo, withoutUserinfo } from "./address.ts";

const shown: Record<string, string> = {
  "https://anna:word@example.test/x": "https://anna:***@example.test/x",
  "https://token@example.test/x.git#main": "https://***@example.test/x.git#main",
  "docker://anna:word@host:5000/x": "docker://anna:***@host:5000/x",
  "ADD https://a:b@one.test/f ssh://c:d@two.test/g /": "ADD https://a:***@one.test/f ssh://c:***@two.test/g /",
  "ssh://git@example.test/x": "ssh://git@example.test/x",
  "git@example.test:x/y": "git@example.test:x/y",
  "https://example.test/a@b": "https://example.test/a@b",
  "docker://example.test/a@sha256:b": "docker://example.test/a@sha256:b",
  'Get "HTTPS://anna:word@example.test": EOF': 'Get "HTTPS://anna:***@example.test": EOF',
  'reference "anna:word@host:5000/x": no': 'reference "anna:***@host:5000/x": no',
  "host:5000/x:tag@sha256:ab": "host:5000/x:tag@sha256:ab",
  "x:tag@sha256:ab": "x:tag@sha256:ab",
  "https://anna:@example.test": "https://anna:***@example.test",
};
for (const [text, wanted] of Object.entries(shown)) test(`${text} is shown as ${wanted}`, () => expect(withoutUserinfo(text)).toBe(wanted));

test("a web address is told apart from who asks; another is left whole", () => {
  expect(splitUserinfo("https://anna:w%40rd@example.test/x.git")).toEqual({ address: "https://example.test/x.git", name: "anna", password: "w@rd" });
  expect(["https://example.test/x", "ssh://anna:w@example.test/x", "git@example.test:x", "no address"].map(splitUserinfo)).toEqual([undefined, undefined, undefined, undefined]);
});
