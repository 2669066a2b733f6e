// What one tar entry says, whatever dialect it was written in.
// Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

import { Fault } from "../../base/fault.ts";

export type EntryKind = "file" | "hardlink" | "symlink" | "character" | "block" | "directory" | "fifo";

/**
 * Bytes as text, one character (0 to 255) a byte: names in archives and on disk need not be UTF-8, but must come out
 * as they went in, and must be keys. Plain ASCII reads as itself.
 */
export type ByteText = string;

export interface SparseRegion {
  readonly offset: number;
  readonly length: number;
}

export interface TarEntry {
  readonly name: ByteText;
  readonly kind: EntryKind;
  /** Permissions with setuid, setgid and sticky: the low 12 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the file on disk, holes included; 0 for all but files. */
  readonly size: number;
  readonly mtime: { readonly sec: number; readonly nsec: number };
  readonly linkName: ByteText;
  readonly device: { readonly major: number; readonly minor: number };
  /** By name, such as "security.capability". */
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
  /** Where the data lies in the file; undefined when it has no holes. */
  readonly regions: readonly SparseRegion[] | undefined;
}

export const malformed = (reason: string): Fault =>
  new Fault("layer.malformed", `cannot read the tar archive: ${reason}`, {
    hint: "make the archive or image again: this one is damaged or was written by a faulty program",
  });

export const toByteText = (bytes: Uint8Array): ByteText =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

/** For the kernel: a plain string where that is the same, else the bytes. */
export function toPath(text: ByteText): string | Uint8Array {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return Buffer.from(text, "latin1");
  return text;
}

/** For people: read as UTF-8. */
export const showName = (text: ByteText): string => Buffer.from(text, "latin1").toString("utf8").slice(0, 256);
