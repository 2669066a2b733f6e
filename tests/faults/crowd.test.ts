// Fifty processes at once on one store, and a hundred `run -d` at once; `make faults` lets the fifty go on for five minutes.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { ok } from "../fixtures/coracle.ts";
import { startRegistry, type Registry } from "../fixtures/registry.ts";
import { crowd, fillRegistry, manyAtOnce } from "./crowd.ts";
import { traces, type Traces } from "./traces.ts";

let registry: Registry;
let before: Traces;
beforeAll(async () => {
  registry = await startRegistry();
  await fillRegistry(registry);
  ok("run", "--rm", "-p", "8080:80", "127.0.0.1:5000/base:latest", "true");
  before = traces();
}, 60_000);
afterAll(async () => {
  ok("rm", "-fa", "-t", "0");
  await registry?.stop();
}, 60_000);

test("fifty processes at once lose nothing, wait for nothing in vain, and leave a sound store", async () => {
  const { problems, commands, counts } = await crowd({ members: 50, seconds: 12 }, before);
  expect(problems).toEqual([]);
  expect(Object.keys(counts).sort()).toEqual(["build", "commit", "container", "image", "images", "ps", "pull", "rm", "rmi", "run", "tag", "volume"]);
  expect(commands).toBeGreaterThan(100);
}, 180_000);

test("a hundred run -d at once all run", async () => {
  expect(await manyAtOnce(100)).toEqual([]);
}, 120_000);
