// The command line itself: personas, help, unknown words, completion by cobra's protocol, version and info.

import { expect, test } from "bun:test";
import { coracle, mustRun, ok, onTerminal, podman, run } from "../fixtures/coracle.ts";
import { withRegistry } from "../fixtures/store.ts";

withRegistry([]);

test("the name it is called by is what it is", () => {
  expect(ok("--version")).toMatch(/^podman version \d+\.\d+\.\d+/);
  expect(mustRun(["coracle", "podman", "--version"])).toMatch(/^podman version/);
  expect(coracle("--version").out).toMatch(/^coracle version \d/);
});

test("help names every verb of the main job and exits 0", () => {
  const help = ok("--help");
  for (const name of ["attach", "container", "create", "exec", "image", "images", "info", "init", "inspect", "kill", "logs", "mount", "port",
    "ps", "pull", "push", "rm", "rmi", "run", "start", "stop", "tag", "top", "unmount", "untag", "version", "wait"]) {
    expect(help).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
  }
  expect(ok("run", "--help")).toContain("--cidfile");
});

test("unknown words are refused, and on a terminal get the nearest known one", async () => {
  const flag = podman("run", "--detatch", "x");
  expect(flag.status).toBe(125);
  expect(flag.err).toMatch(/unknown flag: --detatch/);
  const seen = onTerminal(["podman", "run", "--detatch", "x"]);
  await seen.see(/unknown flag: --detatch[\s\S]*--detach\b/);
  expect(await seen.end()).toBe(125);
  const name = podman("psx");
  expect(name.status).toBe(125);
  expect(name.err).toMatch(/unrecognized command .podman psx.[\s\S]*\bps\b/);
  expect(podman("run", "-Z", "x").err).toMatch(/unknown shorthand flag: 'Z' in -Z/);
  expect(podman("create").err).toMatch(/requires at least 1 arg/);
});

test("completion answers as cobra's programs do", () => {
  const verbs = ok("__completeNoDesc", "");
  expect(verbs.split("\n")).toContain("run");
  expect(verbs).toMatch(/\n:\d+$/);
  expect(ok("__complete", "ima")).toMatch(/^image\t.*\nimages\t/m);
  expect(ok("__completeNoDesc", "run", "--cid").split("\n")[0]).toBe("--cidfile");
  ok("pull", "-q", "ubi8");
  expect(ok("__completeNoDesc", "run", "registry").split("\n")[0]).toContain("registry.access.redhat.com/ubi8");
});

for (const program of ["podman", "buildah"]) {
  test(`${program} refuses --imagestore by name instead of passing it over`, () => {
    expect(run([program, "--imagestore", "/elsewhere", "images"])).toMatchObject({ status: 125, out: "", err: expect.stringContaining("cannot use --imagestore") });
  });
}

test("version and info answer templates and JSON", () => {
  expect(ok("version", "--format", "{{.Client.Version}}")).toMatch(/^\d+\.\d+/);
  expect(JSON.parse(ok("version", "--format", "json")).Client.Os).toBe("linux");
  expect(ok("version", "--format", "json").split("\n")).toHaveLength(1);
  expect(ok("info", "--format", "json")).toStartWith('{\n  "host": {');
  expect(ok("info", "--format", "{{.Host.OCIRuntime.Name}}")).toMatch(/^(crun|runc)$/);
  const info = JSON.parse(ok("info", "--format", "json"));
  expect(info.store.graphRoot).toContain("/var/lib/containers");
  expect(info.host.security.rootless).toBe(false);
  expect(ok("info", "--format", "{{.Store.RunRoot}}")).toContain("/run/containers");
});

test("global options choose another store", () => {
  const other = run(["podman", "--root", "/run/other-root", "--runroot", "/run/other-run", "images", "-q"]);
  expect(other).toEqual({ status: 0, out: "", err: "" });
  expect(podman("--nosuch", "ps").status).toBe(125);
  expect(podman("--log-level", "nosuch", "ps").status).not.toBe(0);
});
