// podman cp: between containers and the host, as files and as tar streams.
// Source: podman-cp(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { ok, podman, run, shell } from "../fixtures/coracle.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { callerId } from "../fixtures/caller.ts";

withRegistry();

const tmp = (path = ""): string => `${process.env["CORACLE_WORLD"]}/tmp/${path}`;

function fresh(): void {
  for (const name of ["src", "dst"]) {
    rmSync(tmp(name), { recursive: true, force: true });
    mkdirSync(tmp(name));
  }
  mkdirSync(tmp("src/dir"));
  writeFileSync(tmp("src/file"), "of the host\n");
  writeFileSync(tmp("src/dir/inner"), "inner\n");
}

const begin = (...words: string[]): string => ok("run", "-d", "--network", "none", "--name", "c", ...words, IMAGE, "sleep", "100");
const create = (...words: string[]): string => ok("create", "--network", "none", "--name", "c", ...words, IMAGE, "sleep", "100");

for (const [state, make] of [["running", begin], ["created", create]] as const) {
  test(`files and directories go into a ${state} container and back as they were`, () => {
    fresh();
    make("--workdir", "/etc");
    ok("cp", "src/file", "c:/tmp");
    ok("cp", "src/file", "c:named");
    ok("cp", "src/dir", "c:/new");
    ok("cp", "src/dir/.", "c:/new");
    ok("cp", "src/dir", "c:/new");
    for (const [from, file] of [["/tmp/file", "file"], ["/etc/named", "named"], ["/new/inner", "inner"], ["/new/dir/inner", "inner"]] as const) {
      ok("cp", `c:${from}`, "dst/");
      expect(readFileSync(tmp(`dst/${file}`), "utf8")).toBe(file === "inner" ? "inner\n" : "of the host\n");
    }
    ok("cp", "c:/new/.", "dst/whole");
    expect(readFileSync(tmp("dst/whole/dir/inner"), "utf8")).toBe("inner\n");
  });
}

test("volumes and bind mounts of a container that does not run are written through, and leave no trace in its root", () => {
  fresh();
  ok("volume", "create", "v");
  const volume = ok("volume", "inspect", "--format", "{{.Mountpoint}}", "v");
  create("-v", "v:/tmp/v", "-v", `${tmp("dst")}:/tmp/v/sub`);
  ok("cp", "src/file", "c:/tmp/v/sub");
  ok("cp", "src/dir/inner", "c:/tmp/v");
  expect(readFileSync(tmp("dst/file"), "utf8")).toBe("of the host\n");
  expect(readFileSync(`${volume}/inner`, "utf8")).toBe("inner\n");
  expect(existsSync(`${volume}/sub`)).toBe(false);
  expect(ok("diff", "c")).not.toContain("/tmp/v");
  ok("rm", "c");
  ok("volume", "rm", "v");
});

test("links in the container lead nowhere on the host", () => {
  fresh();
  begin();
  ok("exec", "c", "sh", "-c", `ln -s ${tmp("src/file")} /bad; ln -s ${tmp("dst")} /out; ln -s / /root-link; ln -s /tmp/x /dangling`);
  expect(podman("cp", "c:/bad", "dst").err).toMatch(/"\/bad" could not be found on container c/);
  expect(podman("cp", "src/file", "c:/out/").status).toBe(125);
  expect(existsSync(tmp("dst/file"))).toBe(false);
  ok("cp", "src/file", "c:/root-link/etc/inside");
  expect(ok("exec", "c", "cat", "/etc/inside")).toBe("of the host");
  ok("cp", "src/file", "c:/dangling");
  expect(ok("exec", "c", "cat", "/tmp/x")).toBe("of the host");
});

test("owners: the container's user by default, the archive's own without --archive", () => {
  fresh();
  begin("--user", "12:34");
  ok("cp", "src/file", "c:/tmp/mine");
  expect(ok("exec", "c", "stat", "-c", "%u:%g", "/tmp/mine")).toBe("12:34");
  expect(shell("tar --owner=7 --group=8 -C src -czf - file | podman cp -a=false - c:/tmp").status).toBe(0);
  expect(ok("exec", "c", "stat", "-c", "%u:%g", "/tmp/file")).toBe("7:8");
  ok("cp", "c:/tmp/file", "dst");
  expect(statSync(tmp("dst/file"))).toMatchObject({ uid: callerId, gid: callerId });
});

test("a tar stream comes out of a container and another takes it", () => {
  fresh();
  begin();
  ok("run", "-d", "--network", "none", "--name", "other", IMAGE, "sleep", "100");
  ok("exec", "c", "sh", "-c", "mkdir /d; echo x > /d/f; ln /d/f /d/g");
  expect(shell("podman cp c:/d - | podman cp - other:/tmp").status).toBe(0);
  expect(ok("exec", "other", "cat", "/tmp/d/g")).toBe("x");
  ok("cp", "c:/d", "other:/e");
  expect(ok("exec", "other", "cat", "/e/f")).toBe("x");
});

test("a directory gives way to a file, or the reverse, only with --overwrite", () => {
  fresh();
  begin();
  ok("exec", "c", "mkdir", "/tmp/file");
  const refused = podman("cp", "src/file", "c:/tmp");
  expect(refused).toMatchObject({ status: 125 });
  expect(refused.err).toContain('error creating "/tmp/file": open /tmp/file: file exists');
  ok("cp", "--overwrite", "src/file", "c:/tmp");
  expect(ok("exec", "c", "cat", "/tmp/file")).toBe("of the host");
});

test("what cannot be is refused in podman's words", () => {
  fresh();
  symlinkSync("nosuch", tmp("src/dangling"));
  begin();
  const says = (words: string[], text: string, input = "") =>
    expect(run(["podman", "cp", ...words], { input })).toMatchObject({ status: 125, err: expect.stringContaining(text) });
  says(["src/nosuch", "c:/tmp"], '"src/nosuch" could not be found on the host');
  says(["src/dangling", "c:/tmp"], '"src/dangling" could not be found on the host');
  says(["src/file", "c:/nosuch/"], 'Error: "/nosuch/" could not be found on container c: no such file or directory');
  says(["src/dir", "c:/etc/passwd"], "Error: destination must be a directory when copying a directory");
  says(["c:/etc", "src/file"], "Error: destination must be a directory when copying a directory");
  says(["c:/tmp/*", "dst"], 'could not be found on container c');
  says(["-", "c:/etc/passwd"], "Error: destination must be a directory when copying from stdin");
  says(["-", "c:/tmp"], "Error: source must be a (compressed) tar archive when copying from stdin", "no archive at all");
  says(["src/file", "nosuch:/tmp"], 'container "nosuch" does not exist');
  says(["c:/etc/passwd", "/dev/stdout"], 'invalid destination: "/dev/stdout" must be a directory or a regular file');
});
