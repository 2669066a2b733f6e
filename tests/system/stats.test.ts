// stats: figures of running containers, in every format.

import { expect, test } from "bun:test";
import { begin, ok, podman, until } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

test("memory, processes and CPU time of a container, as a table, JSON and by a template", () => {
  const id = ok("run", "-d", "--network", "none", "--name", "busy", "--memory", "64m", IMAGE, "sh", "-c", "while true; do :; done");
  ok("create", "--name", "idle", IMAGE);
  const table = ok("stats", "--no-stream", "--no-reset");
  expect(table.split("\n")[0]).toMatch(/^ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET IO +BLOCK IO +PIDS +CPU TIME +AVG CPU %$/);
  expect(table).toContain(id.slice(0, 12));
  expect(table).not.toContain("idle");
  const [row] = JSON.parse(ok("stats", "--no-stream", "--no-reset", "--format", "json", "busy"));
  expect(row).toMatchObject({ id: id.slice(0, 12), name: "busy", pids: "1" });
  expect(row.mem_usage).toMatch(/ \/ 67\.11MB$/);
  expect(Number.parseFloat(row.cpu_percent)).toBeGreaterThan(1);
  expect(ok("stats", "--no-stream", "--no-trunc", "--format", "{{.ID}} {{.MemLimit}}", "busy")).toBe(`${id} 67108864`);
  expect(ok("stats", "--all", "--no-stream", "--no-reset", "--format", "{{.Name}}").split("\n").sort()).toEqual(["busy", "idle"]);
});

test("a stream repeats at the interval and clears the screen unless told otherwise", async () => {
  ok("run", "-d", "--network", "none", "--name", "busy", IMAGE, "sleep", "100");
  const stream = begin(["podman", "stats", "--interval", "1", "--format", "{{.Name}}", "busy"]);
  await until("two rounds", () => stream.out().split("\u001b[2J").length >= 3);
  stream.child.kill("SIGKILL");
  await stream.exited;
});

test("what does not fit together or is not there is refused", () => {
  expect(podman("stats", "--all", "busy").err).toContain("--all, --latest and containers cannot be used together");
  expect(podman("stats", "--no-stream", "nobody").err).toContain("no such container");
  expect(podman("stats", "--interval", "0").status).toBe(125);
});
