// Files by name, in a directory or inside a tar archive: what the oci, dir and docker-archive transports read from.
// Source: POSIX.1-2001 pax and ustar, GNU tar's long names, as far as names, sizes and links go.

import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { givenAway } from "../base/garbage.ts";
import { Fault, errnoOf, systemFault, reasonOf } from "../base/fault.ts";
import type { FilePart } from "../base/file-part.ts";
import { limits } from "../base/limits.ts";

export interface Tree {
  readonly path: string;
  has(name: string): boolean;
  /** Bytes of a file; undefined where there is none. */
  size(name: string): number | undefined;
  /** Where the file lies by itself. Absent: it is a part of an archive. */
  pathOf?(name: string): string;
  /** Where its bytes lie in a file of the disk. @throws Fault "image.malformed" where it is missing */
  partOf(name: string): FilePart;
  /** @throws Fault "image.malformed" where it is missing or larger than `bytesMax` */
  read(name: string, bytesMax: number): Uint8Array;
  stream(name: string, offset?: number): AsyncIterable<Uint8Array>;
  close(): void;
}

const chunkBytes = 256 * 1024;

export function fileFault(attempt: string, thrown: unknown): unknown {
  const errno = errnoOf(thrown);
  if (errno === undefined || thrown instanceof Fault) return thrown;
  return systemFault(errno, `${attempt}: ${reasonOf(thrown)}`, thrown);
}

function open(path: string): number {
  try {
    return openSync(path, "r");
  } catch (thrown) {
    throw fileFault(`cannot open ${JSON.stringify(path)}`, thrown);
  }
}

