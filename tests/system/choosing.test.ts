// How verbs choose their containers: --all, --latest, --cidfile, --filter, --ignore, --running, --depend and their kin.
// Source: podman-pause(1), podman-restart(1), podman-stop(1), podman-rm(1), podman-wait(1) and others.

import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { begin, mustRun, ok, podman, run, until } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const state = (name: string): string => ok("inspect", "--format", "{{.State.Status}}", name);
const states = (...names: string[]): string[] => names.map(state);
const sleeper = (name: string, ...words: string[]): string => ok("run", "-d", "--network", "none", "--stop-timeout", "0", "--name", name, ...words, IMAGE, "sleep", "100");
const idFile = (id: string): string => {
  const path = `${newFolder("cid")}/cid`;
  writeFileSync(path, `${id}\n`);
  return path;
};

test("pause and unpause: --cidfile --filter --latest --all", () => {
  const one = sleeper("one");
  sleeper("two", "--label", "kind=odd");
  sleeper("three");
  const file = idFile(one);
  expect(ok("pause", "--cidfile", file)).toBe(one);
  expect(states("one", "two", "three")).toEqual(["paused", "running", "running"]);
  ok("pause", "--filter", "label=kind=odd");
  expect(states("one", "two", "three")).toEqual(["paused", "paused", "running"]);
  ok("pause", "--latest");
  expect(states("one", "two", "three")).toEqual(["paused", "paused", "paused"]);
  expect(ok("unpause", "--cidfile", file)).toBe(one);
  expect(states("one", "two", "three")).toEqual(["running", "paused", "paused"]);
  ok("unpause", "--filter", "label=kind=odd");
  expect(states("one", "two", "three")).toEqual(["running", "running", "paused"]);
  ok("unpause", "--latest");
  expect(states("one", "two", "three")).toEqual(["running", "running", "running"]);
  ok("pause", "--all");
  expect(states("one", "two", "three")).toEqual(["paused", "paused", "paused"]);
  expect(ok("unpause", "--all").split("\n").length).toBe(3);
  expect(states("one", "two", "three")).toEqual(["running", "running", "running"]);
});

test("restart and stop: --cidfile --latest --running --filter --ignore", () => {
  const one = sleeper("one");
  ok("create", "--network", "none", "--stop-timeout", "0", "--name", "two", IMAGE, "sleep", "100");
  const pids = (): string[] => ["one", "two"].map(name => ok("inspect", "--format", "{{.State.Pid}}", name));
  const [first] = pids();
  expect(ok("restart", "--running")).toBe(one);
  const [second, none] = pids();
  expect([second === first, none]).toEqual([false, "0"]);
  expect(ok("restart", "--cidfile", idFile(one))).toBe(one);
  expect(pids()[0]).not.toBe(second!);
  ok("restart", "--latest");
  expect(states("one", "two")).toEqual(["running", "running"]);
  ok("stop", "--latest");
  expect(states("one", "two")).toEqual(["running", "exited"]);
  expect(podman("stop", "--ignore", "missing", "one").status).toBe(0);
  expect(state("one")).toBe("exited");
  expect(podman("stop", "missing").err).toContain('no container with name or ID "missing" found');
  expect(ok("stop", "--ignore", "--cidfile", "/no/such/file")).toBe("");
  expect(podman("stop", "--cidfile", "/no/such/file").err).toContain("/no/such/file");
});

test("rm --depend takes what stands on it, --ignore passes over what is missing", () => {
  ok("create", "--network", "none", "--name", "base", IMAGE, "sleep", "100");
  ok("create", "--network", "container:base", "--name", "upon", IMAGE, "sleep", "100");
  ok("create", "--network", "none", "--requires", "upon", "--name", "top", IMAGE, "sleep", "100");
  ok("create", "--network", "none", "--name", "apart", IMAGE, "sleep", "100");
  const refused = podman("rm", "base");
  expect([refused.status, refused.err]).toEqual([125, expect.stringContaining("has dependent containers which must be removed before it")]);
  expect(ok("rm", "--depend", "base").split("\n").length).toBe(3);
  expect(ok("ps", "-a", "--format", "{{.Names}}")).toBe("apart");
  expect(ok("rm", "--ignore", "missing", "apart")).toBe("apart");
  expect(podman("container", "exists", "apart").status).toBe(1);
});

