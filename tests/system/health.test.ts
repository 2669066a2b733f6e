// Health checks: run by hand and by the timer process, what they count, and what follows.

import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mkdtempSync, readFileSync } from "node:fs";
import { commandLines, ok, podman, until } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const checked = (name: string, ...words: string[]): string => ok("run", "-d", "--network", "none", "--name", name, ...words, IMAGE, "sleep", "100");
const health = (name: string): string => ok("inspect", "--format", "{{.State.Health.Status}} {{.State.Health.FailingStreak}}", name);
const timers = (): string[] => commandLines().filter((line) => /health-timer$/.test(line));

test("without an interval only the person checks, and the streak of failures decides", () => {
  checked("byhand", "--health-cmd", "test ! -e /bad", "--health-interval", "disable", "--health-retries", "2");
  expect(health("byhand")).toBe("starting 0");
  expect(ok("ps", "--format", "{{.Status}}")).toContain("(starting)");
  expect(podman("healthcheck", "run", "byhand")).toMatchObject({ status: 0, out: "" });
  expect(health("byhand")).toBe("healthy 0");
  ok("exec", "byhand", "touch", "/bad");
  expect(podman("healthcheck", "run", "byhand")).toMatchObject({ status: 1, out: "unhealthy\n" });
  expect(health("byhand")).toBe("healthy 1");
  podman("healthcheck", "run", "byhand");
  expect(health("byhand")).toBe("unhealthy 2");
  expect(ok("ps", "--format", "{{.Status}}", "--filter", "health=unhealthy")).toContain("(unhealthy)");
  expect(ok("events", "--stream=false", "--filter", "event=health_status", "--format", "{{.HealthStatus}}").split("\n")).toEqual(["healthy", "healthy", "unhealthy"]);
  expect(timers()).toEqual([]);
  ok("rm", "-f", "-t", "0", "byhand");
});

test("the timer checks by itself, one process serves all, and it ends with the last container", async () => {
  checked("one", "--health-cmd", "true", "--health-interval", "200ms");
  checked("two", "--health-cmd", "true", "--health-interval", "200ms");
  await until("both to be healthy", () => ["one", "two"].every((name) => health(name) === "healthy 0"));
  await until("several checks", () => ok("inspect", "--format", "{{len .State.Health.Log}}", "one") === "5");
  expect(timers()).toHaveLength(1);
  ok("rm", "-f", "-t", "0", "one");
  expect(timers()).toHaveLength(1);
  ok("rm", "-f", "-t", "0", "two");
  await until("the timer to end", () => timers().length === 0);
});

test("wait --condition healthy ends with the first good check", () => {
  checked("slow", "--health-cmd", "test -e /ready", "--health-interval", "200ms");
  ok("exec", "-d", "slow", "sh", "-c", "sleep 1; touch /ready");
  expect(ok("wait", "--condition", "healthy", "slow")).toBe("-1");
  ok("rm", "-f", "-t", "0", "slow");
});

test("a start period forgives failures", () => {
  checked("young", "--health-cmd", "false", "--health-interval", "disable", "--health-retries", "1", "--health-start-period", "1h");
  podman("healthcheck", "run", "young");
  expect(health("young")).toBe("starting 0");
  ok("rm", "-f", "-t", "0", "young");
});

for (const [action, status] of [["kill", "exited"], ["stop", "exited"], ["none", "running"]] as const) {
  test(`--health-on-failure ${action} leaves the container ${status}`, () => {
    checked(`on-${action}`, "--health-cmd", "false", "--health-interval", "disable", "--health-retries", "1", "--health-on-failure", action, "--stop-timeout", "0");
    podman("healthcheck", "run", `on-${action}`);
    expect(ok("inspect", "--format", "{{.State.Status}}", `on-${action}`)).toBe(status);
    ok("rm", "-f", "-t", "0", `on-${action}`);
  });
}

test("--health-on-failure restart begins a new life with a new streak", async () => {
  checked("phoenix", "--health-cmd", "test ! -e /run/bad", "--tmpfs", "/run", "--health-interval", "200ms", "--health-retries", "1", "--health-on-failure", "restart", "--stop-timeout", "0");
  const pid = ok("inspect", "--format", "{{.State.Pid}}", "phoenix");
  ok("exec", "phoenix", "touch", "/run/bad");
  await until("another process", () => !["0", pid].includes(ok("inspect", "--format", "{{.State.Pid}}", "phoenix")));
  await until("health again", () => health("phoenix") === "healthy 0");
  expect(ok("inspect", "--format", "{{.RestartCount}}", "phoenix")).toBe("1");
  ok("rm", "-f", "-t", "0", "phoenix");
});

test("a startup check comes first, and a failing one restarts the container", async () => {
  checked("booting", "--health-cmd", "true", "--health-interval", "200ms", "--health-startup-cmd", "test -e /up", "--health-startup-interval", "200ms");
  await until("a startup check that failed", () => ok("inspect", "--format", "{{len .State.Health.Log}}", "booting") !== "0");
  expect(health("booting")).toBe("starting 0");
  ok("exec", "booting", "touch", "/up");
  await until("health", () => health("booting") === "healthy 0");
  ok("rm", "-f", "-t", "0", "booting");
});

test("the log keeps as much as was asked for, in the place that was asked for", () => {
  const place = mkdtempSync(join(tmpdir(), "health-"));
  const id = checked("kept", "--health-cmd", "echo abcdefgh", "--health-interval", "disable", "--health-max-log-count", "2", "--health-max-log-size", "3", "--health-log-destination", place);
  for (let round = 0; round < 3; round++) ok("healthcheck", "run", "kept");
  const written = JSON.parse(readFileSync(`${place}/${id}-healthcheck.log`, "utf8"));
  expect(written.Log.map(({ Output }: { Output: string }) => Output)).toEqual(["abc", "abc"]);
  expect(podman("run", "--health-cmd", "true", "--health-log-destination", "/no/where", IMAGE, "true").status).toBe(125);
  ok("rm", "-f", "-t", "0", "kept");
});

test("a check that takes too long is killed and counts as a failure", () => {
  checked("hung", "--health-cmd", "sleep 50", "--health-timeout", "1s", "--health-interval", "disable", "--health-retries", "1");
  const ran = podman("healthcheck", "run", "hung");
  expect(ran.status).toBe(125);
  expect(ran.err).toContain("healthcheck command exceeded timeout");
  expect(health("hung")).toBe("unhealthy 1");
  expect(commandLines()).not.toContain("sleep 50");
  ok("rm", "-f", "-t", "0", "hung");
});

test("what has no check or does not run is refused", () => {
  ok("run", "-d", "--network", "none", "--name", "plain", IMAGE, "sleep", "100");
  expect(podman("healthcheck", "run", "plain").err).toContain("has no defined healthcheck");
  ok("create", "--name", "idle", "--health-cmd", "true", IMAGE);
  expect(podman("healthcheck", "run", "idle").err).toContain("is not running");
  expect(podman("create", "--health-on-failure", "kill", IMAGE).err).toContain("cannot set on-failure action to kill without a health check");
  ok("rm", "-f", "-t", "0", "plain", "idle");
});