/** A file's bytes in pieces; `end` is exclusive. */
async function* pieces(path: string, start: number, end: number): AsyncIterable<Uint8Array> {
  const fd = open(path);
  try {
    for (let at = start; at < end;) {
      const piece = new Uint8Array(Math.min(chunkBytes, end - at));
      const count = readSync(fd, piece, 0, piece.length, at);
      if (count === 0) throw new Fault("image.malformed", `cannot read ${JSON.stringify(path)}: it ends early`);
      at += count;
      yield count === piece.length ? givenAway(piece) : piece.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

function readPart(path: string, start: number, end: number): Uint8Array {
  const fd = open(path);
  try {
    const bytes = new Uint8Array(end - start);
    let at = 0;
    while (at < bytes.length) {
      const count = readSync(fd, bytes, at, bytes.length - at, start + at);
      if (count === 0) throw new Fault("image.malformed", `cannot read ${JSON.stringify(path)}: it ends early`);
      at += count;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

const missing = (path: string, name: string): Fault =>
  new Fault("image.malformed", `cannot read ${JSON.stringify(path)}: it has no file ${JSON.stringify(name.slice(0, 200))}`);

function bounded(size: number, bytesMax: number, { path, name }: { path: string; name: string }): void {
  if (size <= bytesMax) return;
  throw new Fault("image.malformed", `cannot read ${JSON.stringify(name)} of ${JSON.stringify(path)}: larger than ${bytesMax} bytes`);
}

/** @throws Fault "system.not-found" where it is no directory */
export function directoryTree(path: string): Tree {
  try {
    if (!statSync(path).isDirectory()) throw new Fault("image.malformed", `cannot open ${JSON.stringify(path)}: not a directory`);
  } catch (thrown) {
    throw fileFault(`cannot open ${JSON.stringify(path)}`, thrown);
  }
  const size = (name: string): number | undefined => {
    const stat = statSync(join(path, name), { throwIfNoEntry: false });
    return stat?.isFile() ? stat.size : undefined;
  };
  const need = (name: string): number => {
    const bytes = size(name);
    if (bytes === undefined) throw missing(path, name);
    return bytes;
  };
  return {
    path,
    has: name => size(name) !== undefined,
    size,
    pathOf: name => join(path, name),
    partOf: name => ({ path: join(path, name), start: 0, bytes: need(name) }),
    read(name, bytesMax) {
      const bytes = need(name);
      bounded(bytes, bytesMax, { path, name });
      return readPart(join(path, name), 0, bytes);
    },
    stream: (name, offset = 0) => pieces(join(path, name), offset, need(name)),
    close() {},
  };
}

interface Member {
  readonly start: number;
  readonly size: number;
  readonly link: string | undefined;
}

const memberCountMax = 100_000;
const linkHopsMax = 8;

/**
 * An uncompressed tar file, its members found by one pass over the headers.
 *
 * @throws Fault "image.malformed"
 */
export function archiveTree(path: string): Tree {
  const members = readMembers(path);
  const find = (name: string): Member | undefined => {
    let at = plainName(name);
    for (let hops = 0; hops < linkHopsMax; hops++) {
      const member = members.get(at);
      if (member?.link === undefined) return member;
      at = plainName(member.link.startsWith("/") ? member.link : join(at, "..", member.link));
    }
    return undefined;
  };
  const need = (name: string): Member => {
    const member = find(name);
    if (!member) throw missing(path, name);
    return member;
  };
  return {
    path,
    has: name => find(name) !== undefined,
    size: name => find(name)?.size,
    read(name, bytesMax) {
      const { start, size } = need(name);
      bounded(size, bytesMax, { path, name });
      return readPart(path, start, start + size);
    },
    partOf(name) {
      const { start, size } = need(name);
      return { path, start, bytes: size };
    },
    stream(name, offset = 0) {
      const { start, size } = need(name);
      return pieces(path, start + offset, start + size);
    },
    close() {},
  };
}

const plainName = (name: string): string => join("/", name).slice(1);

const notTar = (path: string, why: string): Fault =>
  new Fault("image.malformed", `cannot read archive ${JSON.stringify(path)}: ${why}`);

function readMembers(path: string): Map<string, Member> {
  const members = new Map<string, Member>();
  const fd = open(path);
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw notTar(path, "is a directory");
    const header = new Uint8Array(512);
    let extra: { name?: string; link?: string; size?: number } = {};
    for (let at = 0; at + 512 <= stat.size;) {
      if (readSync(fd, header, 0, 512, at) !== 512) throw notTar(path, "it ends early");
      if (header.every(byte => byte === 0)) break;
      if (!checksumHolds(header)) throw notTar(path, "not a tar archive");
      const type = String.fromCharCode(header[156]!);
      const size = extra.size ?? numberField(header, 124, 12);
      const start = at + 512;
      if (!Number.isSafeInteger(size) || size < 0 || start + size > stat.size) throw notTar(path, "a member goes past the end");
      at = start + Math.ceil(size / 512) * 512;
      if (type === "x" || type === "L" || type === "K") {
        extra = { ...extra, ...readExtra(fd, { type, start, size, path }) };
        continue;
      }
      if (type === "g") continue;
      const name = plainName(extra.name ?? headerName(header));
      const link = extra.link ?? textField(header, 157, 100);
      extra = {};
      if (members.size >= memberCountMax) throw notTar(path, `more than ${memberCountMax} members`);
      if (type === "0" || type === "\0" || type === "7") members.set(name, { start, size, link: undefined });
      else if (type === "2") members.set(name, { start, size: 0, link });
      else if (type === "1") members.set(name, { start, size: 0, link: `/${link}` });
    }
    if (members.size === 0) throw notTar(path, "not a tar archive");
    return members;
  } finally {
    closeSync(fd);
  }
}

interface Extra {
  readonly type: string;
  readonly start: number;
  readonly size: number;
  readonly path: string;
}

function readExtra(fd: number, { type, start, size, path }: Extra): { name?: string; link?: string; size?: number } {
  if (size > limits.paxHeaderBytesMax) throw notTar(path, "an extended header is too large");
  const bytes = new Uint8Array(size);
  if (readSync(fd, bytes, 0, size, start) !== size) throw notTar(path, "it ends early");
  const text = new TextDecoder().decode(bytes);
  if (type === "L") return { name: text.replace(/\0.*$/s, "") };
  if (type === "K") return { link: text.replace(/\0.*$/s, "") };
  const found: { name?: string; link?: string; size?: number } = {};
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(new TextDecoder().decode(bytes.subarray(at, space)));
    if (space < 0 || !Number.isSafeInteger(length) || length < 5 || at + length > bytes.length) {
      throw notTar(path, "a broken extended header");
    }
    const record = new TextDecoder().decode(bytes.subarray(space + 1, at + length - 1));
    const equals = record.indexOf("=");
    const value = record.slice(equals + 1);
    if (record.startsWith("path=")) found.name = value;
    if (record.startsWith("linkpath=")) found.link = value;
    if (record.startsWith("size=")) found.size = Number(value);
    at += length;
  }
  return found;
}

function textField(header: Uint8Array, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function headerName(header: Uint8Array): string {
  const isUstar = textField(header, 257, 6) === "ustar";
  const prefix = isUstar ? textField(header, 345, 155) : "";
  const name = textField(header, 0, 100);
  return prefix === "" ? name : `${prefix}/${name}`;
}

function numberField(header: Uint8Array, start: number, length: number): number {
  const first = header[start]!;
  if (first & 0x80) {
    let value = first & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + header[start + i]!;
    return value;
  }
  const text = textField(header, start, length).trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || "0", 8) : Number.NaN;
}

function checksumHolds(header: Uint8Array): boolean {
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 0x20 : header[i]!;
  return numberField(header, 148, 8) === sum;
}
