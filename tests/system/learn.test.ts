// label=learn:NAME and udica --watch: what one run teaches is enough for the next, and not for more.

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok, podman, run } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

interface Learned {
  readonly runs: number;
  readonly systemCalls: string[];
  readonly capabilities: string[];
  readonly capabilitiesUnknown?: string;
}

const learn = (folder: string, name: string, words: readonly string[], ...options: string[]) =>
  run(["podman", "run", "--rm", "--network", "none", "--security-opt", `label=learn:${name}`, ...options, IMAGE, ...words], { cwd: folder });
const notes = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, `${name}.learned.json`), "utf8")) as Learned;
/** The options that were printed, each word by itself. */
const optionsOf = (err: string): string[] => /^Confine it with: (.*)$/m.exec(err)![1]!.split(" ");
const confined = (options: readonly string[], ...words: string[]) => podman("run", "--rm", "--network", "none", ...options, IMAGE, ...words);

for (const runtime of ["crun", "runc"]) {
  test(`what a run uses is enough for the next run, and no more (${runtime})`, () => {
    const folder = newFolder("learn");
    const script = "chown 5:6 /tmp && id -u && cat /etc/hostname";
    const first = run(["podman", "--runtime", runtime, "run", "--rm", "--network", "none", "--security-opt", "label=learn:shop", IMAGE, "sh", "-c", script], { cwd: folder });
    expect([first.status, first.out.split("\n")[0]]).toEqual([0, "0"]);
    const { systemCalls, capabilities, capabilitiesUnknown } = notes(folder, "shop");
    expect(systemCalls).toContain("chown");
    expect(systemCalls).not.toContain("mkdir");
    expect([capabilitiesUnknown, capabilities]).toEqual([undefined, ["CAP_CHOWN"]]);
    const options = optionsOf(first.err);
    expect(options.join(" ")).toContain("--cap-drop all --cap-add chown");
    const again = confined(options, "sh", "-c", script);
    expect([again.status, again.err]).toEqual([0, ""]);
    expect(confined(options, "mkdir", "/tmp/new").err).toMatch(/create directory.*not implemented/i);
    expect(confined(options, "bash", "-c", "kill -0 1; chroot / true").status).not.toBe(0);
  });
}

test("runs add up under one name; a container in the background and its exec sessions are watched too", async () => {
  const folder = newFolder("learn");
  expect(learn(folder, "sum", ["true"]).status).toBe(0);
  expect(notes(folder, "sum").systemCalls).not.toContain("mkdir");
  const id = run(["podman", "run", "-d", "--network", "none", "--security-opt", "label=learn:sum", IMAGE, "sleep", "100"], { cwd: folder }).out.trim();
  ok("exec", id, "mkdir", "/tmp/new");
  ok("rm", "-f", "-t", "0", id);
  for (let tries = 0; tries < 400 && notes(folder, "sum").runs < 2; tries++) await Bun.sleep(25);
  const { runs, systemCalls } = notes(folder, "sum");
  expect(runs).toBe(2);
  expect(systemCalls).toContain("mkdir");
  expect(systemCalls.some(name => name.endsWith("nanosleep"))).toBe(true);
});

test("without capabilities none are learned; the container's own profile stays in force while it is watched", () => {
  const folder = newFolder("learn");
  const profile = join(folder, "no-mkdir.json");
  writeFileSync(profile, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 13 }] }));
  const ran = learn(folder, "strict", ["sh", "-c", "mkdir /tmp/x; true"], "--cap-drop", "all", "--security-opt", `seccomp=${profile}`);
  expect(ran.err).toContain("Permission denied");
  expect(notes(folder, "strict").capabilities).toEqual([]);
  expect(confined(optionsOf(ran.err), "sh", "-c", "mkdir /tmp/x; true").err).toContain("Permission denied");
});

test("an unconfined profile becomes one of what was used", () => {
  const folder = newFolder("learn");
  const ran = learn(folder, "open", ["true"], "--security-opt", "seccomp=unconfined");
  expect(ran.status).toBe(0);
  expect(confined(optionsOf(ran.err), "true").status).toBe(0);
  expect(confined(optionsOf(ran.err), "mkdir", "/tmp/x").status).not.toBe(0);
});

test("udica --watch runs copies until nothing is new, and leaves none of them", () => {
  const folder = newFolder("learn");
  ok("create", "--name", "original", "--network", "none", IMAGE, "sh", "-c", "chown 1:1 /tmp");
  const ran = run(["udica", "--watch", "original", "seen"], { cwd: folder, timeoutMs: 60_000 });
  expect(ran.status).toBe(0);
  expect(ran.out).toMatch(/^Run 1: \d+ rights so far$/m);
  expect(ran.out).toContain("--cap-drop all --cap-add chown");
  expect(notes(folder, "seen").runs).toBeGreaterThan(1);
  expect(existsSync(join(folder, "seen.cil"))).toBe(false);
  expect(ok("ps", "-a", "--format", "{{.Names}}")).toBe("original");
});

for (const name of ["", "a b", "x(y", "../up", "container"]) {
  test(`a name that no policy can have is refused: ${JSON.stringify(name)}`, () => {
    const ran = podman("create", "--security-opt", `label=learn:${name}`, IMAGE);
    expect([ran.status, ran.out]).toEqual([125, ""]);
    expect(ran.err).toContain("cannot be the name of a policy");
  });
}

test("notes that we did not write stop the start with one error, and a failed program is still learned from", () => {
  const folder = newFolder("learn");
  writeFileSync(join(folder, "bad.learned.json"), '{"runs": "many"}');
  const ran = learn(folder, "bad", ["true"]);
  expect([ran.status, ran.err.trim().split("\n").length]).toEqual([125, 1]);
  expect(ok("ps", "-aq")).toBe(podman("ps", "-aq", "--filter", "name=original").out.trim());
  expect(learn(folder, "failing", ["false"]).status).toBe(1);
  expect(notes(folder, "failing").runs).toBe(1);
});
