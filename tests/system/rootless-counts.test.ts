// What makes an ordinary user's commands quick, counted: the programs that a run starts, and what goes side by side.
// Source: ARCHITECTURE.md, "Speed" and "As an ordinary user".

import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { mustRun } from "../fixtures/coracle.ts";
import { busybox } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { IMAGE } from "../fixtures/store.ts";
import { makeUser, type User } from "../fixtures/user.ts";

let ann: User;
let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(busybox(), "busybox");
  ann = makeUser("ann", 2001);
  ann.ok("pull", "-q", IMAGE);
  // The first container finds out how roots come together here, and whether pasta knows a host's address.
  ann.ok("run", "--rm", IMAGE, "true");
}, 60_000);
afterAll(async () => {
  ann.run(["podman", "rm", "-fa", "-t0"]);
  await registry?.stop();
}, 60_000);


/** The programs started by a command, in their order. */
function programsOf(...words: readonly string[]): string[] {
  const log = join(newFolder("trace"), "calls");
  mustRun(["strace", "-f", "-qq", "-e", "trace=execve,exit_group", "-o", log, ...ann.prefix, "podman", ...words], { cwd: ann.home });
  const lines = readFileSync(log, "utf8").split("\n");
  // A line may be cut off by another process's; whoever is looked for along PATH in vain is not started.
  const started = lines.map(line => /execve\("[^"]+", \["([^"]+)".*(?:= 0|unfinished \.\.\.>)$/.exec(line)?.[1]).filter(name => name !== undefined).map(name => basename(name));
  // setpriv and env are how the test becomes the user.
  return named(started.slice(started.lastIndexOf("podman", 3)));
}

/** The runtime is called by a handle of ours, whatever its number; a hybrid machine's has nsenter before it. conmon's exit command comes when it may. */
const named = (programs: readonly string[]): string[] =>
  programs.map(name => (/^\d+$/.test(name) ? "crun" : name)).filter(name => !["sh", "sleep", "nsenter"].includes(name));

test.if(process.arch === "x64")("a run without a network starts itself, conmon, the runtime twice and the program: its network namespace needs none", () => {
  expect(programsOf("run", "--rm", "--network", "none", IMAGE, "true").sort()).toEqual(["conmon", "crun", "crun", "podman", "true"]);
});

test.if(process.arch === "x64")("with pasta it is pasta more, which may start itself once more", () => {
  const programs = programsOf("run", "--rm", IMAGE, "true");
  expect(programs.filter(name => name !== "pasta").sort()).toEqual(["conmon", "crun", "crun", "podman", "true"]);
  expect(programs.filter(name => name === "pasta").length).toBeLessThanOrEqual(2);
  expect(programs).toContain("pasta");
});

test("pasta connects a container while the runtime makes it, and the program starts when both have", () => {
  const folder = newFolder("slow");
  const slow = (name: string, script: string): void => writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const real = (name: string): string => mustRun(["sh", "-c", `command -v ${name}`]).trim();
  chmodSync(folder, 0o777);
  slow("pasta", `sleep 0.7; date +%s%N >${folder}/connected; exec ${real("pasta")} "$@"`);
  slow("crun", `case "$*" in *" create "*) date +%s%N >${folder}/created;; esac; exec ${real("crun")} "$@"`);
  const ran = ann.run(["env", `PATH=${folder}:/run/user-programs:/usr/sbin:/usr/bin:/sbin:/bin`, "podman", "--runtime", join(folder, "crun"), "run", "--rm", IMAGE, "cat", "/proc/net/dev"]);
  expect([ran.status, ran.err]).toEqual([0, ""]);
  expect(ran.out).toContain("eth0");
  const at = (name: string): number => Number(readFileSync(join(folder, name), "utf8"));
  expect(at("created")).toBeLessThan(at("connected"));
});

test("pasta's refusal ends the run in one short message, and nothing is left of it", () => {
  const ran = ann.podman("run", "--rm", "--name", "refused", "--network", "pasta:--no-such-option", IMAGE, "true");
  expect(ran.status).toBe(126);
  expect(ann.podman("run", "--rm", "-p", "5000:5000/sctp", IMAGE, "true")).toMatchObject({ status: 126, err: expect.stringContaining("pasta carries tcp and udp only") });
  expect(ran.err).toContain("pasta failed with exit code 1");
  expect(ran.err).toContain("unrecognized option '--no-such-option'");
  expect(ran.err.split("\n").length).toBeLessThan(6);
  expect(ann.ok("ps", "-aq", "--filter", "name=refused")).toBe("");
  expect(ann.ok("unshare", "ls", `${ann.runDirectory}/containers/coracle/netns`)).toBe("");
});
