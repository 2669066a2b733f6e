// What builds promise: a system made by Debian's own tool in a scratch mount, the same image on every machine, and nothing half-done on bad input.
// Source: mmdebstrap(1); reproducible-builds.org, SOURCE_DATE_EPOCH; buildah-build(1).

import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, context, inImage } from "../fixtures/context.ts";
import { mustRun, ok, podman, shell, storeListing } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

/** A Debian repository with one package that brings a shell. */
function repository(): string {
  const folder = newFolder("debian");
  const control = "Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.test>\nPriority: required\nDescription: a shell\n";
  for (const directory of ["package/DEBIAN", "package/bin", "repository"]) mkdirSync(join(folder, directory), { recursive: true });
  copyFileSync("/bin/busybox", join(folder, "package/bin/busybox"));
  symlinkSync("busybox", join(folder, "package/bin/sh"));
  writeFileSync(join(folder, "package/DEBIAN/control"), control);
  const file = join(folder, "repository/tiny.deb");
  mustRun(["dpkg-deb", "-Zgzip", "--root-owner-group", "-b", join(folder, "package"), file]);
  const bytes = readFileSync(file);
  writeFileSync(join(folder, "repository/Packages"), `${control}Filename: ./tiny.deb\nSize: ${bytes.length}\nSHA256: ${createHash("sha256").update(bytes).digest("hex")}\n`);
  return join(folder, "repository");
}

test("a scratch mount filled by mmdebstrap becomes an image that runs", () => {
  const line = `WORKING_MOUNT=$(buildah mount $(buildah from scratch)) && \
    mmdebstrap --variant=extract --mode=root --format=directory --include=tiny stable $WORKING_MOUNT "deb [trusted=yes] copy://${repository()} ./" && \
    buildah commit -q working-container minimal && podman run --rm --network none minimal sh -c 'echo "in $(busybox basename /a/minimal)"'`;
  const ran = shell(line, { timeoutMs: 120_000 });
  expect([ran.status, ran.out.trim().split("\n").at(-1)]).toEqual([0, "in minimal"]);
  expect(mustRun(["buildah", "delete", "-a"])).toMatch(/^[0-9a-f]{64}$/);
}, 180_000);

test("two stores make the same image of the same input: digest, ID and layers", () => {
  const text = `FROM ${IMAGE}\nARG V=1\nCOPY --chown=7:8 data tree /below/\nRUN hostname > /name; mkdir /dir; date > /dir/unchanged-by-time; rm /dir/unchanged-by-time; echo $V > /v; ln -s v /link\nENV A=1\nWORKDIR /made\nUSER 7\n`;
  const digests = ["one", "two"].map((name, at) => {
    const directory = context(text, { data: "same", "tree/a": "a", "tree/b": "b" });
    utimesSync(join(directory, "tree/a"), 1_000_000 + at, 1_800_000_000 + at);
    const root = newFolder(`store-${name}`);
    const store = ["--root", root, "--runroot", `${root}-run`];
    ok(...store, "build", "-q", "--network", "none", "--source-date-epoch", "1700000000", "--rewrite-timestamp", "--format", "docker", "-t", "same", directory);
    const [found] = JSON.parse(ok(...store, "image", "inspect", "same"));
    return [found.Id, found.Digest, found.RootFS.Layers];
  });
  expect(digests[1]).toEqual(digests[0]!);
}, 60_000);

test("stages that need each other in a circle, themselves or a later one are refused, as is an unknown instruction, and nothing is left", () => {
  const before = storeListing();
  const refused = (text: string): string => {
    const { status, out, err } = podman("build", "--network", "none", "--pull=never", context(text));
    expect([text, status, out]).toEqual([text, 125, expect.any(String)]);
    return err;
  };
  // A name of a later stage is one of an image, as the originals have it.
  expect(refused(`FROM two AS one\nFROM one AS two\n`)).toContain("two");
  expect(refused(`FROM ${IMAGE} AS one\nCOPY --from=one /etc/passwd /x\n`)).toContain("one");
  expect(refused(`FROM ${IMAGE} AS one\nCOPY --from=two /etc/passwd /x\nFROM ${IMAGE} AS two\nFROM one\n`)).toContain("two");
  expect(refused(`FROM ${IMAGE}\n\nCOPPY a b\n`)).toContain('Unknown instruction: "COPPY" in line 3, column 1');
  expect(storeListing()).toEqual(before);
});

test("sources that are not there, or that a link leads outside to, are refused, and the image before stays", () => {
  const directory = context(`FROM ${IMAGE}\nCOPY out /x\n`);
  symlinkSync("/etc/shadow", join(directory, "out"));
  const missing = context(`FROM ${IMAGE}\nCOPY nowhere /x\n`);
  build(context(`FROM ${IMAGE}\nRUN echo 1 > /v\n`), "-t", "kept");
  const led = podman("build", "--network", "none", "-t", "kept", directory);
  expect(led.out + led.err).not.toContain("root:");
  // Inside the context there is no /etc/shadow: the link leads nowhere.
  expect(led.status).toBe(125);
  expect(podman("build", "--network", "none", "-t", "kept", missing).err).toContain("nowhere");
  expect(inImage("kept", "cat /v")).toBe("1");
});

test("a Containerfile of more than 10 MB is refused at once", () => {
  const { status, err } = podman("build", context(`FROM ${IMAGE}\n${"# padding\n".repeat(1_100_000)}`));
  expect([status, err]).toEqual([125, expect.stringMatching(/larger than|too large/)]);
});