test("rm and init: --latest", () => {
  ok("create", "--network", "none", "--name", "one", IMAGE, "true");
  ok("create", "--network", "none", "--name", "two", IMAGE, "sleep", "100");
  ok("init", "--latest");
  expect(states("one", "two")).toEqual(["created", "initialized"]);
  ok("rm", "--latest");
  expect(podman("container", "exists", "two").status).toBe(1);
});

test("one that is missing among several: nothing is done to the others, as podman does", () => {
  ok("create", "--network", "none", "--name", "one", IMAGE, "sleep", "100");
  const unknown = 'no container with name or ID "missing" found: no such container\n';
  for (const verb of ["start", "init", "mount"]) {
    expect([verb, podman(verb, "one", "missing")]).toEqual([verb, { status: 125, out: "", err: `Error: ${unknown}` }]);
    expect(state("one")).toBe("created");
  }
  expect(podman("rm", "one", "missing")).toEqual({ status: 1, out: "", err: 'Error: no container with ID or name "missing" found: no such container\n' });
  ok("start", "one");
  for (const verb of ["stop", "pause", "kill", "restart", "wait"]) {
    expect([verb, podman(verb, "one", "missing")]).toEqual([verb, { status: 125, out: "", err: `Error: ${unknown}` }]);
    expect(state("one")).toBe("running");
  }
  expect(ok("rm", "-f", "-t0", "missing", "one")).toBe("one");
});

test("wait: --exit-first-match --ignore --latest", async () => {
  sleeper("slow");
  ok("run", "-d", "--network", "none", "--name", "quick", IMAGE, "sh", "-c", "exit 7");
  expect(ok("wait", "--latest")).toBe("7");
  const begun = Date.now();
  expect(ok("wait", "--exit-first-match", "--condition", "exited", "slow", "quick")).toBe("7");
  expect(Date.now() - begun).toBeLessThan(10_000);
  expect(ok("wait", "--ignore", "missing", "quick")).toBe("-1\n7");
  expect(podman("wait", "missing").err).toContain("missing");
  const waiting = begin(["podman", "wait", "slow", "quick"]);
  await Bun.sleep(300);
  expect(waiting.out().includes("137")).toBe(false);
  ok("kill", "slow");
  expect([await waiting.exited, waiting.out()]).toEqual([0, "137\n7\n"]);
});

test("top, attach and network reload: --latest", async () => {
  sleeper("older");
  ok("run", "-d", "--name", "newer", IMAGE, "sh", "-c", "sleep 1; echo said; sleep 55");
  expect(ok("top", "--latest", "args")).toContain("sleep 55");
  const attached = begin(["podman", "attach", "--latest", "--no-stdin"]);
  await until("the word", () => attached.out().includes("said"));
  expect(ok("network", "reload", "--latest")).toBe(ok("inspect", "--format", "{{.Id}}", "newer"));
  ok("kill", "newer");
  expect(await attached.exited).toBe(0);
});

test("attach --no-stdin gives the container nothing of ours", async () => {
  ok("run", "-d", "-i", "--network", "none", "--name", "reader", IMAGE, "sh", "-c", "read line; echo got $line; read line; echo got $line");
  const silent = begin(["podman", "attach", "--no-stdin", "reader"]);
  silent.child.stdin!.end("withheld\n");
  await Bun.sleep(400);
  const speaking = begin(["podman", "attach", "reader"]);
  speaking.child.stdin!.write("given\nand more\n");
  expect([await speaking.exited, await silent.exited]).toEqual([0, 0]);
  expect(ok("logs", "reader")).toBe("got given\ngot and more");
});

