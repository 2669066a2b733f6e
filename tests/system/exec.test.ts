// podman exec: statuses, streams, terminal, user, environment, detached sessions.
// Source: podman-exec(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { ok, onTerminal, podman, run, shell, until } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const sleeper = (): string => ok("run", "-d", "--network", "none", "--name", "e", "-e", "OF=container", IMAGE, "sleep", "100");

test("the status, streams, user, folder and environment are the session's", () => {
  sleeper();
  expect(podman("exec", "e", "sh", "-c", "echo out; echo err >&2; exit 3")).toEqual({ status: 3, out: "out\n", err: "err\n" });
  expect(ok("exec", "-u", "1", "-w", "/tmp", "-e", "MINE=1", "e", "sh", "-c", 'echo $(id -u) $PWD $MINE $OF')).toBe("1 /tmp 1 container");
  expect(run(["podman", "exec", "-i", "e", "wc", "-c"], { input: "12345" }).out.trim()).toBe("5");
});

test("a missing program is 127, a file that cannot run 126, a missing container 125, another failure 255", () => {
  sleeper();
  expect(podman("exec", "e", "no-such-program").status).toBe(127);
  expect(podman("exec", "e", "/etc").status).toBe(126);
  expect(podman("exec", "nobody", "true").status).toBe(125);
  expect(podman("exec", "-u", "nobody-here", "e", "true")).toMatchObject({ status: 255, err: expect.stringContaining("unable to find user nobody-here") });
  ok("kill", "e");
  ok("wait", "e");
  const ran = podman("exec", "e", "true");
  expect(ran.status).toBe(255);
  expect(ran.err).toMatch(/can only create exec sessions on running containers/);
});

test("a session on a terminal has one and gives its status", async () => {
  sleeper();
  const inside = onTerminal(["podman", "exec", "-it", "e", "sh"], { columns: 95, rows: 29 });
  await inside.see(/# /);
  inside.type("stty size; exit 6\n");
  await inside.see(/29 95/);
  expect(await inside.end()).toBe(6);
});

test("a detached session prints its ID and goes on", async () => {
  sleeper();
  expect(ok("exec", "-d", "e", "sh", "-c", "sleep 1; echo done > /tmp/f; sleep 50")).toMatch(/^[0-9a-f]{64}$/);
  await until("its file", () => podman("exec", "e", "cat", "/tmp/f").out === "done\n");
});

test("sixteen sessions at once all answer", async () => {
  sleeper();
  const line = "for i in $(seq 16); do podman exec e echo n$i & done; wait";
  expect(shell(line).out.trim().split("\n").sort()).toEqual(Array.from({ length: 16 }, (_, index) => `n${index + 1}`).sort());
});
