// podman logs: what was said, since when, how much of it, by whom, and following it.
// Source: podman-logs(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { begin, ok, podman, until } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const said = (script: string, ...words: string[]): void => {
  ok("run", "--network", "none", "--name", "l", ...words, IMAGE, "sh", "-c", script);
};

test("stdout and stderr come back on their own streams", () => {
  said("echo a; echo b >&2; sleep 0.05; echo c");
  const ran = podman("logs", "l");
  expect(ran.out).toBe("a\nc\n");
  expect(ran.err).toBe("b\n");
});

test("--tail, --timestamps, --since and --until narrow and mark the lines", () => {
  said("for i in 1 2 3 4 5; do echo $i; done");
  expect(ok("logs", "--tail", "2", "l")).toBe("4\n5");
  expect(ok("logs", "-t", "--tail", "1", "l")).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+([+-]\d\d:\d\d|Z) 5$/);
  expect(ok("logs", "--since", "10m", "l").split("\n").length).toBe(5);
  expect(ok("logs", "--until", "2001-01-01T00:00:00Z", "l")).toBe("");
});

test("a line without an end and a very long line come back as they were", () => {
  said("printf abc; sleep 0.1; printf def");
  expect(podman("logs", "l").out).toMatch(/^abcdef\n?$/);
  ok("rm", "l");
  said("head -c 100000 /dev/zero | tr '\\0' x; echo");
  expect(ok("logs", "l").length).toBe(100_000);
});

test("following ends with the container", async () => {
  ok("run", "-d", "--network", "none", "--name", "l", IMAGE, "sh", "-c", "echo 1; sleep 1; echo 2");
  const following = begin(["podman", "logs", "-f", "l"]);
  expect(await following.exited).toBe(0);
  expect(following.out()).toBe("1\n2\n");
});

test("json-file and none are kept and not kept", () => {
  said("echo json", "--log-driver", "json-file");
  expect(ok("logs", "l")).toBe("json");
  ok("rm", "l");
  ok("run", "--network", "none", "--name", "l", "--log-driver", "none", IMAGE, "echo", "gone");
  const ran = podman("logs", "l");
  expect(ran.status).toBe(125);
  expect(ran.err).toMatch(/this container is using the 'none' log driver, cannot read logs/);
});

test("two containers are told apart, and a missing one is an error", async () => {
  ok("run", "--network", "none", "--name", "l", IMAGE, "echo", "one");
  ok("run", "--network", "none", "--name", "m", IMAGE, "echo", "two");
  expect(ok("logs", "l", "m").split("\n").sort().map(line => line.replace(/^[0-9a-f]{12} /, "")).sort()).toEqual(["one", "two"]);
  expect(podman("logs", "nobody").status).toBe(125);
  await until("the end", () => ok("ps", "-q") === "");
});
