// podman export and import: a root as an archive, and an archive as an image.
// Source: podman-export(1), podman-import(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { ok, podman, run, shell } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { asCaller } from "../fixtures/caller.ts";

withRegistry();

const tmp = (): string => `${process.env["CORACLE_WORLD"]}/tmp`;

function archive(): string {
  ok("run", "--network", "none", "--name", "e", IMAGE, "sh", "-c", "echo here > /random.txt; ln /random.txt /same; ln -s random.txt /link");
  ok("export", "-o", "e.tar", "e");
  return "e.tar";
}

test("the archive holds the whole root, links as links, and goes to standard output too", () => {
  archive();
  const listed = spawnSync("tar", ["tvf", `${tmp()}/e.tar`], { encoding: "utf8" }).stdout;
  expect(listed).toMatch(/same link to random\.txt|random\.txt link to same/);
  expect(listed).toMatch(/link -> random\.txt/);
  expect(listed).toContain("bin/busybox");
  expect(shell("podman export e | cmp - e.tar").status).toBe(0);
});

test("an imported archive runs, by file, standard input and compressed, under the name it was given", () => {
  archive();
  ok("import", "-q", "e.tar", "imported:1");
  expect(ok("run", "--rm", "--network", "none", "localhost/imported:1", "cat", "/random.txt")).toBe("here");
  for (const packer of ["gzip", "zstd -q"]) {
    const id = shell(`${packer} < e.tar | podman import -q --change 'CMD /bin/cat /link' -m why -`).out.trim();
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(ok("run", "--rm", "--network", "none", id)).toBe("here");
    expect(ok("image", "inspect", "--format", "{{.Comment}}", id)).toBe("why");
  }
});

test("--arch, --os and --variant go into the config", () => {
  archive();
  ok("import", "-q", "--arch", "arm64", "--os", "linux", "--variant", "v8", "e.tar", "foreign");
  expect(ok("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", "foreign")).toBe("linux/arm64");
});

test("takes an archive from a web address, and says what is wrong where there is none", async () => {
  archive();
  using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => new URL(request.url).pathname === "/e.tar" ? new Response(Bun.file(`${tmp()}/e.tar`)) : new Response("", { status: 404 }) });
  const child = Bun.spawn(asCaller(["podman", "import", "-q", `http://127.0.0.1:${server.port}/e.tar`, "fromweb"]), { cwd: tmp(), stdout: "pipe", stderr: "pipe" });
  expect(await child.exited).toBe(0);
  expect(ok("run", "--rm", "--network", "none", "fromweb", "cat", "/random.txt")).toBe("here");
  const missing = Bun.spawn(asCaller(["podman", "import", "-q", `http://127.0.0.1:${server.port}/none`]), { cwd: tmp(), stderr: "pipe" });
  expect(await missing.exited).toBe(125);
  expect(await new Response(missing.stderr).text()).toContain("the server answered 404");
});

test("what is no archive makes no image", () => {
  const before = ok("images", "-q", "-a");
  expect(run(["podman", "import", "-q", "-"], { input: "garbage, garbage" }).err).toContain("Error: cannot");
  expect(run(["podman", "import", "-q", "-"]).err).toContain("the archive is empty");
  expect(podman("import", "-q", "/nosuch").err).toBe("Error: open /nosuch: no such file or directory\n");
  expect(podman("import").err).toContain("need to give the path to the tarball");
  expect(ok("images", "-q", "-a")).toBe(before);
});
