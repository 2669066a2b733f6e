// buildah's main job as a person would type it: from, mount, the host's own tools, commit, run; and what must not go wrong on the way.
// Source: buildah(1) and the manual pages of its commands.
// Worlds: root, user.

import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { fromCaller, storeRoot, unshared, world } from "../fixtures/caller.ts";
import { begin, mustRun, ok, podman, run, shell, until } from "../fixtures/coracle.ts";
import { withRegistry } from "../fixtures/store.ts";

withRegistry(["ubi8"]);

const buildah = (...words: readonly string[]) => run(["buildah", ...words]);
const done = (...words: readonly string[]): string => mustRun(["buildah", ...words]);
/** A working container's root, mounted, as the test sees it. */
const mounted = (name: string): string => fromCaller(mustRun(unshared("buildah", "mount", name)));
/** A line of shell among those mounts. */
const inShell = (line: string) => (world === "root" ? shell(line) : run(unshared("bash", "-c", line)));
const hex64 = /^[0-9a-f]{64}$/;
const tmp = `${process.env["CORACLE_WORLD"]}/tmp`;

afterEach(() => {
  done("rm", "-a");
});

test("from, containers, mount, a file by the host's shell, commit, images, delete", () => {
  expect(done("from", "ubi8")).toBe("ubi8-working-container");
  const [heading, line] = done("containers").split("\n");
  expect(heading).toBe("CONTAINER ID  BUILDER  IMAGE ID     IMAGE NAME                       CONTAINER NAME");
  expect(line).toMatch(/^[0-9a-f]{12} {5}\* {5}[0-9a-f]{12} registry\.access\.redhat\.com\/ub\.\.\. ubi8-working-container$/);
  expect(existsSync(`${mounted("ubi8-working-container")}/etc/passwd`)).toBe(true);
  const ran = inShell("echo 'Hello, Buildah world!' > $(buildah mount ubi8-working-container)/etc/hello.conf && buildah commit -q ubi8-working-container ubi8-hello && buildah images && podman images");
  expect(ran.err).toBe("");
  const [id, ...lines] = ran.out.split("\n");
  expect(id).toMatch(hex64);
  expect(lines.filter(row => /^localhost\/ubi8-hello +latest/.test(row)).length).toBe(2);
  expect(ok("run", "--rm", "--network", "none", "ubi8-hello", "cat", "/etc/hello.conf")).toBe("Hello, Buildah world!");
  expect(done("delete", "-a")).toMatch(hex64);
  expect(done("containers", "-q")).toBe("");
});

test("from scratch, filled by the host's own cp, tar and chroot, runs as a container", () => {
  const line = [
    "WORKING_MOUNT=$(buildah mount $(buildah from scratch))",
    "cp -L --parents /bin/bash $(ldd /bin/bash | grep -o '/[^ ]*') $WORKING_MOUNT",
    "mkdir $WORKING_MOUNT/etc $WORKING_MOUNT/tmp && tar -C /etc -cf - passwd | tar -C $WORKING_MOUNT/etc -xf -",
    "chroot $WORKING_MOUNT /bin/bash -c 'echo made inside > /etc/made'",
    "buildah commit -q working-container minimal",
  ].join(" && ");
  const ran = inShell(line);
  expect([ran.status, ran.err]).toEqual([0, ""]);
  expect(ok("run", "--rm", "--network", "none", "minimal", "bash", "-c", "echo $((6 * 7)); echo $(</etc/made)")).toBe("42\nmade inside");
  expect(JSON.parse(ok("image", "inspect", "minimal"))[0].RootFS.Layers.length).toBe(1);
});

test("run -v sees the host's directory, and what it writes is committed, the mountpoint's content is not", () => {
  mkdirSync(`${tmp}/data`, { recursive: true });
  writeFileSync(`${tmp}/data/test.bin`, Buffer.alloc(1000, 7));
  done("from", "ubi8");
  const ran = buildah("run", "--network", "none", "-v", `${tmp}/data:/data:Z`, "ubi8-working-container", "dd", "if=/data/test.bin", "of=/etc/small-test.bin", "bs=100", "count=2");
  expect([ran.status, ran.err]).toEqual([0, expect.stringContaining("200 bytes")]);
  const root = mounted("ubi8-working-container");
  expect(readFileSync(`${root}/etc/small-test.bin`).length).toBe(200);
  expect(existsSync(`${root}/data/test.bin`)).toBe(false);
});

