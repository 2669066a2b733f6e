// The stages of a container: create, init, start, stop, kill, wait, rm, cleanup, and commands that meet on one container.
// Worlds: root, user, single, bare.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { begin, commandLines, ok, podman, run, until } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const sleeper = (name: string, ...words: string[]): string =>
  ok("run", "-d", "--network", "none", "--name", name, ...words, IMAGE, "sleep", "100");
const stateOf = (name: string): string => ok("inspect", "--format", "{{.State.Status}}", name);

test("a container goes from created through running to exited", () => {
  ok("create", "--network", "none", "--name", "c", IMAGE, "sh", "-c", "exit 3");
  expect(stateOf("c")).toBe("created");
  expect(podman("start", "--attach", "c").status).toBe(3);
  expect(stateOf("c")).toBe("exited");
  expect(ok("wait", "c")).toBe("3");
  expect(ok("start", "c")).toBe("c");
});

test("stop sends the stop signal, then kills after the time", () => {
  ok("run", "-d", "--network", "none", "--name", "polite", IMAGE, "sh", "-c", "trap 'exit 5' TERM; while true; do sleep 0.1; done");
  sleeper("deaf", "--stop-timeout", "1");
  ok("stop", "polite");
  expect(ok("wait", "polite")).toBe("5");
  const begun = Date.now();
  const ran = podman("stop", "deaf");
  expect(ran.status).toBe(0);
  expect(Date.now() - begun).toBeGreaterThan(900);
  expect(ok("wait", "deaf")).toBe("137");
});

test("kill takes names and numbers of signals and refuses what is no signal or not running", () => {
  sleeper("k");
  expect(podman("kill", "--signal", "NOSUCH", "k").status).toBe(125);
  ok("kill", "-s", "9", "k");
  expect(ok("wait", "k")).toBe("137");
  const again = podman("kill", "k");
  expect(again.status).toBe(125);
  expect(again.err).toMatch(/can only kill running containers/);
});

test("rm refuses a running container with status 2 and a missing one with 1", () => {
  sleeper("r");
  const running = podman("rm", "r");
  expect(running.status).toBe(2);
  expect(running.err).toMatch(/cannot remove container .* as it is running/);
  const missing = podman("rm", "nobody-home");
  expect(missing.status).toBe(1);
  expect(missing.err).toMatch(/no container with (ID or )?name.*nobody-home.*no such container/);
  expect(podman("rm", "--ignore", "nobody-home").status).toBe(0);
  expect(ok("rm", "-f", "-t", "0", "r")).toBe("r");
});

test("init may be called once and starts nothing", () => {
  ok("create", "--network", "none", "--name", "i", IMAGE, "sleep", "100");
  ok("init", "i");
  expect(stateOf("i")).toBe("initialized");
  expect(commandLines()).not.toContain("sleep 100");
  ok("start", "i");
  expect(stateOf("i")).toBe("running");
});

test("names and IDs may be shortened, -l is the latest, and an ambiguous start is refused", () => {
  const id = ok("create", "--name", "short", IMAGE);
  expect(ok("inspect", "--format", "{{.Name}}", id.slice(0, 6))).toBe("short");
  expect(ok("inspect", "-l", "--format", "{{.Name}}")).toBe("short");
  const { LowerDir, UpperDir, WorkDir } = JSON.parse(ok("inspect", "--format", "{{json .GraphDriver.Data}}", "short"));
  expect([existsSync(LowerDir.split(":")[0]), existsSync(UpperDir), existsSync(WorkDir)]).toEqual([true, true, true]);
  expect(ok("inspect", "--format", "{{.State.Restarting}}", "short")).toBe("false");
  expect(podman("container", "exists", "short").status).toBe(0);
  expect(podman("container", "exists", "nosuch").status).toBe(1);
  const ran = podman("inspect", "nosuch");
  expect(ran.status).toBe(125);
  expect(ran.err).toMatch(/no such (object|container)/);
  expect(ran.out.trim()).toBe("[]");
});

test("twenty commands on one container serialise and none is lost", async () => {
  ok("create", "--network", "none", "--name", "busy", IMAGE, "sleep", "100");
  const starts = Array.from({ length: 10 }, () => begin(["podman", "start", "busy"]));
  const looks = Array.from({ length: 10 }, () => begin(["podman", "inspect", "--format", "{{.State.Status}}", "busy"]));
  const ends = await Promise.all([...starts, ...looks].map(running => running.exited));
  expect(ends).toEqual(Array.from({ length: 20 }, () => 0));
  expect(commandLines().filter(line => line === "sleep 100").length).toBe(1);
});

test("kill -9 of conmon is noticed and can be cleaned up", async () => {
  const id = sleeper("orphan");
  const conmon = Number(run(["pgrep", "-f", `conmon.*${id}`]).out.split("\n")[0]);
  process.kill(conmon, "SIGKILL");
  const pid = Number(ok("inspect", "--format", "{{.State.Pid}}", "orphan"));
  if (pid > 0) process.kill(pid, "SIGKILL");
  await until("the death to be noticed", () => stateOf("orphan") !== "running");
  expect(ok("rm", "-f", "orphan")).toBe("orphan");
});

test("a lost run directory is a reboot: containers are exited, startable and removable", async () => {
  const id = sleeper("boot");
  const conmon = Number(run(["pgrep", "-f", `conmon.*${id}`]).out.split("\n")[0]);
  const pid = Number(ok("inspect", "--format", "{{.State.Pid}}", "boot"));
  process.kill(conmon, "SIGKILL");
  process.kill(pid, "SIGKILL");
  run(["bash", "-c", "grep -oE ' /(var/lib|run)/containers/[^ ]+' /proc/self/mountinfo | xargs -r umount -l; rm -rf /run/containers/* /run/libpod /run/crun /run/netns/*"]);
  expect(stateOf("boot")).toBe("exited");
  expect(ok("start", "boot")).toBe("boot");
  expect(stateOf("boot")).toBe("running");
});

test("kill -9 of run itself leaves a container that later commands see and remove", async () => {
  const running = begin(["podman", "run", "--name", "left", "--network", "none", IMAGE, "sleep", "100"]);
  await until("the sleeper", () => commandLines().includes("sleep 100"));
  running.child.kill("SIGKILL");
  await running.exited;
  expect(stateOf("left")).toBe("running");
  ok("rm", "-f", "-t", "0", "left");
  expect(commandLines()).not.toContain("sleep 100");
});

test("a container that was initialized and not started is removed, with and without force, and leaves no process", () => {
  for (const words of [["rm"], ["rm", "-f", "-t0"]]) {
    const id = ok("create", "--network", "none", IMAGE, "sleep", "100");
    ok("init", id);
    const pid = ok("inspect", "--format", "{{.State.Pid}}", id);
    expect(Number(pid)).toBeGreaterThan(0);
    expect(podman(...words, id)).toEqual({ status: 0, out: `${id}\n`, err: "" });
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  }
});
