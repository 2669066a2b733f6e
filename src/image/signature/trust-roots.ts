// The keys and certificates a policy names, opened; and which keys a sigstore signature may be by.
// Source: containers-policy.json(5), "sigstoreSigned".

import { readFileSync, statSync } from "node:fs";
import type { KeyObject } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import { fileFault } from "../tree.ts";
import { readCertificates, trustedKey } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import type { KeyPlaces } from "./decode.ts";
import { derTags, readOneDer } from "./der.ts";
import { sigstoreAnnotations } from "./form.ts";
import type { SigstoreSignature } from "./form.ts";
import { pemText } from "./pem.ts";
import { verifyLogged } from "./rekor.ts";
import type { FulcioTrust, PkiTrust, SigstoreSigned } from "./requirements.ts";
import { readPublicKey } from "./sigstore-key.ts";

const keyBytesMax = 16 * 1024 * 1024;

/** @throws Fault where a file cannot be read: a policy that names it then lets nothing in */
export function openKeys(places: KeyPlaces): Uint8Array[] {
  if ("datas" in places) return [...places.datas];
  return places.files.map(file => {
    try {
      if (statSync(file).size > keyBytesMax) throw new Fault("config.invalid", `cannot read public key ${JSON.stringify(file)}: larger than ${keyBytesMax} bytes`);
      return readFileSync(file);
    } catch (thrown) {
      throw fileFault(`cannot read public key ${JSON.stringify(file)}`, thrown);
    }
  });
}

/** For each signature the keys it may be by. @throws Fault "config.invalid" where the policy's own keys are unusable */
export function trustedKeys(requirement: SigstoreSigned): (signature: SigstoreSignature) => KeyObject[] {
  const keys = requirement.keys && openKeys(requirement.keys).map(pem => configured(() => readPublicKey(pem)));
  const logs = requirement.rekor && openKeys(requirement.rekor).map(pem => configured(() => logKey(pem)));
  if (keys) return signature => (logs ? loggedKeys(signature, keys, logs) : keys);
  const { fulcio, pki } = requirement;
  if (fulcio && logs) {
    const authorities = certificatesIn(fulcio.authority);
    return signature => [fulcioKey(signature, { fulcio, authorities, logs })];
  }
  if (pki) {
    const roots = certificatesIn(pki.roots);
    const intermediates = pki.intermediates ? certificatesIn(pki.intermediates) : [];
    return signature => [pkiKey(signature, { pki, roots, intermediates })];
  }
  throw new Fault("config.invalid", "cannot check sigstore signatures: the policy names no key");
}

/** What is wrong with the policy's own keys is not the signature's fault. */
function configured<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof Fault) throw new Fault("config.invalid", `cannot use a key of the policy: ${thrown.message}`, { cause: thrown });
    throw thrown;
  }
}

function logKey(pem: Uint8Array): KeyObject {
  const key = readPublicKey(pem);
  if (key.asymmetricKeyType === "ec") return key;
  throw new Fault("config.invalid", "a Rekor public key is not using ECDSA");
}

function certificatesIn(places: KeyPlaces): Certificate[] {
  const found = openKeys(places).flatMap(pem => configured(() => readCertificates(pem)));
  if (found.length > 0) return found;
  throw new Fault("config.invalid", "cannot use the policy: it names an authority without a certificate");
}

function annotation({ annotations }: SigstoreSignature, name: string): string {
  const text = annotations[name];
  if (text !== undefined) return text;
  throw new Fault("policy.rejected", `missing ${name} annotation`);
}

const logged = (signature: SigstoreSignature, keyOrCertificate: string, logs: readonly KeyObject[]): number => verifyLogged({
  entry: annotation(signature, sigstoreAnnotations.entry),
  keyOrCertificate,
  signature: annotation(signature, sigstoreAnnotations.signature),
  payload: signature.payload,
}, logs);

