// Additional image stores: images of another store of ours, used where they lie and never written to; and what storage.conf says.
// Source: containers-storage.conf(5).

import { expect, test } from "bun:test";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { makeUser } from "../fixtures/user.ts";

withRegistry();

const other = newFolder("imagestore");
const conf = `${newFolder("conf")}/storage.conf`;
writeFileSync(conf, `[storage]\ndriver = "overlay"\n[storage.options]\nadditionalimagestores = [ "${other}/root" ]\n`);
const env = { CONTAINERS_STORAGE_CONF: conf };
const inOther = (...words: string[]): string => mustRun(["podman", "--root", `${other}/root`, "--runroot", `${other}/runroot`, ...words]);
const withIt = (...words: string[]) => run(["podman", ...words], { env });

test("its images are listed as read-only, and run where they lie", () => {
  inOther("pull", "-q", IMAGE);
  inOther("tag", IMAGE, "only/there:v1");
  ok("rmi", "-a", "-f");
  expect(withIt("images", "-n", "--format", "{{.Repository}}:{{.Tag}} {{.ReadOnly}}").out.split("\n").sort()).toEqual(["", `${IMAGE} true`, "localhost/only/there:v1 true"].sort());
  expect(withIt("images").out).toMatch(/R\/O/);
  expect(withIt("run", "--rm", "--network", "none", "only/there:v1", "echo", "works")).toEqual({ status: 0, out: "works\n", err: "" });
  expect(readdirSync("/var/lib/containers/coracle/layers")).toEqual([]);
  const id = withIt("run", "-d", "--network", "none", "--restart", "on-failure:2", "only/there:v1", "sh", "-c", "exit 3").out.trim();
  expect(withIt("wait", id).status).toBe(0);
  expect(withIt("rm", "-f", "-t0", id).status).toBe(0);
  expect(podman("image", "exists", "only/there:v1").status).toBe(1);
});

test("a pull makes a copy here that comes first; both are listed, and only this one goes", () => {
  const pulled = withIt("pull", "-q", IMAGE);
  expect(pulled.status).toBe(0);
  expect(withIt("images", "-n", "--format", "{{.Repository}}:{{.Tag}} {{.ReadOnly}}", "--filter", `reference=${IMAGE}`).out).toBe(`${IMAGE} false\n${IMAGE} true\n`);
  expect(withIt("rmi", IMAGE).status).toBe(0);
  const refused = withIt("rmi", "only/there:v1");
  expect([refused.status, refused.err]).toEqual([2, expect.stringContaining("it lies in an additional image store, which is read-only")]);
  expect(withIt("rmi", "-a", "-f").status).toBe(0);
  expect(withIt("image", "exists", IMAGE).status).toBe(0);
  expect(withIt("system", "check").status).toBe(0);
  expect(inOther("image", "inspect", "--format", "{{.Id}}", IMAGE)).toBe(pulled.out.trim());
});

test("an ordinary user runs its images too, though large layers lie there as files that he may not mount", () => {
  const user = makeUser("reader", 2041);
  const folder = "/srv/shared-images";
  mustRun(["podman", "--root", `${folder}/root`, "--runroot", `${folder}/runroot`, "--storage-opt", "overlay.layers=erofs", "pull", "-q", IMAGE]);
  expect(readdirSync(`${folder}/root/layers`).every(name => statSync(`${folder}/root/layers/${name}`).isFile())).toBe(true);
  mustRun(["chmod", "-R", "a+rX", folder]);
  const own = `${folder}/storage.conf`;
  writeFileSync(own, `[storage]\ndriver = "overlay"\n[storage.options]\nadditionalimagestores = [ "${folder}/root" ]\n`, { mode: 0o644 });
  const ran = user.run(["env", `CONTAINERS_STORAGE_CONF=${own}`, "podman", "run", "--rm", "--network", "none", IMAGE, "echo", "works"]);
  expect([ran.status, ran.out]).toEqual([0, "works\n"]);
});

