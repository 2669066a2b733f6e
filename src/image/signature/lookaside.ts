// Simple signatures of registry images beside the registry: in a directory, or read from a web server.
// Source: containers-registries.d(5); containers' signature access protocols.

import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { algorithmOf, hexOf } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault, errnoOf } from "../../base/fault.ts";
import type { Reference } from "../reference.ts";
import { fileFault } from "../tree.ts";
import { signatureBytesMax, signaturesMax } from "./form.ts";
import { lookasideAddress } from "./registries-d.ts";

/** In order, up to the first that is missing. @throws Fault "config.invalid" */
export async function readLookaside(reference: Reference, digest: Digest, registriesDir?: string): Promise<Uint8Array[]> {
  const base = lookasideAddress(reference, { registriesDir, isWrite: false });
  const found: Uint8Array[] = [];
  for (let number = 1; number <= signaturesMax; number++) {
    const bytes = await readOne(`${base}/${placeOf(reference, digest)}/signature-${number}`);
    if (bytes === undefined) return found;
    found.push(bytes);
  }
  throw new Fault("input.too-large", `cannot read signatures of "${digest}": more than ${signaturesMax}`);
}

const placeOf = ({ path }: Reference, digest: Digest): string => `${path}@${algorithmOf(digest)}=${hexOf(digest)}`;

async function readOne(address: string): Promise<Uint8Array | undefined> {
  if (!address.startsWith("file:")) return (await import("../../registry/lookaside.ts")).fetchBeside(address, signatureBytesMax);
  return readSignatureFile(fileURLToPath(address));
}

/** undefined where there is none. A link could lead to anything, and a pipe never end: both are refused. */
export function readSignatureFile(file: string): Uint8Array | undefined {
  const attempt = `cannot read signature ${JSON.stringify(file)}`;
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    if (errno === "ELOOP") throw new Fault("input.malformed", `${attempt}: it is a symbolic link`, { hint: "put the file itself there" });
    throw fileFault(attempt, thrown);
  }
  try {
    const stat = fstatSync(fd);
    const { size } = stat;
    if (!stat.isFile()) throw new Fault("input.malformed", `${attempt}: it is no file`);
    if (size > signatureBytesMax) throw new Fault("input.too-large", `${attempt}: larger than ${signatureBytesMax} bytes`);
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const count = readSync(fd, bytes, at, size - at, at);
      if (count === 0) throw new Fault("input.malformed", `${attempt}: it ends early`);
      at += count;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

export interface LookasideWrite {
  readonly signatures: readonly Uint8Array[];
  readonly registriesDir: string | undefined;
}

/** Adds those that are not there yet, so that no signer's work is lost. @throws Fault "usage.unsupported" where the place is a web server */
export function writeLookaside(reference: Reference, digest: Digest, { signatures, registriesDir }: LookasideWrite): void {
  const base = lookasideAddress(reference, { registriesDir, isWrite: true });
  if (!base.startsWith("file:")) {
    throw new Fault("usage.unsupported", `Writing directly to a ${base.split(":")[0]} lookaside ${base} is not supported. Configure a lookaside-staging: location`, {
      hint: "name a directory with lookaside-staging: file:///PATH in registries.d",
    });
  }
  addSignatures(fileURLToPath(`${base}/${placeOf(reference, digest)}`), signatures);
}

/** The same into a directory of the caller's. */
export const addBeside = (directory: string, { reference, digest }: { reference: Reference; digest: Digest }, signatures: readonly Uint8Array[]): void =>
  addSignatures(join(directory, placeOf(reference, digest)), signatures);

function addSignatures(directory: string, signatures: readonly Uint8Array[]): void {
  try {
    mkdirSync(directory, { recursive: true });
    for (const signature of signatures) addOne(directory, signature);
  } catch (thrown) {
    throw fileFault(`cannot write signatures to ${JSON.stringify(directory)}`, thrown);
  }
}

function addOne(directory: string, signature: Uint8Array): void {
  for (let number = 1; number <= signaturesMax; number++) {
    const file = join(directory, `signature-${number}`);
    const there = readSignatureFile(file);
    if (there === undefined) return writeNew(file, signature);
    if (Buffer.compare(there, signature) === 0) return;
  }
  throw new Fault("input.too-large", `cannot write to ${JSON.stringify(directory)}: it holds ${signaturesMax} signatures`);
}

/** "wx" follows no link. */
function writeNew(file: string, bytes: Uint8Array): void {
  const fd = openSync(file, "wx", 0o644);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  } finally {
    closeSync(fd);
  }
}
