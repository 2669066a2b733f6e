// Child processes, with real ones.

import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { findProgram, needProgram, scrubbed, spawn, spawnSync } from "./spawn.ts";

test("a child's output, complaint and status come back", () => {
  const done = spawnSync(["/bin/sh", "-c", "cat; echo no >&2; exit 3"], { stdin: "hello" });
  expect([done.status, done.text(), done.complaint()]).toEqual([3, "hello", "no"]);
});

test("a status of 128 + n and the signal's name tell of a death by signal", () => {
  const done = spawnSync(["/bin/sh", "-c", "kill -9 $$"]);
  expect([done.status, done.signal]).toEqual([137, "SIGKILL"]);
});

test("a child that outstays its time is killed", () => {
  expect(spawnSync(["/bin/sleep", "20"], { timeoutMs: 50 }).signal).toBe("SIGKILL");
});

test("BUN_ variables reach no child", () => {
  const env = { BUN_OPTIONS: "--preload=/x", BUN_BE_BUN: "1", KEEP: "yes", GONE: undefined };
  expect(scrubbed(env)).toEqual({ KEEP: "yes" });
  expect(spawnSync(["/usr/bin/env"], { env }).text()).toBe("KEEP=yes\n");
});

test("descriptors from 3 on are handed over", () => {
  const path = `/tmp/coracle-spawn-${process.pid}`;
  const fd = fs.openSync(path, "w+");
  expect(spawnSync(["/bin/sh", "-c", "echo three >&3"], { fds: [fd] }).status).toBe(0);
  expect(fs.readFileSync(path, "utf8")).toBe("three\n");
  fs.closeSync(fd);
  fs.unlinkSync(path);
});

test("a started child is fed, read and waited for", async () => {
  const child = spawn(["/bin/cat"], { stdio: ["pipe", "pipe", "ignore"] });
  child.stdin!.write("through");
  child.stdin!.end();
  let text = "";
  for await (const bytes of child.stdout!) text += new TextDecoder().decode(bytes);
  expect([text, await child.exited]).toEqual(["through", 0]);
});

test("a program that is not there is a fault", () => {
  expect(() => spawnSync(["/does/not/exist"])).toThrow(expect.objectContaining({ code: "component.failed" }));
  expect(() => needProgram("no-such-program", "nosuch")).toThrow(expect.objectContaining({
    code: "component.missing", hint: expect.stringContaining("apt-get install nosuch"),
  }));
});

test("programs are found by stat, never directories or plain files", () => {
  expect(findProgram("sh")).toMatch(/\/sh$/);
  expect(findProgram("/etc")).toBeUndefined();
  expect(findProgram("/etc/passwd")).toBeUndefined();
});