test("images are built and committed on its images", () => {
  const folder = newFolder("build");
  writeFileSync(`${folder}/Containerfile`, "FROM only/there:v1\nRUN touch /x\n");
  const ran = withIt("build", "-q", "--network", "none", folder);
  expect([ran.status, ran.err]).toEqual([0, ""]);
  expect(ok("run", "--rm", "--network", "none", ran.out.trim(), "ls", "/x")).toBe("/x");
  ok("rmi", "-f", ran.out.trim());
  const id = withIt("create", "--network", "none", "only/there:v1").out.trim();
  const committed = withIt("commit", "-q", id);
  expect([committed.status, committed.err]).toEqual([0, ""]);
  ok("rm", id);
  expect(ok("run", "--rm", "--network", "none", committed.out.trim(), "echo", "works")).toBe("works");
  ok("rmi", "-f", committed.out.trim());
});

test("--storage-opt names stores, too, and info shows them", () => {
  expect(ok("--storage-opt", `overlay.imagestore=${other}/root`, "images", "-n", "--format", "{{.ReadOnly}}", "--filter", "reference=only/there")).toMatch(/^true(\ntrue)*$/);
  const shown = ok("info", "--storage-opt", "overlay.imagestore=/one", "--storage-opt", "overlay.imagestore=/two", "--format", '{{index .Store.GraphOptions "overlay.additionalImageStores"}} {{index .Store.GraphOptions "overlay.imagestore"}}');
  expect(shown).toBe("[/one /two] /two");
  expect(existsSync("/one")).toBe(false);
});

test("a root in storage.conf counts where it is a store of ours, and Podman's own is left alone", () => {
  const file = `${newFolder("conf")}/storage.conf`;
  writeFileSync(file, `[storage]\ndriver = "overlay"\ngraphroot = "${other}/root"\nrunroot = "${other}/runroot"\n`);
  const root = (path: string): string => run(["podman", "info", "--format", "{{.Store.GraphRoot}} {{.Store.ConfigFile}}"], { env: { CONTAINERS_STORAGE_CONF: path } }).out.trim();
  expect(root(file)).toBe(`${other}/root ${file}`);
  writeFileSync(file, '[storage]\ngraphroot = "/var/lib/containers/storage"\n');
  expect(root(file)).toBe(`/var/lib/containers/coracle ${file}`);
});

for (const [text, message] of [
  ["[storage\n", "cannot read"],
  ["[storage]\ngraphroot = 5\n", "storage.graphroot is not a string"],
  ["[storage.options]\nadditionalimagestores = \"x\"\n", "storage.options.additionalimagestores is not a list of strings"],
  ["[storage.options.overlay]\nlayers = \"squashfs\"\n", 'storage.options.overlay.layers is not "erofs" or "directory"'],
  ["[storage.options]\nadditionalimagestores = [\"x\"]\n", 'the additional image store "x"'],
] as const) {
  test(`a broken storage.conf is one error: ${JSON.stringify(text)}`, () => {
    const file = `${newFolder("conf")}/storage.conf`;
    writeFileSync(file, text);
    const ran = run(["podman", "images"], { env: { CONTAINERS_STORAGE_CONF: file } });
    expect([ran.status, ran.err.split("\n")[0]]).toEqual([125, expect.stringContaining(message)]);
  });
}

test("info says how large layers are kept, as storage.conf or an option wants it", () => {
  const file = `${newFolder("conf")}/storage.conf`;
  const form = (...words: string[]): string => run(["podman", ...words, "info", "--format", '{{index .Store.GraphStatus "Large layers"}}'], { env: { CONTAINERS_STORAGE_CONF: file } }).out.trim();
  for (const [layers, said] of [["directory", "directories"], ["erofs", "EROFS files"]] as const) {
    writeFileSync(file, `[storage]\ndriver = "overlay"\n[storage.options.overlay]\nlayers = "${layers}"\n`);
    expect(form()).toBe(said);
  }
  expect(form("--storage-opt", "overlay.layers=directory")).toBe("directories");
});

test("static_dir of containers.conf is refused by name, as the state of containers lies in the store", () => {
  const file = `${newFolder("conf")}/containers.conf`;
  writeFileSync(file, '[engine]\nstatic_dir = "/tmp/elsewhere"\n');
  const ran = run(["podman", "volume", "create", "kept"], { env: { CONTAINERS_CONF_OVERRIDE: file } });
  expect([ran.status, ran.err]).toEqual([125, expect.stringContaining('cannot keep the state of containers in "/tmp/elsewhere", as engine.static_dir of containers.conf says')]);
  expect(ok("volume", "ls", "-q")).toBe("");
});
