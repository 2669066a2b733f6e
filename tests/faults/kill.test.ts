// kill -9 of a command at some of the system calls by which it changes anything: the store stays sound and nothing leaks. `make faults` takes all of them.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { ok } from "../fixtures/coracle.ts";
import { startRegistry, type Registry } from "../fixtures/registry.ts";
import { killAfter, killAt, leakedBytes, pointsOf } from "./kills.ts";
import { makeOperations, otherOperations, type Operation } from "./operations.ts";
import { traces, type Traces } from "./traces.ts";

let registry: Registry;
let operations: Operation[] = [];
let before: Traces;
const names = ["pull", "pull of a layer as a file", "rmi of a layer that is mounted", "load", "rmi", "tag", "build", "commit", "run", "run with a network", "run with a port", "run -d", "start", "stop", "rm", "rm of many", "prune", "network connect", "volume import", "save", "checkpoint", "checkpoint to a file", "restore", "restore from a file", "skopeo copy to dir", "skopeo copy to oci", "buildah from", "buildah commit", "buildah rm"];
const killsEach = 1;

beforeAll(async () => {
  registry = await startRegistry();
  operations = [...(await makeOperations(registry)), ...otherOperations()];
  ok("run", "-d", "-p", "8080:80", "127.0.0.1:5000/base:latest", "sleep", "100");
  ok("rm", "-fa", "-t", "0");
  before = traces();
}, 60_000);
afterAll(async () => {
  expect(leakedBytes(before)).toEqual([]);
  await registry?.stop();
}, 60_000);

test("every command that can be killed is among those that are", () => expect(operations.map(({ name }) => name)).toEqual(names));

for (const name of names) {
  test(`${name}, killed`, async () => {
    const operation = operations.find(one => one.name === name)!;
    const points = pointsOf(operation);
    for (let number = 0; number < killsEach; number++) {
      const { problems } = await killAt(operation, points[Math.floor(Math.random() * points.length)]!, before);
      expect(problems).toEqual([]);
    }
    if (Math.random() < 0.3) expect((await killAfter(operation, 20 + Math.random() * 200, before)).problems).toEqual([]);
  });
}
