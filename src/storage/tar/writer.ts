// Writes tar entries as every reader takes them: ustar, with pax records only where ustar cannot say it.
// Source: POSIX.1-2017 pax, "ustar Interchange Format", "pax Extended Header". The same input gives the same bytes.

import { type ByteText, type EntryKind, type TarEntry } from "./entry.ts";
import { blockBytes } from "./header.ts";

const flags: Readonly<Record<EntryKind, number>> = {
  file: 0x30, hardlink: 0x31, symlink: 0x32, character: 0x33, block: 0x34, directory: 0x35, fifo: 0x36,
};

/** Two zero blocks end an archive. */
export const tarEnd = (): Uint8Array => new Uint8Array(2 * blockBytes);

/** The zeros after `size` bytes of data. */
export const tarPadding = (size: number): Uint8Array => new Uint8Array((blockBytes - (size % blockBytes)) % blockBytes);

/** What an entry needs; holes are not kept, so `size` bytes of data must follow for a file. */
export type WrittenEntry = Omit<TarEntry, "regions">;

/** The header blocks of one entry, to be followed by its data and `tarPadding`. */
export function tarHeader(entry: WrittenEntry): Uint8Array {
  const name = entry.kind === "directory" && !entry.name.endsWith("/") ? `${entry.name}/` : entry.name;
  const pax = paxRecords(entry, name);
  const own = block(entry, name);
  if (pax.length === 0) return own;
  const padded = Math.ceil(pax.length / blockBytes) * blockBytes;
  const blocks = new Uint8Array(blockBytes + padded + blockBytes);
  blocks.set(paxBlock(name, pax.length));
  blocks.set(pax, blockBytes);
  blocks.set(own, blockBytes + padded);
  return blocks;
}

const octalMax = (digits: number): number => 8 ** digits - 1;

function paxRecords(entry: WrittenEntry, name: ByteText): Uint8Array {
  const records: Uint8Array[] = [];
  const add = (key: string, value: string | Uint8Array): void => void records.push(record(key, value));
  if (splitName(name) === undefined || !isAscii(name)) add("path", Buffer.from(name, "latin1"));
  if (entry.linkName.length > 100 || !isAscii(entry.linkName)) add("linkpath", Buffer.from(entry.linkName, "latin1"));
  if (entry.size > octalMax(11)) add("size", String(entry.size));
  if (entry.uid > octalMax(7)) add("uid", String(entry.uid));
  if (entry.gid > octalMax(7)) add("gid", String(entry.gid));
  const { sec, nsec } = entry.mtime;
  if (nsec !== 0 || sec < 0 || sec > octalMax(11)) add("mtime", decimalTime(sec, nsec));
  for (const key of [...(entry.xattrs?.keys() ?? [])].sort()) add(`SCHILY.xattr.${key}`, entry.xattrs!.get(key)!);
  return Buffer.concat(records);
}

function decimalTime(sec: number, nsec: number): string {
  const negative = sec < 0;
  const whole = negative && nsec > 0 ? -sec - 1 : Math.abs(sec);
  const rest = negative && nsec > 0 ? 1_000_000_000 - nsec : nsec;
  const fraction = rest === 0 ? "" : `.${String(rest).padStart(9, "0").replace(/0+$/, "")}`;
  return `${negative ? "-" : ""}${whole}${fraction}`;
}

/** The length counts its own digits. */
function record(key: string, value: string | Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from("\n")]);
  let length = body.length + String(body.length).length;
  if (body.length + String(length).length > length) length++;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

function block(entry: WrittenEntry, name: ByteText): Uint8Array {
  const bytes = Buffer.alloc(blockBytes);
  const split = splitName(name) ?? { prefix: "", base: name.slice(0, 100) };
  bytes.write(split.base, 0, 100, "latin1");
  octal(bytes, 100, 7, entry.mode);
  octal(bytes, 108, 7, Math.min(entry.uid, octalMax(7)));
  octal(bytes, 116, 7, Math.min(entry.gid, octalMax(7)));
  octal(bytes, 124, 11, entry.size > octalMax(11) ? 0 : entry.size);
  octal(bytes, 136, 11, entry.mtime.sec < 0 || entry.mtime.sec > octalMax(11) ? 0 : entry.mtime.sec);
  bytes[156] = flags[entry.kind];
  bytes.write(entry.linkName.slice(0, 100), 157, 100, "latin1");
  if (entry.kind === "character" || entry.kind === "block") {
    octal(bytes, 329, 7, entry.device.major);
    octal(bytes, 337, 7, entry.device.minor);
  }
  bytes.write(split.prefix, 345, 155, "latin1");
  return seal(bytes);
}

function paxBlock(name: ByteText, size: number): Uint8Array {
  const bytes = Buffer.alloc(blockBytes);
  const last = name.replace(/\/+$/, "").slice(name.replace(/\/+$/, "").lastIndexOf("/") + 1);
  bytes.write(`PaxHeaders.0/${last}`.slice(0, 100), 0, 100, "latin1");
  octal(bytes, 100, 7, 0o644);
  for (const [at, digits] of [[108, 7], [116, 7], [136, 11]] as const) octal(bytes, at, digits, 0);
  octal(bytes, 124, 11, size);
  bytes[156] = 0x78;
  return seal(bytes);
}

function seal(bytes: Buffer): Uint8Array {
  bytes.write("ustar\x0000", 257, 8, "latin1");
  bytes.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8, "latin1");
  return bytes;
}

function octal(bytes: Buffer, at: number, digits: number, value: number): void {
  bytes.write(value.toString(8).padStart(digits, "0"), at, digits, "latin1");
}

function isAscii(text: ByteText): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

/** As ustar keeps a name: at most 100 bytes, or a prefix of at most 155 before a slash. */
function splitName(name: ByteText): { prefix: ByteText; base: ByteText } | undefined {
  if (name.length <= 100) return { prefix: "", base: name };
  const slash = name.indexOf("/", name.length - 101);
  if (slash <= 0 || slash > 155 || slash === name.length - 1) return undefined;
  return { prefix: name.slice(0, slash), base: name.slice(slash + 1) };
}
