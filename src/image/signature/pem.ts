// PEM: labelled base64 between two lines.
// Source: RFC 7468.

import { Fault } from "../../base/fault.ts";

export interface PemBlock {
  readonly label: string;
  readonly bytes: Uint8Array;
}

const bytesMax = 1024 * 1024;

/** Every block, in order; text between them is passed over. @throws Fault "input.malformed" */
export function readPem(data: Uint8Array | string): PemBlock[] {
  if (data.length > bytesMax) throw new Fault("input.malformed", `cannot read PEM: larger than ${bytesMax} bytes`);
  const text = typeof data === "string" ? data : new TextDecoder().decode(data);
  const blocks: PemBlock[] = [];
  for (const [, label = "", body = "", end] of text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\r?\n([^-]*)-----END ([A-Z0-9 ]+)-----/g)) {
    if (label !== end) throw new Fault("input.malformed", `cannot read PEM: ${label} ends as ${end}`);
    const base64 = body.replace(/\s/g, "");
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw new Fault("input.malformed", `cannot read PEM: ${label} is not base64`);
    blocks.push({ label, bytes: new Uint8Array(Buffer.from(base64, "base64")) });
  }
  return blocks;
}

export function pemText({ label, bytes }: PemBlock): string {
  const lines = Buffer.from(bytes).toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