/** The one of the keys under which the log holds the signature. */
function loggedKeys(signature: SigstoreSignature, keys: readonly KeyObject[], logs: readonly KeyObject[]): KeyObject[] {
  const reasons: string[] = [];
  for (const key of keys) {
    try {
      logged(signature, pemText({ label: "PUBLIC KEY", bytes: key.export({ format: "der", type: "spki" }) }), logs);
      return [key];
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      reasons.push(thrown.message);
    }
  }
  throw new Fault("policy.rejected", `No public key verified against the RekorSET: ${reasons.join(", ")}`);
}

function leafOf(signature: SigstoreSignature): { readonly leaf: Certificate; readonly above: readonly Certificate[]; readonly pem: string } {
  const pem = annotation(signature, sigstoreAnnotations.certificate);
  const [leaf, ...more] = readCertificates(pem);
  if (!leaf) throw new Fault("policy.rejected", "no certificate found in signature certificate data");
  if (more.length > 0) throw new Fault("policy.rejected", "unexpected multiple certificates present in signature certificate data");
  const chain = readCertificates(signature.annotations[sigstoreAnnotations.chain] ?? "");
  // The last one claims to be the root, which only the policy can say.
  return { leaf, above: chain.slice(0, -1), pem };
}

interface Fulcio {
  readonly fulcio: FulcioTrust;
  readonly authorities: readonly Certificate[];
  readonly logs: readonly KeyObject[];
}

/** The certificate lived for minutes; that it was valid when the log took the signature in is what counts. */
function fulcioKey(signature: SigstoreSignature, { fulcio, authorities, logs }: Fulcio): KeyObject {
  const { leaf, above, pem } = leafOf(signature);
  const atMs = logged(signature, pem, logs);
  const key = trustedKey(leaf, { roots: authorities, intermediates: above, atMs });
  const issuer = identityIssuer(leaf);
  if (issuer !== fulcio.oidcIssuer) throw new Fault("policy.rejected", `Unexpected Fulcio OIDC issuer ${JSON.stringify(issuer)}`);
  needEmail(leaf, fulcio.subjectEmail);
  return key;
}

function needEmail({ emails }: Certificate, wanted: string): void {
  if (emails.includes(wanted)) return;
  throw new Fault("policy.rejected", `Required email ${JSON.stringify(wanted)} not found (got ${JSON.stringify(emails)})`);
}

/** The first extension holds bare text, the second, which replaces it, a DER string; both must agree. */
function identityIssuer({ extensions }: Certificate): string {
  const old = extensions.get("1.3.6.1.4.1.57264.1.1");
  const now = extensions.get("1.3.6.1.4.1.57264.1.8");
  const oldText = old && new TextDecoder().decode(old);
  const nowText = now && new TextDecoder().decode(readOneDer(now, derTags.utf8).content);
  if (oldText !== undefined && nowText !== undefined && oldText !== nowText) {
    throw new Fault("policy.rejected", `inconsistent OIDC issuer extension values: v1 ${JSON.stringify(oldText)}, v2 ${JSON.stringify(nowText)}`);
  }
  const issuer = oldText ?? nowText;
  if (issuer === undefined) throw new Fault("policy.rejected", "Fulcio certificate is missing the issuer extension");
  return issuer;
}

interface Pki {
  readonly pki: PkiTrust;
  readonly roots: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
}

function pkiKey(signature: SigstoreSignature, { pki, roots, intermediates }: Pki): KeyObject {
  const { leaf, above } = leafOf(signature);
  const key = trustedKey(leaf, { roots, intermediates: [...intermediates, ...above], atMs: Date.now() });
  if (pki.subjectEmail !== undefined) needEmail(leaf, pki.subjectEmail);
  if (pki.subjectHostname !== undefined && !leaf.hostNames.some(name => isHost(name, pki.subjectHostname!))) {
    throw new Fault("policy.rejected", `Unexpected subject hostname: certificate is valid for ${leaf.hostNames.join(", ") || "no host"}, not ${pki.subjectHostname}`);
  }
  return key;
}

/** "*" stands for one whole first label. */
function isHost(pattern: string, host: string): boolean {
  const [one, two] = [pattern.toLowerCase(), host.toLowerCase()];
  if (!one.startsWith("*.")) return one === two;
  const dot = two.indexOf(".");
  return dot > 0 && two.slice(dot) === one.slice(1);
}
