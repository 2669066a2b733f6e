// skopeo copy sif: a Singularity file becomes an image that runs what its definition says.
// Source: Sylabs' SIF format, version 01; made here by hand around a file system of mksquashfs.

import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mustRun, ok, run } from "../fixtures/coracle.ts";
import { busyboxLayer } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";

const done = (...words: string[]): string => mustRun(["skopeo", ...words]);

interface Wish {
  readonly definition?: string;
  /** The number of its kind; 1 is squashfs. */
  readonly fileSystem?: number;
  readonly prepare?: (tree: string) => void;
}

const descriptorBytes = 585;
const tableAt = 128;
const dataAt = 32_768;

function makeSif({ definition, fileSystem = 1, prepare = () => {} }: Wish = {}): string {
  const folder = newFolder();
  const tree = `${folder}/tree`;
  mkdirSync(tree);
  execFileSync("tar", ["-C", tree, "-x"], { input: busyboxLayer() });
  writeFileSync(`${tree}/usr/bin/bash`, '#!/bin/sh\nexec /bin/sh "$@"\n', { mode: 0o755 });
  prepare(tree);
  execFileSync("mksquashfs", [tree, `${folder}/root.sqfs`, "-quiet", "-no-progress", "-noappend"]);
  const root = readFileSync(`${folder}/root.sqfs`);
  const text = Buffer.from(definition ?? "");
  const whole = Buffer.alloc(dataAt + root.length + text.length);
  whole.write("#!/usr/bin/env run-singularity\n", 0);
  whole.write("SIF_MAGIC\0", 32);
  whole.write("01\0", 42);
  whole.write(process.arch === "arm64" ? "04\0" : "02\0", 45);
  [1_600_000_000, 1_600_000_001, 46, 48, tableAt, 48 * descriptorBytes, dataAt, root.length].forEach((value, at) => whole.writeBigInt64LE(BigInt(value), 64 + at * 8));
  describe(whole, 0, { kind: 0x4004, offset: dataAt, size: root.length });
  whole.writeInt32LE(fileSystem, tableAt + 201);
  whole.writeInt32LE(2, tableAt + 205);
  if (definition !== undefined) describe(whole, 1, { kind: 0x4001, offset: dataAt + root.length, size: text.length });
  root.copy(whole, dataAt);
  text.copy(whole, dataAt + root.length);
  writeFileSync(`${folder}/image.sif`, whole);
  return `${folder}/image.sif`;
}

function describe(whole: Buffer, place: number, { kind, offset, size }: { kind: number; offset: number; size: number }): void {
  const at = tableAt + place * descriptorBytes;
  whole.writeInt32LE(kind, at);
  whole.writeUInt8(1, at + 4);
  [offset, size, size].forEach((value, index) => whole.writeBigInt64LE(BigInt(value), at + 17 + index * 8));
}

const definition = `Bootstrap: docker
From: busybox
%environment
  export GREETING=hello
%help
  not run
%runscript
  echo "$GREETING from a run script"
`;

test("its run script and environment are the image's command", () => {
  const file = makeSif({ definition });
  done("copy", `sif:${file}`, "containers-storage:localhost/sif:1");
  expect(ok("run", "--rm", "--network", "none", "localhost/sif:1")).toBe("hello from a run script");
  expect(JSON.parse(done("inspect", "--config", `sif:${file}`))).toMatchObject({
    created: "2020-09-13T12:26:41Z", architecture: process.arch === "arm64" ? "arm64" : "amd64", os: "linux", config: { Cmd: ["/podman/runscript"] },
  });
});

test("without them it is bash, and twice copied it has one digest", () => {
  const file = makeSif();
  const folder = newFolder();
  for (const name of ["one", "two"]) done("copy", `sif:${file}`, `oci:${folder}/${name}:x`);
  expect(JSON.parse(done("inspect", "--config", `oci:${folder}/one:x`)).config.Cmd).toEqual(["bash"]);
  expect(done("inspect", "--format", "{{.Digest}}", `oci:${folder}/one:x`)).toBe(done("inspect", "--format", "{{.Digest}}", `oci:${folder}/two:x`));
});

test("a link in the file system leads the script nowhere outside", () => {
  const outside = newFolder();
  const file = makeSif({ definition, prepare: tree => symlinkSync(outside, `${tree}/podman`) });
  done("copy", `sif:${file}`, `dir:${newFolder()}/dir`);
  expect(readdirSync(outside)).toEqual([]);
});

test("it is only read", () => {
  expect(run(["skopeo", "copy", `sif:${makeSif()}`, "sif:/tmp/out.sif"]).err).toContain("can only be read from");
});

const broken: readonly [string, (whole: Buffer) => void, string][] = [
  ["another file", whole => whole.write("ELF", 32), "it does not begin as one"],
  ["a version to come", whole => whole.write("02", 42), 'its version is'],
  ["a table without end", whole => whole.writeBigInt64LE(1n << 40n, 88), "its table of objects is too large"],
  ["a table elsewhere", whole => whole.writeBigInt64LE(1n << 40n, 96), "goes past the end"],
  ["an object past the end", whole => whole.writeBigInt64LE(1n << 40n, tableAt + 25), "an object goes past the end"],
  ["an object before the start", whole => whole.writeBigInt64LE(-1n, tableAt + 17), "an object lies nowhere"],
  ["no root", whole => whole.writeInt32LE(1, tableAt + 205), "it has no root file system"],
  ["another file system", whole => whole.writeInt32LE(2, tableAt + 201), "is no squashfs"],
  ["a damaged file system", whole => whole.fill(0, dataAt, dataAt + 96), "unsquashfs left with status"],
];
test("what is broken is refused by its reason, and nothing is left", () => {
  const good = readFileSync(makeSif());
  for (const [what, damage, why] of broken) {
    const folder = newFolder();
    const whole = Buffer.from(good);
    damage(whole);
    writeFileSync(`${folder}/x.sif`, whole);
    const refused = run(["skopeo", "--tmpdir", folder, "copy", `sif:${folder}/x.sif`, `dir:${folder}/dir`]);
    expect([what, refused.status, refused.err]).toEqual([what, 1, expect.stringContaining(why)]);
    expect(readdirSync(folder)).toEqual(["x.sif"]);
  }
});

test("without unsquashfs it says what to install", () => {
  const file = makeSif();
  const hidden = newFolder();
  for (const name of ["/usr/bin/unsquashfs"]) writeFileSync(`${hidden}/${name.split("/").at(-1)}`, "");
  const ran = run(["sh", "-c", `mount --bind ${hidden}/unsquashfs /usr/bin/unsquashfs && exec skopeo copy sif:${file} dir:${hidden}/dir`]);
  run(["umount", "/usr/bin/unsquashfs"]);
  expect(ran).toMatchObject({ status: 1, err: expect.stringContaining('cannot find program \\"unsquashfs\\"') });
});
