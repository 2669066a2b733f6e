// Our own binary against the folder and the environment it is called in: nothing of them is run, nothing of Bun's reaches a child.

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { begin, binary, commandLines, ok, run, until } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

/** A folder whose bunfig.toml, .env, package.json and tsconfig.json each leave a trace when they are read as code or settings. */
function hostileFolder(): string {
  const folder = newFolder("hostile");
  writeFileSync(join(folder, "evil.ts"), `require("node:fs").writeFileSync("${folder}/trace", "ran");`);
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n');
  writeFileSync(join(folder, ".env"), "CONTAINERS_REGISTRIES_CONF=/nonexistent/evil\nBUN_OPTIONS=--preload ./evil.ts\nTMPDIR=/nonexistent\n");
  writeFileSync(join(folder, "package.json"), "{ this is not JSON");
  writeFileSync(join(folder, "tsconfig.json"), '{ "compilerOptions": { "paths": { "*": ["./evil.ts"] } } }');
  return folder;
}

for (const words of [["version"], ["images"], ["ps", "-a"], ["run", "--rm", "--network", "none", IMAGE, "env"]]) {
  test(`nothing of a hostile folder is read by: ${words[0]}`, () => {
    const folder = hostileFolder();
    const ran = run(["podman", ...words], { cwd: folder });
    expect([ran.status, ran.err]).toEqual([0, ""]);
    expect(ran.out).not.toContain("evil");
    expect(existsSync(join(folder, "trace"))).toBe(false);
  });
}

test("BUN_ variables reach neither conmon nor the container", async () => {
  const running = begin(["podman", "run", "--name", "b", "--network", "none", IMAGE, "sleep", "100"], { env: { BUN_CONFIG_VERBOSE_FETCH: "0", BUN_MARK: "seen" } });
  await until("the program", () => commandLines().includes("sleep 100"));
  for (const line of run(["pgrep", "-x", "conmon"]).out.trim().split("\n")) {
    expect(readFileSync(`/proc/${line}/environ`, "utf8")).not.toContain("BUN_");
  }
  expect(ok("exec", "b", "env")).not.toContain("BUN_");
  ok("kill", "b");
  await running.exited;
});

test("the binary is one file that needs nothing of its checkout", () => {
  const copy = join(newFolder("alone"), "podman");
  run(["cp", binary, copy]);
  expect(run([copy, "version", "--format", "{{.Client.Version}}"]).out).toMatch(/^\d+\.\d+/);
});

test("broken pipes and a closed stdout end quietly", () => {
  const ran = run(["bash", "-c", "podman images | true; podman images >&-; podman --help | head -1"]);
  expect(ran.err).not.toMatch(/EPIPE|\bat .*:\d+:\d+|SIGPIPE/);
  expect(ran.out).not.toBe("");
});
