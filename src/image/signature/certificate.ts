// X.509 certificates of signers: read, and followed up to a trusted root as of a moment.
// Source: RFC 5280; Fulcio's docs/oid-info.md for the issuer of the signer's identity.

import { X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import { derItems, derTags, expect, oidText, readOneDer } from "./der.ts";
import type { DerValue } from "./der.ts";
import { readPem } from "./pem.ts";

export interface Certificate {
  readonly x509: X509Certificate;
  readonly isAuthority: boolean;
  /** Authorities allowed below it; undefined: any number. */
  readonly pathLengthMax: number | undefined;
  /** Whether its key usage, where it states any, allows signing certificates. */
  readonly maySignCertificates: boolean;
  /** Dotted; [] where it may be used for anything. */
  readonly extendedUsages: readonly string[];
  readonly emails: readonly string[];
  readonly hostNames: readonly string[];
  /** Critical extensions that are not understood here. */
  readonly unknownCritical: readonly string[];
  /** By dotted name, the raw value. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

const ids = { basicConstraints: "2.5.29.19", keyUsage: "2.5.29.15", extendedUsage: "2.5.29.37", otherNames: "2.5.29.17" } as const;
const codeSigning = "1.3.6.1.5.5.7.3.3";
const anyUsage = "2.5.29.37.0";
const certificatesMax = 64;
const chainLengthMax = 8;

/** @throws Fault "input.malformed" */
export function readCertificates(pem: Uint8Array | string): Certificate[] {
  const blocks = readPem(pem).filter(({ label }) => label === "CERTIFICATE");
  if (blocks.length > certificatesMax) throw new Fault("input.malformed", `cannot read certificates: more than ${certificatesMax}`);
  return blocks.map(({ bytes }) => readCertificate(bytes));
}

export function readCertificate(bytes: Uint8Array): Certificate {
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(bytes);
  } catch (cause) {
    throw new Fault("input.malformed", `cannot read certificate: ${(cause as Error).message}`, { cause });
  }
  const extensions = new Map<string, Uint8Array>();
  const unknownCritical: string[] = [];
  for (const { id, isCritical, value } of extensionsOf(bytes)) {
    if (extensions.has(id)) throw new Fault("input.malformed", `cannot read certificate: extension ${id} stands twice`);
    extensions.set(id, value);
    if (isCritical && !(Object.values(ids) as string[]).includes(id)) unknownCritical.push(id);
  }
  const constraints = extensions.has(ids.basicConstraints) ? derItems(readOneDer(extensions.get(ids.basicConstraints)!).content) : [];
  const names = extensions.has(ids.otherNames) ? derItems(readOneDer(extensions.get(ids.otherNames)!).content) : [];
  const usages = extensions.has(ids.extendedUsage) ? derItems(readOneDer(extensions.get(ids.extendedUsage)!).content) : [];
  const pathLength = constraints.find(({ tag }) => tag === derTags.integer);
  return {
    x509,
    isAuthority: constraints[0]?.tag === derTags.boolean && constraints[0].content[0] !== 0,
    pathLengthMax: pathLength === undefined ? undefined : (pathLength.content.length === 1 ? pathLength.content[0] : 0),
    maySignCertificates: maySign(extensions.get(ids.keyUsage)),
    extendedUsages: usages.map(oidText),
    emails: names.filter(({ tag }) => tag === 0x81).map(({ content }) => new TextDecoder().decode(content)),
    hostNames: names.filter(({ tag }) => tag === 0x82).map(({ content }) => new TextDecoder().decode(content)),
    unknownCritical,
    extensions,
  };
}

/** Bit 5 of the key usage is keyCertSign. */
const maySign = (usage: Uint8Array | undefined): boolean =>
  usage === undefined || ((expect(readOneDer(usage), derTags.bitString).content[1] ?? 0) & 0x04) !== 0;

function extensionsOf(bytes: Uint8Array): { id: string; isCritical: boolean; value: Uint8Array }[] {
  const [signed] = derItems(expect(readOneDer(bytes), derTags.sequence).content);
  const list = derItems(expect(signed, derTags.sequence).content).find(({ tag }) => tag === 0xa3);
  if (list === undefined) return [];
  return derItems(expect(readOneDer(list.content), derTags.sequence).content).map((extension: DerValue) => {
    const parts = derItems(extension.content);
    const isCritical = parts[1]?.tag === derTags.boolean && parts[1].content[0] !== 0;
    return { id: oidText(expect(parts[0], derTags.oid)), isCritical, value: expect(parts.at(-1), derTags.octetString).content };
  });
}

export interface Trust {
  readonly roots: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** The key of a certificate for signing code that leads to a root. @throws Fault "policy.rejected" */
export function trustedKey(leaf: Certificate, trust: Trust): KeyObject {
  const reason = refusal(leaf, trust, 0);
  if (reason === undefined) return leaf.x509.publicKey;
  throw new Fault("policy.rejected", `verifying leaf certificate failed: ${reason}`);
}

/** undefined where a chain holds from here up to a root. `depth`: authorities passed so far. */
function refusal(one: Certificate, trust: Trust, depth: number): string | undefined {
  const own = ownRefusal(one, trust.atMs);
  if (own !== undefined) return own;
  let reason = "certificate signed by unknown authority";
  for (const [candidates, isRoot] of [[trust.roots, true], [trust.intermediates, false]] as const) {
    for (const parent of candidates) {
      if (!isSignedBy(one, parent)) continue;
      const wrong = authorityRefusal(parent, depth) ?? (isRoot ? ownRefusal(parent, trust.atMs) : upwards(parent, trust, depth));
      if (wrong === undefined) return undefined;
      reason = wrong;
    }
  }
  return reason;
}

const upwards = (parent: Certificate, trust: Trust, depth: number): string | undefined =>
  depth + 1 >= chainLengthMax ? "the chain is too long" : refusal(parent, trust, depth + 1);

function isSignedBy(one: Certificate, parent: Certificate): boolean {
  try {
    return one.x509.checkIssued(parent.x509) && one.x509.verify(parent.x509.publicKey);
  } catch {
    return false;
  }
}

function authorityRefusal(parent: Certificate, depth: number): string | undefined {
  if (!parent.isAuthority || !parent.maySignCertificates) return "issuer is not authorized to sign certificates";
  return parent.pathLengthMax !== undefined && depth > parent.pathLengthMax ? "too many intermediates for path length constraint" : undefined;
}

function ownRefusal({ x509, extendedUsages, unknownCritical }: Certificate, atMs: number): string | undefined {
  if (unknownCritical.length > 0) return `unhandled critical extension ${unknownCritical[0]}`;
  const [from, to] = [Date.parse(x509.validFrom), Date.parse(x509.validTo)];
  if (!(atMs >= from && atMs <= to)) return "certificate has expired or is not yet valid";
  const fits = extendedUsages.length === 0 || extendedUsages.some(usage => usage === codeSigning || usage === anyUsage);
  return fits ? undefined : "certificate specifies an incompatible key usage";
}
