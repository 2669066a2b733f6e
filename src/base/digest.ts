// Digests: "algorithm:hex", parsed strictly, computed while streaming.
// Source: OCI image-spec, descriptor.md, "Digests". Runs under Bun and under Node.

import { Fault } from "./fault.ts";

/** Such as "sha256:6c3c…": a registered algorithm and lower-case hex of its exact length. */
export type Digest = `${"sha256" | "sha384" | "sha512"}:${string}`;

const hexLengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** Whether `text` is a digest with a registered algorithm and the right number of lower-case hex digits. */
export function isDigest(text: unknown): text is Digest {
  if (typeof text !== "string" || text.length > 140) return false;
  const colon = text.indexOf(":");
  const hex = text.slice(colon + 1);
  return hexLengths[text.slice(0, colon)] === hex.length && /^[0-9a-f]+$/.test(hex);
}

/** @throws Fault "digest.malformed" */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new Fault("digest.malformed", `cannot read digest ${JSON.stringify(text.slice(0, 160))}: not ALGORITHM:HEX`, {
    hint: "write it as sha256: followed by 64 hexadecimal digits",
  });
}

export const algorithmOf = (digest: Digest): string => digest.slice(0, digest.indexOf(":"));
export const hexOf = (digest: Digest): string => digest.slice(digest.indexOf(":") + 1);

/** A running hash. */
export interface Hasher {
  update(bytes: Uint8Array | string): void;
  /** Ends the hash; call once. */
  digest(): Digest;
}

interface RawHash {
  update(bytes: Uint8Array | string): unknown;
  digest(encoding: "hex"): string;
}

/** A streaming hash, by Bun's own hasher where there is one (a tenth of node:crypto's loading time). */
export function newHasher(algorithm = "sha256"): Hasher {
  const bun = (globalThis as { Bun?: { CryptoHasher: new (name: string) => RawHash } }).Bun;
  const raw: RawHash = bun
    ? new bun.CryptoHasher(algorithm)
    : process.getBuiltinModule("node:crypto").createHash(algorithm);
  return {
    update: bytes => void raw.update(bytes),
    digest: () => `${algorithm}:${raw.digest("hex")}` as Digest,
  };
}

/** As newHasher, on Node versions without process.getBuiltinModule too (before 20.16). */
export async function loadHasher(algorithm = "sha256"): Promise<Hasher> {
  if ("Bun" in globalThis || "getBuiltinModule" in process) return newHasher(algorithm);
  const raw: RawHash = (await import("node:crypto")).createHash(algorithm);
  return {
    update: bytes => void raw.update(bytes),
    digest: () => `${algorithm}:${raw.digest("hex")}` as Digest,
  };
}

export function digestOf(bytes: Uint8Array | string, algorithm = "sha256"): Digest {
  const hasher = newHasher(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}