for (const verb of ["attach", "run", "start"]) {
  test(`${verb} --sig-proxy passes signals on, and =false keeps them`, async () => {
    const trap = ["sh", "-c", "trap 'echo caught; exit 9' USR1; echo ready; while :; do sleep 0.1; done"];
    const made = ["--network", "none", "--name", "catcher", IMAGE, ...trap];
    const go = (proxy: string) => begin(["podman", ...(verb === "run" ? ["run", proxy, ...made] : verb === "start" ? ["start", "--attach", proxy, "catcher"] : ["attach", proxy, "catcher"])]);
    if (verb === "attach") ok("run", "-d", ...made);
    if (verb === "start") ok("create", ...made);
    const deaf = go("--sig-proxy=false");
    await until("the program", () => podman("logs", "catcher").out.includes("ready"));
    await Bun.sleep(300);
    deaf.child.kill("SIGUSR1");
    expect(await deaf.exited).not.toBe(9);
    expect([state("catcher"), ok("logs", "catcher")]).toEqual(["running", "ready"]);
    if (verb === "run") {
      ok("rm", "-f", "-t0", "catcher");
    } else if (verb === "start") ok("stop", "-t0", "catcher");
    const heard = go("--sig-proxy=true");
    await until("the program", () => podman("logs", "catcher").out.match(/ready/g)?.length === (verb === "start" ? 2 : 1));
    await Bun.sleep(300);
    heard.child.kill("SIGUSR1");
    expect(await heard.exited).toBe(verb === "attach" ? 0 : 9);
    expect(ok("logs", "catcher")).toContain("caught");
  });
}

test("container cleanup: --all --latest --stopped-only --rmi --exec", () => {
  ok("create", "--network", "none", "--name", "one", IMAGE, "true");
  const id = sleeper("two");
  expect(podman("container", "cleanup", "--stopped-only", "two").err).toContain("is not stopped: container state improper");
  expect(state("two")).toBe("running");
  ok("kill", "two");
  ok("wait", "two");
  expect(ok("container", "cleanup", "--latest")).toBe(id);
  expect(ok("container", "cleanup", "--all").split("\n").length).toBe(2);
  const folder = newFolder("rmi");
  writeFileSync(`${folder}/Containerfile`, `FROM ${IMAGE}\nLABEL of=cleanup\n`);
  ok("build", "-q", "-t", "passing", folder);
  ok("create", "--network", "none", "--name", "three", "passing", "true");
  const used = podman("container", "cleanup", "--rmi", "three");
  expect([used.status, used.err]).toEqual([125, expect.stringContaining("image used by")]);
  ok("container", "cleanup", "--rm", "--rmi", "three");
  expect(podman("container", "exists", "three").status).toBe(1);
  expect(podman("image", "exists", "passing").status).toBe(1);
});

test("container cleanup --exec takes away a session that has ended", async () => {
  sleeper("one");
  const session = ok("exec", "-d", "one", "sleep", "77");
  expect(podman("container", "cleanup", "--exec", session, "one").err).toContain("as it is running");
  const ps = (pattern: string): string[] => run(["pgrep", "-f", pattern]).out.trim().split("\n");
  // Without conmon nobody cleans up: as after a crash.
  for (const pid of ps(`conmon.*${session}`)) run(["kill", "-9", pid]);
  run(["pkill", "-9", "-f", "^sleep 77$"]);
  await until("its end", () => podman("top", "one").out.includes("sleep 77") === false);
  expect(ok("container", "cleanup", "--exec", session, "one")).toBe("one");
  expect(podman("container", "cleanup", "--exec", session, "one").err).toContain("no such exec session");
});

test("container exists --external sees what a build left behind", () => {
  const name = mustRun(["buildah", "from", IMAGE]);
  expect([podman("container", "exists", name).status, podman("container", "exists", "--external", name).status]).toEqual([1, 0]);
  expect(podman("container", "exists", "--external", "missing").status).toBe(1);
  mustRun(["buildah", "rm", name]);
});

test("pods are none: rm --pod-id-file --latest --ignore, kill --latest, ps --filter --latest", () => {
  const file = idFile("nosuchpod");
  expect(podman("pod", "rm", "--pod-id-file", file).err).toContain("no pod with name or ID nosuchpod found: no such pod");
  expect(podman("pod", "rm", "--ignore", "--pod-id-file", file).status).toBe(0);
  expect(existsSync(file)).toBe(false);
  expect(podman("pod", "rm", "--pod-id-file", "/no/such/file").err).toContain("/no/such/file");
  for (const [verb, status] of [["rm", 1], ["kill", 125], ["ps", 125]] as const) {
    expect(podman("pod", verb, "--latest")).toEqual({ status, out: "", err: "Error: no such pod\n" });
  }
  expect(podman("pod", "ps", "--filter", "foo=bar").err).toContain("foo is an invalid filter");
  expect(ok("pod", "ps", "-q", "--filter", "name=x")).toBe("");
});