test("a command's exit status is ours, and what cannot start is 1", () => {
  done("from", "--name", "c", "ubi8");
  expect(buildah("run", "--network", "none", "c", "sh", "-c", "exit 42")).toMatchObject({ status: 42, err: expect.stringContaining("exit status 42") });
  expect(buildah("run", "--network", "none", "c", "/etc").status).toBe(1);
  if (world === "root" && run(["sh", "-c", "command -v runc"]).status === 0) {
    expect(buildah("run", "--runtime", "runc", "--runtime-flag", "debug", "--network", "none", "c", "true").err).toContain("nsexec");
  }
  expect(buildah("run", "--network", "none", "c", "true").err).toBe("");
  mkdirSync(`${tmp}/given`, { recursive: true });
  writeFileSync(`${tmp}/elsewhere`, "a subscription");
  symlinkSync(`${tmp}/elsewhere`, `${tmp}/given/file`);
  writeFileSync(`${tmp}/mounts.conf`, `${tmp}/given:/run/given\n`);
  done("--default-mounts-file", `${tmp}/mounts.conf`, "from", "--name", "g", "ubi8");
  expect(done("run", "--network", "none", "g", "cat", "/run/given/file")).toBe("a subscription");
  expect(buildah("run", "--user", "nobody-here", "c", "id")).toMatchObject({ status: 125, err: expect.stringContaining("nobody-here") });
  expect(buildah("run", "c").err).toBe("Error: command must be specified\n");
});

test("podman lists it with --external, removes it, and does not remove its image", () => {
  const name = done("from", "ubi8");
  expect(ok("ps", "-a", "-q")).toBe("");
  expect(ok("ps", "-a", "--external")).toMatch(/ubi8:latest +buildah +.* ago +Storage +ubi8-working-container$/m);
  const refused = podman("rmi", "ubi8");
  expect([refused.status, refused.err]).toEqual([2, expect.stringContaining("image is in use by a container")]);
  expect(podman("run", "--name", name, "--network", "none", "ubi8", "true")).toMatchObject({ status: 125, err: expect.stringContaining("is already in use") });
  expect(ok("rm", name)).toBe(name);
  expect(done("containers", "-q")).toBe("");
});

test("what is not there, late options and bad values are refused in words", () => {
  expect(run(unshared("buildah", "mount", "nosuch"))).toMatchObject({ status: 125, err: 'Error: reading build container "nosuch": container not known\n' });
  expect(buildah("rm", "a", "b").err).toBe('removing container "a": container not known\nError: removing container "b": container not known\n');
  expect(buildah("from", "ubi8", "--quiet").err).toBe("Error: no options (--quiet) can be specified after the image or container name\n");
  expect(buildah("from").err).toBe('Error: an image name (or "scratch") must be specified\n');
  expect(buildah("from", "--pull=sometimes", "ubi8").err).toContain('unrecognized pull policy "sometimes"');
  expect(buildah("from", "--format", "tar", "ubi8").err).toContain('unrecognized image type "tar"');
  done("from", "--name", "c", "scratch");
  expect(buildah("from", "--name", "c", "scratch").err).toContain("is already in use");
  expect(buildah("commit", "c", "UPPER").err).toContain("must be lowercase");
  expect(buildah("commit", "--cw", "x", "c").err).toBe("Error: cannot use --cw with \"buildah commit\": confidential workloads are not supported\n");
  expect(buildah("config", "--env", "NOT_SET_HERE", "c").err).toContain("no value given");
  expect(buildah("mkcw", "a", "b").status).toBe(125);
});

test("the same container committed at the same time twice is the same image", () => {
  done("from", "--name", "c", "scratch");
  expect(inShell("cd $(buildah mount c) && printf same > file").status).toBe(0);
  const commit = (): string => done("commit", "-q", "--timestamp", "60", "c");
  const id = commit();
  expect(commit()).toBe(id);
  const { Created, Config } = JSON.parse(ok("image", "inspect", id))[0];
  expect([Created, Config.Labels ?? {}]).toEqual(["1970-01-01T00:01:00Z", {}]);
});

test("kill -9 in the middle of a commit leaves nothing to see, and the next commit is whole", async () => {
  done("from", "--name", "c", "scratch");
  expect(inShell("cd $(buildah mount c) && for file in $(seq 40); do yes $file | head -c 4M > file$file; done").status).toBe(0);
  const store = `${storeRoot}/coracle`;
  const blobs = (): string[] => readdirSync(`${store}/blobs/sha256`).sort();
  const before = [blobs(), ok("images", "-a", "-q")];
  const commit = begin(["buildah", "commit", "-q", "c", "big"]);
  await until("the commit's staging", () => readdirSync(`${store}/staging`).length > 0);
  commit.child.kill("SIGKILL");
  expect(await commit.exited).toBe(137);
  expect([blobs(), ok("images", "-a", "-q")]).toEqual([expect.anything(), before[1]!]);
  expect(readdirSync(`${store}/staging`)).toEqual([]);
  expect(blobs()).toEqual(before[0] as string[]);
  expect(done("commit", "-q", "c", "big")).toMatch(hex64);
  expect(ok("images", "-q", "big")).not.toBe("");
});
