// What makes commands quick, counted, since time cannot be trusted in a test: threads, calls of the runtime, flushes.
// Source: ARCHITECTURE.md, "Speed".

import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { begin, mustRun, ok, run, until } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();
afterEach(() => void run(["podman", "rm", "-fa", "-t", "0"]));

/** A runtime that notes each call before it is crun. */
function noted(): { runtime: string; calls: () => string[] } {
  const folder = newFolder("runtime");
  const runtime = join(folder, "crun");
  const real = mustRun(["sh", "-c", "command -v crun"]);
  writeFileSync(join(folder, "calls"), "");
  writeFileSync(runtime, `#!/bin/sh\necho "$@" >>${folder}/calls\nexec ${real} "$@"\n`, { mode: 0o755 });
  const calls = () => readFileSync(join(folder, "calls"), "utf8").split("\n").filter(Boolean)
    .map(line => line.split(" ").find(word => /^(create|start|delete|state|kill|exec)$/.test(word)) ?? line);
  return { runtime, calls };
}

test("a command that waits has no threads of the compiler", async () => {
  ok("run", "-d", "--name", "long", IMAGE, "sleep", "1000");
  const waiting = begin(["podman", "wait", "long"]);
  const tasks = `/proc/${waiting.child.pid}/task`;
  await until("threads", () => readdirSync(tasks).length > 1);
  await Bun.sleep(300);
  const names = readdirSync(tasks).map(task => readFileSync(`${tasks}/${task}/comm`, "utf8").trim());
  expect(names.filter(name => name.startsWith("JIT"))).toEqual([]);
  ok("rm", "-f", "-t", "0", "long");
  await waiting.exited;
});

test("run --rm calls the runtime to create and to delete, and starts the program itself", () => {
  const { runtime, calls } = noted();
  expect(ok("--runtime", runtime, "run", "--rm", "--network", "none", IMAGE, "echo", "here")).toBe("here");
  expect(calls()).toEqual(["create", "delete"]);
});

test("a container with a hook at its start is started by the runtime, which runs the hook", () => {
  const { runtime, calls } = noted();
  const hooks = newFolder("hooks");
  writeFileSync(join(hooks, "after.json"), JSON.stringify({
    version: "1.0.0", hook: { path: "/bin/touch", args: ["touch", join(hooks, "ran")] }, when: { always: true }, stages: ["poststart"],
  }));
  ok("--runtime", runtime, "--hooks-dir", hooks, "run", "--rm", "--network", "none", IMAGE, "true");
  expect(calls()).toEqual(["create", "start", "delete"]);
  expect(existsSync(join(hooks, "ran"))).toBe(true);
});

/** The names in the database's file alone, as a power cut would leave it without its log. */
function namesInFile(): string[] {
  const copy = join(newFolder("copy"), "coracle.db");
  copyFileSync("/var/lib/containers/coracle/coracle.db", copy);
  const db = new Database(copy);
  const rows = db.query<{ name: string }, []>("SELECT name FROM containers UNION SELECT name FROM volumes ORDER BY 1").all();
  db.close();
  return rows.map(({ name }) => name);
}

test("what is to stay is in the database's file when the command returns: a container, a named volume, their removal", () => {
  ok("create", "--name", "kept", "--network", "none", IMAGE, "true");
  expect(namesInFile()).toEqual(["kept"]);
  ok("run", "--rm", "--network", "none", "-v", "new:/new", IMAGE, "true");
  expect(namesInFile()).toEqual(expect.arrayContaining(["kept", "new"]));
  ok("rm", "kept");
  expect(namesInFile()).not.toContain("kept");
  ok("volume", "rm", "new");
  expect(namesInFile()).not.toContain("new");
});

test("what runs and goes flushes nothing, and neither does what only reads", () => {
  ok("create", "--name", "kept", "--network", "none", IMAGE, "true");
  const file = "/var/lib/containers/coracle/coracle.db";
  const before = statSync(file).mtimeMs;
  ok("run", "--rm", "--network", "none", IMAGE, "true");
  ok("ps", "-a");
  expect(statSync(file).mtimeMs).toBe(before);
});
