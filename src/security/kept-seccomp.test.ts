import { afterEach, beforeEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import * as os from "node:os";
import { keptSeccomp } from "./kept-seccomp.ts";
import type { OciSeccomp } from "./seccomp.ts";

let folder: string;
let asked: number;

const answer = (name: string): OciSeccomp => ({ defaultAction: "SCMP_ACT_ERRNO", architectures: [], syscalls: [{ names: [name], action: "SCMP_ACT_ALLOW" }] });

const ask = (name: string, capabilities: readonly string[] = ["CAP_CHOWN"]): OciSeccomp | undefined =>
  keptSeccomp(`${folder}/kept`, `${folder}/profile.json`, { capabilities, resolve() {
    asked++;
    return answer(name);
  } });

beforeEach(() => {
  folder = fs.mkdtempSync(`${os.tmpdir()}/kept-seccomp-`);
  fs.writeFileSync(`${folder}/profile.json`, "{}");
  asked = 0;
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

test("the same profile is made once, for its capabilities", () => {
  expect(ask("read")).toEqual(answer("read"));
  expect(ask("other")).toEqual(answer("read"));
  expect(asked).toBe(1);
  expect(ask("write", [])).toEqual(answer("write"));
  expect(fs.statSync(`${folder}/kept`).mode & 0o777).toBe(0o700);
});

test("a profile that was changed, or replaced by one of the same size and time, is made again", () => {
  ask("read");
  fs.writeFileSync(`${folder}/profile.json`, "{ }");
  expect(ask("write")).toEqual(answer("write"));
  const { atime, mtime } = fs.statSync(`${folder}/profile.json`);
  fs.writeFileSync(`${folder}/new`, "{ }");
  fs.utimesSync(`${folder}/new`, atime, mtime);
  fs.renameSync(`${folder}/new`, `${folder}/profile.json`);
  expect(ask("third")).toEqual(answer("third"));
});

test("what is damaged, of another origin or cannot be kept is made again", () => {
  ask("read");
  const [file] = fs.readdirSync(`${folder}/kept`);
  fs.writeFileSync(`${folder}/kept/${file}`, "{");
  expect(ask("write")).toEqual(answer("write"));
  fs.writeFileSync(`${folder}/kept/${file}`, JSON.stringify({ origin: "another", seccomp: answer("all") }));
  expect(ask("third")).toEqual(answer("third"));
  fs.rmSync(`${folder}/kept`, { recursive: true });
  fs.writeFileSync(`${folder}/kept`, "");
  expect(ask("fourth")).toEqual(answer("fourth"));
});

test("where there is no profile there is nothing", () => {
  fs.rmSync(`${folder}/profile.json`);
  expect(ask("read")).toBeUndefined();
  expect(asked).toBe(0);
});
