// tar-split: all of a tar stream but the files' data, as JSON lines, so that the very stream can be made again from a tree.
// Source: the format of vbatts/tar-split, "tar/storage": entries of type 1 (file) and 2 (segment), CRC-64 of each file.

import { asRecord, findText, malformed, needWhole, parseJson } from "../../base/shape.ts";
import type { Subject } from "../../base/shape.ts";

/** CRC-64 by the ISO polynomial, whose table has nothing in its low half. */
export class Crc64 {
  #high = 0xffffffff;
  #low = 0xffffffff;
  readonly #table = isoTable();

  update(bytes: Uint8Array): void {
    let [high, low] = [this.#high, this.#low];
    const table = this.#table;
    for (let at = 0; at < bytes.length; at++) {
      const index = (low ^ bytes[at]!) & 0xff;
      low = (low >>> 8) | (high << 24);
      high = (high >>> 8) ^ table[index]!;
    }
    this.#high = high;
    this.#low = low;
  }

  /** Eight bytes, the highest first. */
  digest(): Uint8Array {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, ~this.#high >>> 0);
    view.setUint32(4, ~this.#low >>> 0);
    return bytes;
  }
}

let madeTable: Uint32Array | undefined;

function isoTable(): Uint32Array {
  madeTable ??= Uint32Array.from({ length: 256 }, (_, index) => {
    let [high, low] = [0, index];
    for (let bit = 0; bit < 8; bit++) {
      const carry = low & 1;
      low = (low >>> 1) | (high << 31);
      high = (high >>> 1) ^ (carry ? 0xd8000000 : 0);
    }
    return high >>> 0;
  });
  return madeTable;
}

export const segmentLine = (position: number, raw: Uint8Array): string =>
  `${JSON.stringify({ type: 2, payload: Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString("base64"), position })}\n`;

export const fileLine = (position: number, file: { readonly name: string; readonly size: number; readonly crc: Uint8Array | undefined }): string =>
  `${JSON.stringify({
    type: 1,
    name: file.name,
    ...(file.size > 0 ? { size: file.size } : {}),
    payload: file.crc === undefined ? null : Buffer.from(file.crc).toString("base64"),
    position,
  })}\n`;

export type SplitEntry =
  | { readonly kind: "segment"; readonly raw: Uint8Array }
  /** `name` as bytes; `size` 0 brings no data. */
  | { readonly kind: "file"; readonly name: Buffer; readonly size: number };

const subject: Subject = { what: "tar-split data", code: "image.malformed" };
const lineBytesMax = 64 * 1024 * 1024;

/** The entries of inflated tar-split data. @throws Fault "image.malformed" */
export async function* splitEntries(pieces: AsyncIterable<Uint8Array>): AsyncIterable<SplitEntry> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const piece of pieces) {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let at = 0;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a, at)) {
      yield entryOf(rest.subarray(at, end));
      at = end + 1;
    }
    rest = rest.slice(at);
    if (rest.length > lineBytesMax) throw malformed(subject, "an entry is too long");
  }
  if (rest.length > 0) yield entryOf(rest);
}

function entryOf(line: Uint8Array): SplitEntry {
  const fields = asRecord(parseJson(line, subject, lineBytesMax), subject);
  const payload = findText(fields, "payload", subject) ?? "";
  if (fields["type"] === 2) return { kind: "segment", raw: Buffer.from(payload, "base64") };
  if (fields["type"] !== 1) throw malformed(subject, "an entry of an unknown type");
  const raw = findText(fields, "name_raw", subject);
  const name = raw ? Buffer.from(raw, "base64") : Buffer.from(findText(fields, "name", subject) ?? "", "utf8");
  return { kind: "file", name, size: fields["size"] === undefined ? 0 : needWhole(fields, "size", subject) };
}
