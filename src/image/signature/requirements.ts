// What a policy may require of an image, decoded once and strictly.
// Source: containers-policy.json(5), "POLICY REQUIREMENTS".

import { has, invalid, keysAt, objectAt, onlyKeys, textAt, typeAt } from "./decode.ts";
import type { KeyPlaces, Place } from "./decode.ts";
import { readIdentityRule } from "./identity.ts";
import type { IdentityRule } from "./identity.ts";

export interface SignedBy {
  readonly type: "signedBy";
  /** Only "GPGKeys" can be checked; others refuse every image. */
  readonly keyType: string;
  readonly keys: KeyPlaces;
  readonly identity: IdentityRule;
}

export interface FulcioTrust {
  readonly authority: KeyPlaces;
  readonly oidcIssuer: string;
  readonly subjectEmail: string;
}

export interface PkiTrust {
  readonly roots: KeyPlaces;
  readonly intermediates?: KeyPlaces;
  readonly subjectEmail?: string;
  readonly subjectHostname?: string;
}

export interface SigstoreSigned {
  readonly type: "sigstoreSigned";
  /** Exactly one of the three. */
  readonly keys?: KeyPlaces;
  readonly fulcio?: FulcioTrust;
  readonly pki?: PkiTrust;
  /** Public keys of transparency logs; where given, the signature must be in one. */
  readonly rekor?: KeyPlaces;
  readonly identity: IdentityRule;
}

export type PolicyRequirement =
  | { readonly type: "insecureAcceptAnything" | "reject" | "signedBaseLayer" }
  | SignedBy
  | SigstoreSigned;

const keyTypes = ["GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs"];
const allKinds = ["Path", "Paths", "Data", "Datas"] as const;

/** @throws Fault "config.invalid" */
export function readRequirement(place: Place): PolicyRequirement {
  const type = typeAt(place);
  switch (type) {
    case "insecureAcceptAnything":
    case "reject":
      onlyKeys(place, ["type"]);
      return { type };
    case "signedBaseLayer":
      onlyKeys(place, ["type", "baseLayerIdentity"]);
      readIdentityRule(objectAt(place, "baseLayerIdentity"));
      return { type };
    case "signedBy": return readSignedBy(place);
    case "sigstoreSigned": return readSigstoreSigned(place);
    default: throw invalid(place, `unknown policy requirement type ${JSON.stringify(type)}`, "type");
  }
}

const identityAt = (place: Place): IdentityRule =>
  has(place, "signedIdentity") ? readIdentityRule(objectAt(place, "signedIdentity")) : { type: "matchRepoDigestOrExact" };

function readSignedBy(place: Place): SignedBy {
  onlyKeys(place, ["type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity"]);
  const keyType = textAt(place, "keyType");
  if (!keyTypes.includes(keyType)) throw invalid(place, `unrecognized keyType value ${JSON.stringify(keyType)}`, "keyType");
  const keys = keysAt(place, "key", ["Path", "Paths", "Data"]);
  if (!keys) throw invalid(place, "exactly one of keyPath, keyPaths and keyData must be specified, none of them present");
  return { type: "signedBy", keyType, keys, identity: identityAt(place) };
}

function readSigstoreSigned(place: Place): SigstoreSigned {
  const rekorNames = allKinds.map(kind => `rekorPublicKey${kind}`);
  onlyKeys(place, ["type", "keyPath", "keyPaths", "keyData", "keyDatas", "fulcio", "pki", ...rekorNames, "signedIdentity"]);
  const keys = keysAt(place, "key", allKinds);
  const fulcio = has(place, "fulcio") ? readFulcio(objectAt(place, "fulcio")) : undefined;
  const pki = has(place, "pki") ? readPki(objectAt(place, "pki")) : undefined;
  const rekor = keysAt(place, "rekorPublicKey", allKinds);
  if ([keys, fulcio, pki].filter(one => one !== undefined).length !== 1) {
    throw invalid(place, "exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki must be specified");
  }
  if (fulcio && !rekor) throw invalid(place, `at least one of ${rekorNames.join(", ")} must be specified if fulcio is used`);
  if (pki && rekor) throw invalid(place, `${rekorNames.join(", ")} are not supported for pki`);
  return {
    type: "sigstoreSigned",
    ...(keys ? { keys } : {}),
    ...(fulcio ? { fulcio } : {}),
    ...(pki ? { pki } : {}),
    ...(rekor ? { rekor } : {}),
    identity: identityAt(place),
  };
}

function readFulcio(place: Place): FulcioTrust {
  onlyKeys(place, ["caPath", "caData", "oidcIssuer", "subjectEmail"]);
  const authority = keysAt(place, "ca", ["Path", "Data"]);
  if (!authority) throw invalid(place, "at least one of caPath and caData must be specified");
  return { authority, oidcIssuer: textAt(place, "oidcIssuer"), subjectEmail: textAt(place, "subjectEmail") };
}

function readPki(place: Place): PkiTrust {
  const kinds = ["Path", "Data"] as const;
  onlyKeys(place, ["caRootsPath", "caRootsData", "caIntermediatesPath", "caIntermediatesData", "subjectEmail", "subjectHostname"]);
  const roots = keysAt(place, "caRoots", kinds);
  const intermediates = keysAt(place, "caIntermediates", kinds);
  if (!roots) throw invalid(place, "at least one of caRootsPath and caRootsData must be specified");
  if (!has(place, "subjectEmail") && !has(place, "subjectHostname")) {
    throw invalid(place, "at least one of subjectEmail and subjectHostname must be specified");
  }
  return {
    roots,
    ...(intermediates ? { intermediates } : {}),
    ...(has(place, "subjectEmail") ? { subjectEmail: textAt(place, "subjectEmail") } : {}),
    ...(has(place, "subjectHostname") ? { subjectHostname: textAt(place, "subjectHostname") } : {}),
  };
}
