// A Singularity image file: a header, a table of descriptors, and the objects they lead to.
// Source: Sylabs' SIF format, version 01.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { fileFault } from "../tree.ts";

export interface SifFile {
  /** As Go names it. */
  readonly architecture: string;
  readonly id: string;
  readonly modifiedMs: number;
  /** Where the root file system lies in the file. */
  readonly root: { readonly offset: number; readonly size: number };
  /** The text it was built by, where it has one. */
  readonly definition: string | undefined;
}

const headerBytes = 128;
const descriptorBytes = 585;
const descriptorsMax = 4096;
const definitionBytesMax = 1024 * 1024;
const kinds = { definition: 0x4001, partition: 0x4004 } as const;
const squashfs = 1;
const primarySystem = 2;
const architectures: Readonly<Record<string, string>> = {
  "01": "386", "02": "amd64", "03": "arm", "04": "arm64", "05": "ppc64", "06": "ppc64le", "07": "mips", "08": "mipsle", "09": "mips64",
  "10": "mips64le", "11": "s390x", "12": "riscv64",
};

interface Found {
  readonly kind: number;
  readonly offset: number;
  readonly size: number;
  readonly extra: DataView;
}

/** @throws Fault "image.malformed", "image.unsupported", "system.*" */
export function readSif(path: string): SifFile {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    return read(fd, path);
  } catch (thrown) {
    throw fileFault(`cannot open ${JSON.stringify(path)}`, thrown);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function read(fd: number, path: string): SifFile {
  const broken = (why: string): Fault => new Fault("image.malformed", `cannot read SIF ${JSON.stringify(path)}: ${why}`);
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw broken("not a file");
  const header = part(fd, 0, headerBytes);
  if (header === undefined || textAt(header, 32, 10) !== "SIF_MAGIC") throw broken("it does not begin as one");
  if (textAt(header, 42, 3) !== "01") throw broken(`its version is ${JSON.stringify(textAt(header, 42, 3))}, not "01"`);
  const view = viewOf(header);
  const [count, at, size] = [88, 96, 104].map(offset => wholeAt(view, offset));
  if (count === undefined || at === undefined || size === undefined || count > descriptorsMax || size > descriptorsMax * descriptorBytes) throw broken("its table of objects is too large");
  const table = part(fd, at, Math.min(size, count * descriptorBytes));
  if (table === undefined) throw broken("its table of objects goes past the end");
  const found = descriptors(table);
  for (const one of found) if (one.offset + one.size > stat.size) throw broken("an object goes past the end");
  const root = found.find(one => one.kind === kinds.partition && one.extra.getInt32(4, true) === primarySystem);
  if (root === undefined) throw broken("it has no root file system");
  if (root.extra.getInt32(0, true) !== squashfs) throw new Fault("image.unsupported", `cannot read SIF ${JSON.stringify(path)}: its root file system is no squashfs`);
  return {
    architecture: architectures[textAt(header, 45, 3)] ?? "unknown",
    id: uuid(header.subarray(48, 64)),
    modifiedMs: Math.min(Math.max(0, (wholeAt(view, 72) ?? 0) * 1000), 253_402_300_799_000),
    root: { offset: root.offset, size: root.size },
    definition: definitionOf(fd, found),
  };
}

function definitionOf(fd: number, found: readonly Found[]): string | undefined {
  const one = found.find(({ kind }) => kind === kinds.definition);
  if (one === undefined) return undefined;
  if (one.size > definitionBytesMax) throw new Fault("image.malformed", `cannot read SIF: its definition is larger than ${definitionBytesMax} bytes`);
  return new TextDecoder().decode(part(fd, one.offset, one.size));
}

function descriptors(table: Uint8Array): Found[] {
  const found: Found[] = [];
  for (let at = 0; at + descriptorBytes <= table.length; at += descriptorBytes) {
    const view = viewOf(table.subarray(at, at + descriptorBytes));
    const [offset, size] = [wholeAt(view, 17), wholeAt(view, 25)];
    if (view.getUint8(4) === 0) continue;
    if (offset === undefined || size === undefined) throw new Fault("image.malformed", "cannot read SIF: an object lies nowhere");
    found.push({ kind: view.getInt32(0, true), offset, size, extra: new DataView(view.buffer, view.byteOffset + 201, 384) });
  }
  return found;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** undefined where it is negative or beyond what a number holds exactly. */
function wholeAt(view: DataView, at: number): number | undefined {
  const value = Number(view.getBigInt64(at, true));
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

const textAt = (bytes: Uint8Array, at: number, length: number): string =>
  new TextDecoder("latin1").decode(bytes.subarray(at, at + length)).replace(/\0.*$/s, "");

function part(fd: number, at: number, size: number): Uint8Array | undefined {
  const bytes = new Uint8Array(size);
  let done = 0;
  while (done < size) {
    const count = readSync(fd, bytes, done, size - done, at + done);
    if (count === 0) return undefined;
    done += count;
  }
  return bytes;
}

function uuid(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
