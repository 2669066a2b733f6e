// What the reader makes of archives by GNU tar, by our writer, and of broken ones.

import { expect, test } from "bun:test";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { spawnSync } from "../../base/spawn.ts";
import { toByteText, type TarEntry } from "./entry.ts";
import { TarReader } from "./reader.ts";
import { tarEnd, tarHeader, tarPadding, type WrittenEntry } from "./writer.ts";

interface Seen { entry: TarEntry; data: Uint8Array }

function read(archive: Uint8Array, step = archive.length): Seen[] {
  const seen: Seen[] = [];
  const reader = new TarReader({
    entry: entry => void seen.push({ entry, data: new Uint8Array(entry.size) }),
    data: (bytes, offset) => seen.at(-1)!.data.set(bytes, offset),
    done: () => {},
  });
  for (let at = 0; at < archive.length; at += step) reader.push(archive.subarray(at, at + step));
  reader.end();
  return seen;
}

const plain: WrittenEntry = {
  name: "a", kind: "file", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: { sec: 0, nsec: 0 }, linkName: "",
  device: { major: 0, minor: 0 }, xattrs: undefined,
};

function archiveOf(...entries: [Partial<WrittenEntry>, string?][]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [fields, text = ""] of entries) {
    const data = Buffer.from(text);
    parts.push(tarHeader({ ...plain, ...fields, size: data.length }), data, tarPadding(data.length));
  }
  return Buffer.concat([...parts, tarEnd()]);
}

function withDirectory(act: (directory: string) => void): void {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "coracle-tar-"));
  try {
    act(directory);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

const binary = new Uint8Array([0, 1, 0x0a, 0x3d, 255]);
const hard: Partial<WrittenEntry>[] = [
  { name: "x".repeat(100) },
  { name: `${"d/".repeat(70)}${"n".repeat(90)}` },
  { name: "n".repeat(255), mode: 0o4755 },
  { name: toByteText(Buffer.from("grüße \xff.txt", "utf8")), uid: 3_000_000, gid: 2 ** 31 },
  { name: "bytes\xff\xfe", mtime: { sec: -2, nsec: 500_000_000 } },
  { name: "old", mtime: { sec: -7, nsec: 0 } },
  { name: "nano", mtime: { sec: 1_700_000_000, nsec: 123_456_789 } },
  { name: "caps", xattrs: new Map([["user.b", binary], ["security.capability", binary]]) },
  { name: "dir/", kind: "directory", mode: 0o1777 },
  { name: "soft", kind: "symlink", linkName: `/${"t".repeat(200)}` },
  { name: "hard", kind: "hardlink", linkName: "caps" },
  { name: "null", kind: "character", device: { major: 1, minor: 3 } },
  { name: "pipe", kind: "fifo" },
];

for (const step of [1, 7, 512, 100_000]) {
  test(`what is written is read back, in chunks of ${step}`, () => {
    const seen = read(archiveOf(...hard.map((fields): [Partial<WrittenEntry>, string?] => [fields])), step);
    expect(seen.map(({ entry }) => entry)).toEqual(hard.map(fields => ({ ...plain, ...fields, regions: undefined })));
  });
}

test("data comes whole, whatever the chunks", () => {
  const text = "0123456789".repeat(333);
  for (const step of [1, 511, 513, 9000]) {
    const seen = read(archiveOf([{ name: "f" }, text], [{ name: "g" }, "end"]), step);
    expect(seen.map(({ data }) => Buffer.from(data).toString())).toEqual([text, "end"]);
  }
});

for (const format of ["gnu", "pax", "ustar", "v7", "oldgnu"]) {
  test(`GNU tar's ${format} archives are read`, () => withDirectory(directory => {
    const deep = path.join(directory, format === "v7" ? "deep" : "deep/".repeat(25));
    fs.mkdirSync(deep, { recursive: true });
    fs.writeFileSync(path.join(deep, "file"), "content");
    fs.symlinkSync("target", path.join(directory, "soft"));
    fs.linkSync(path.join(deep, "file"), path.join(directory, "hard"));
    const made = spawnSync(["tar", `--format=${format}`, "--sort=name", "-C", directory, "-cf", "-", "."]);
    const seen = read(made.stdout, 1000);
    const names = seen.map(({ entry }) => entry.name.replace(/^\.\//, ""));
    expect(names).toContain("soft");
    expect(names.some(name => name.endsWith("deep/file"))).toBe(true);
    expect(seen.find(({ entry }) => entry.kind === "file")!.data).toEqual(Buffer.from("content") as Uint8Array);
    expect(seen.filter(({ entry }) => entry.kind === "hardlink").length).toBe(1);
  }));
}

for (const form of ["--format=gnu", "--format=pax --sparse-version=0.0", "--format=pax --sparse-version=0.1", "--format=pax --sparse-version=1.0"]) {
  test(`holes come out where they were: ${form}`, () => withDirectory(directory => {
    const file = path.join(directory, "holes");
    const fd = fs.openSync(file, "w");
    for (let index = 0; index < 40; index++) fs.writeSync(fd, `part ${index}`, index * 1_000_000);
    fs.ftruncateSync(fd, 50_000_000);
    fs.closeSync(fd);
    const made = spawnSync(["tar", "-S", ...form.split(" "), "-C", directory, "-cf", "-", "holes"]);
    expect(made.stdout.length).toBeLessThan(1_000_000);
    const [seen] = read(made.stdout, 700);
    expect(seen!.entry.name).toBe("holes");
    expect(Buffer.compare(seen!.data, fs.readFileSync(file))).toBe(0);
  }));
}

test("GNU tar lists what the writer has written", () => {
  const archive = archiveOf(...hard.map((fields): [Partial<WrittenEntry>, string?] => [fields]));
  const listed = spawnSync(["tar", "-tf", "-"], { stdin: archive });
  expect(listed.complaint()).toBe("");
  expect(listed.text().trim().split("\n").length).toBe(hard.length);
});

function damaged(at: number, byte: number): Uint8Array {
  const archive = archiveOf([{ name: "f" }, "data"]);
  archive[at] = byte;
  return archive;
}

const good = archiveOf([{ name: "f" }, "data"]);
const broken: Record<string, Uint8Array> = {
  "a flipped byte in a header": damaged(3, 9),
  "an end inside a header": good.subarray(0, 300),
  "an end inside data": good.subarray(0, 514),
  "a long name without its entry": archiveOf([{ name: "n".repeat(255) }]).subarray(0, 1024),
  "noise": new Uint8Array(2048).fill(0x41),
  "a broken pax record": (() => {
    const archive = archiveOf([{ name: "n".repeat(255) }]);
    archive[512] = 0x78;
    return archive;
  })(),
};
for (const [what, archive] of Object.entries(broken)) {
  test(`refused: ${what}`, () => {
    expect(() => read(archive)).toThrow(expect.objectContaining({ code: "layer.malformed" }));
  });
}

test("a huge extended header is refused before it is gathered", () => {
  const archive = archiveOf([{ name: "n".repeat(255) }]);
  const header = Buffer.from(archive.subarray(0, 512));
  header.write("77777777777", 124, "latin1");
  header.fill(0x20, 148, 156);
  header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  expect(() => read(header)).toThrow(expect.objectContaining({ code: "layer.malformed" }));
});
