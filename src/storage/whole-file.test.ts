import { afterAll, expect, test } from "bun:test";
import { chmodSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wholeFile } from "./whole-file.ts";

const folder = mkdtempSync(join(tmpdir(), "coracle-whole-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const modeOf = (name: string): number => statSync(at(name)).mode & 0o777;

function written(name: string, text: string, options?: Parameters<typeof wholeFile>[1]): ReturnType<typeof wholeFile> {
  const file = wholeFile(at(name), options);
  writeSync(file.fd, text);
  return file;
}

test("nothing is there until it is whole, and nothing beside it", () => {
  const file = written("new", "all of it", { mode: 0o640 });
  expect(readdirSync(folder)).toEqual([]);
  file.keep();
  file.drop();
  expect({ text: readFileSync(at("new"), "utf8"), mode: modeOf("new") }).toEqual({ text: "all of it", mode: 0o640 });
});

test("what is dropped leaves what was there", () => {
  written("new", "half").drop();
  expect(readFileSync(at("new"), "utf8")).toBe("all of it");
});

test("it takes the place of an old file under its mode, also of one that came meanwhile; a secret one keeps its own", () => {
  writeFileSync(at("old"), "old");
  chmodSync(at("old"), 0o604);
  written("old", "second").keep();
  expect({ text: readFileSync(at("old"), "utf8"), mode: modeOf("old") }).toEqual({ text: "second", mode: 0o604 });
  written("old", "third", { mode: 0o600, isSecret: true }).keep();
  expect({ text: readFileSync(at("old"), "utf8"), mode: modeOf("old") }).toEqual({ text: "third", mode: 0o600 });
  const file = written("meanwhile", "ours");
  linkSync(at("old"), at("meanwhile"));
  file.keep();
  expect([readFileSync(at("meanwhile"), "utf8"), readFileSync(at("old"), "utf8")]).toEqual(["ours", "third"]);
  expect(readdirSync(folder).sort()).toEqual(["meanwhile", "new", "old"]);
});

test("a link stays a link, wherever it leads; a device is written as it is", () => {
  symlinkSync("old", at("link"));
  written("link", "through").keep();
  expect(readFileSync(at("old"), "utf8")).toBe("through");
  symlinkSync("nothing", at("dangling"));
  written("dangling", "made").keep();
  expect(readFileSync(at("nothing"), "utf8")).toBe("made");
  wholeFile("/dev/null").keep();
  expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  expect(() => wholeFile(at("nowhere/file"))).toThrow("no such file");
});
