// Under which signed names an image is accepted: the rules of "signedIdentity".
// Source: containers-policy.json(5), "signedBy".

import { atDockerHub, findReference, parseReference, referenceText, repositoryOf } from "../reference.ts";
import type { Reference } from "../reference.ts";
import { invalid, onlyKeys, textAt, typeAt } from "./decode.ts";
import type { Place } from "./decode.ts";

export type IdentityRule =
  | { readonly type: "matchExact" | "matchRepoDigestOrExact" | "matchRepository" }
  | { readonly type: "exactReference"; readonly reference: Reference }
  | { readonly type: "exactRepository"; readonly repository: string }
  | { readonly type: "remapIdentity"; readonly prefix: string; readonly signedPrefix: string };

/** @throws Fault "config.invalid" */
export function readIdentityRule(place: Place): IdentityRule {
  const type = typeAt(place);
  switch (type) {
    case "matchExact":
    case "matchRepoDigestOrExact":
    case "matchRepository":
      onlyKeys(place, ["type"]);
      return { type };
    case "exactReference": return readExactReference(place);
    case "exactRepository":
      onlyKeys(place, ["type", "dockerRepository"]);
      return { type, repository: repositoryOf(namedAt(place, "dockerRepository")) };
    case "remapIdentity":
      onlyKeys(place, ["type", "prefix", "signedPrefix"]);
      return { type, prefix: prefixAt(place, "prefix"), signedPrefix: prefixAt(place, "signedPrefix") };
    default: throw invalid(place, `unknown policy reference match type ${JSON.stringify(type)}`, "type");
  }
}

function readExactReference(place: Place): IdentityRule {
  onlyKeys(place, ["type", "dockerReference"]);
  const reference = namedAt(place, "dockerReference");
  if (!isNameOnly(reference)) return { type: "exactReference", reference };
  throw invalid(place, `${JSON.stringify(referenceText(reference))} contains neither a tag nor digest`, "dockerReference");
}

function namedAt(place: Place, key: string): Reference {
  const text = textAt(place, key);
  const reference = wholeReference(text);
  if (reference !== undefined) return reference;
  throw invalid(place, `invalid format ${JSON.stringify(text)}`, key);
}

function prefixAt(place: Place, key: string): string {
  const text = textAt(place, key);
  const host = /^[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]+)?$/;
  const parts = text.split("/");
  const isPath = parts.slice(1).every(part => /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/.test(part));
  if (host.test(parts[0]!) && isPath) return text;
  throw invalid(place, `prefix ${JSON.stringify(text)} is not valid`, key);
}

const isNameOnly = ({ tag, digest }: Reference): boolean => tag === undefined && digest === undefined;

/** As Docker reads names: "busybox" is docker.io/library/busybox. undefined where it is none. */
function wholeReference(text: string): Reference | undefined {
  const reference = findReference(text);
  return reference && atDockerHub(reference);
}

/** Whether a signature for the name `signed` counts for the image that was asked for. */
export function acceptsIdentity(rule: IdentityRule, signed: string, asked: Reference | undefined): boolean {
  const named = wholeReference(signed);
  if (named === undefined) return false;
  if (rule.type === "exactRepository") return repositoryOf(named) === rule.repository;
  if (rule.type === "exactReference") return !isNameOnly(named) && referenceText(named) === referenceText(rule.reference);
  if (asked === undefined) return false;
  switch (rule.type) {
    case "matchExact": return !isNameOnly(asked) && !isNameOnly(named) && referenceText(named) === referenceText(asked);
    case "matchRepository": return repositoryOf(named) === repositoryOf(asked);
    case "matchRepoDigestOrExact": return matchesRepositoryOrAll(named, asked);
    case "remapIdentity": {
      const meant = remapped(asked, rule);
      return meant !== undefined && matchesRepositoryOrAll(named, meant);
    }
  }
}

/** What was asked for by digest alone is the very image the signature is of, whatever its tag. */
function matchesRepositoryOrAll(signed: Reference, asked: Reference): boolean {
  if (isNameOnly(signed)) return false;
  if (asked.tag !== undefined) return referenceText(signed) === referenceText(asked);
  return asked.digest !== undefined && repositoryOf(signed) === repositoryOf(asked);
}

function remapped(asked: Reference, { prefix, signedPrefix }: { prefix: string; signedPrefix: string }): Reference | undefined {
  const name = repositoryOf(asked);
  if (name !== prefix && !name.startsWith(`${prefix}/`)) return asked;
  try {
    const meant = parseReference(signedPrefix + referenceText(asked).slice(prefix.length));
    return meant.domain === "" ? undefined : meant;
  } catch {
    return undefined;
  }
}
