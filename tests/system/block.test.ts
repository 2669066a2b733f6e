// The main job as one person would type it: pull, images, a shell on a terminal, a looper looked at from outside, and clean-up.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { begin, commandLines, ok, onTerminal, podman, shell, until } from "../fixtures/coracle.ts";
import { withRegistry } from "../fixtures/store.ts";

withRegistry([]);

const loop = "i=0; while true; do echo $i; i=$(expr $i + 1); sleep 1; done";
const hex64 = /^[0-9a-f]{64}$/;

test("podman pull ubi8 resolves the short name and prints the ID alone on stdout", () => {
  const ran = podman("pull", "ubi8");
  expect(ran.status).toBe(0);
  expect(ran.out).toMatch(/^[0-9a-f]{64}\n$/);
  expect(ran.err).toContain("registry.access.redhat.com/ubi8");
});

test("podman images lists it", () => {
  const lines = ok("images").split("\n");
  expect(lines[0]).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE/);
  expect(lines[1]).toMatch(/^registry\.access\.redhat\.com\/ubi8 +latest +[0-9a-f]{12} +.* ago +[\d.]+ MB/);
});

test("podman run -it ubi8 bash is a real terminal with job control, resize and exit status", async () => {
  const terminal = onTerminal(["podman", "run", "-it", "ubi8", "bash"], { columns: 97, rows: 33 });
  await terminal.see(/[#$] /);
  terminal.type("stty size\n");
  await terminal.see(/33 97/);
  terminal.resize(101, 41);
  await Bun.sleep(300);
  terminal.type("stty size\n");
  await terminal.see(/41 101/);
  terminal.type("sleep 100\n");
  await terminal.see(/sleep 100/);
  await Bun.sleep(300);
  terminal.type("\x1a");
  await terminal.see(/Stopped/);
  terminal.type("jobs; kill -KILL %1\n");
  await terminal.see(/sleep 100/);
  // bash now and then misses the signal of its killed job; it takes note of all that ended when it waits for a program.
  terminal.type("/bin/true\n");
  await terminal.see(/Killed/);
  terminal.type("exit 7\n");
  expect(await terminal.end()).toBe(7);
});

test("podman run ubi8 sleep 60 is seen, and its interrupt ends it", async () => {
  const running = begin(["podman", "run", "--name", "sleeper", "ubi8", "sleep", "60"]);
  await until("the sleeper", () => ok("ps", "--format", "{{.Names}}").includes("sleeper"));
  running.child.kill("SIGINT");
  await Bun.sleep(200);
  podman("kill", "sleeper");
  expect(await running.exited).toBeGreaterThan(128);
  ok("rm", "-f", "sleeper");
});

test("a looper runs without a process of ours, is listed, logged, followed, entered and inspected", async () => {
  const id = ok("run", "-d", "--name", "looper", "ubi8", "/bin/sh", "-c", loop);
  expect(id).toMatch(hex64);

  const tree = shell("pstree -Slnc").out;
  expect(tree).toMatch(/conmon---sh---(sleep|expr)|conmon───sh───(sleep|expr)|conmon-+sh/);
  expect(commandLines().filter(line => /\b(podman|coracle)\b/.test(line) && !/conmon|world|bun/.test(line))).toEqual([]);

  const row = ok("ps", "-a").split("\n").find(line => line.includes("looper"))!;
  expect(row).toMatch(/^[0-9a-f]{12} +registry\.access\.redhat\.com\/ubi8:latest +\/bin\/sh -c i=0; w\.\.\. +.+ +Up .* +looper/);

  await until("some output", () => ok("logs", "-l").split("\n").length >= 3);
  expect(ok("logs", "-l")).toMatch(/^0\n1\n2/);

  const following = begin(["podman", "logs", "-f", "looper"]);
  await until("a new line in the followed log", () => /\n4\n/.test(following.out()));
  following.child.kill("SIGINT");
  await following.exited;

  const inside = onTerminal(["podman", "exec", "-it", "looper", "sh"]);
  await inside.see(/[#$] /);
  inside.type("tty; ps -e -o args= | head -1; exit 4\n");
  await inside.see(/\/dev\/pts\/\d+/);
  await inside.see(/\/bin\/sh -c i=0/);
  expect(await inside.end()).toBe(4);

  const [inspected] = JSON.parse(ok("inspect", "looper"));
  expect(inspected.Id).toBe(id);
  expect(inspected.Name).toBe("looper");
  expect(inspected.State.Status).toBe("running");
  expect(readFileSync(`/proc/${inspected.State.Pid}/cmdline`, "utf8")).toContain("i=0; while true");
  ok("rm", "-f", "-t", "0", "looper");
});

test("each stage can be taken alone: pull, create, mount, init, start, kill, rm, rmi", async () => {
  ok("pull", "ubi8");
  const id = ok("create", "--name", "stages", "ubi8", "sleep", "100");
  const root = ok("mount", "stages");
  expect(readFileSync(`${root}/etc/os-release`, "utf8")).toContain("UBI");
  ok("umount", "stages");
  ok("init", "stages");
  const [initialized] = JSON.parse(ok("inspect", "stages"));
  expect(initialized.State.Status).toBe("initialized");
  const config = JSON.parse(readFileSync(initialized.OCIConfigPath, "utf8"));
  expect(config.process.args).toEqual(["sleep", "100"]);
  expect(commandLines()).not.toContain("sleep 100");
  expect(ok("start", "stages")).toBe("stages");
  await until("the process", () => commandLines().includes("sleep 100"));
  expect(ok("kill", "stages")).toBe("stages");
  expect(ok("wait", "stages")).toBe("137");
  expect(ok("rm", "stages")).toBe("stages");
  expect(podman("container", "exists", id).status).toBe(1);
});

test("kill --all, rm --all and rmi --all leave nothing", () => {
  ok("run", "-d", "ubi8", "sleep", "100");
  ok("run", "-d", "ubi8", "sleep", "100");
  expect(ok("kill", "--all").split("\n").length).toBe(2);
  ok("wait", ...ok("ps", "-aq").split("\n"));
  expect(ok("rm", "--all").split("\n").length).toBe(2);
  ok("rmi", "--all");
  expect(ok("ps", "-aq")).toBe("");
  expect(ok("images", "-q")).toBe("");
  expect(commandLines().filter(line => /conmon|sleep 100/.test(line))).toEqual([]);
});

test("closing the terminal of a detached container changes nothing", async () => {
  ok("pull", "-q", "ubi8");
  const terminal = onTerminal(["podman", "run", "-d", "--name", "detached", "ubi8", "sleep", "100"]);
  await terminal.see(/[0-9a-f]{64}/);
  await terminal.end();
  terminal.hangUp();
  await Bun.sleep(200);
  expect(ok("inspect", "--format", "{{.State.Running}}", "detached")).toBe("true");
});
