// Whether an image's signatures meet what the trust policy asks of its name.
// Source: containers-policy.json(5), "signedBy" and "signedIdentity".

import { readFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import type { Digest } from "../../base/digest.ts";
import { findRecord, findText, findTexts, malformed, needText } from "../../base/shape.ts";
import type { Fields, Subject } from "../../base/shape.ts";
import type { RawManifest } from "../manifest.ts";
import { rejected } from "../policy.ts";
import type { Policy, PolicyRequirement, PolicySubject } from "../policy.ts";
import { parseReference, referenceText, repositoryOf } from "../reference.ts";
import type { Reference } from "../reference.ts";
import type { Source } from "../source.ts";
import { fileFault } from "../tree.ts";
import { verifyStatement } from "./simple.ts";

interface Trial {
  readonly policy: Policy;
  readonly requirements: readonly PolicyRequirement[];
  readonly source: Source;
  readonly subject: PolicySubject;
}

/** What a source's `admit` is where signatures are required: all requirements must hold, each by any one signature. */
export function admission({ policy, requirements, source, subject }: Trial): NonNullable<Source["admit"]> {
  return async (raw, instance) => {
    const signatures = (await source.signatures?.(instance)) ?? [];
    for (const { fields } of requirements) {
      const reasons = refusals(signatures, { fields, raw, reference: subject.reference, policy });
      if (reasons === undefined) continue;
      if (reasons.length === 0) throw rejected(policy, "A signature was required, but no signature exists");
      throw rejected(policy, reasons.length === 1 ? reasons[0]! : `None of the signatures were accepted, reasons: ${reasons.join("; ")}`);
    }
  };
}

interface Question {
  readonly fields: Fields;
  readonly raw: RawManifest;
  readonly reference: Reference | undefined;
  readonly policy: Policy;
}

/** undefined once one signature holds; else why each does not. */
function refusals(signatures: readonly Uint8Array[], question: Question): string[] | undefined {
  const about: Subject = { what: `policy ${JSON.stringify(question.policy.file ?? "policy.json")}`, code: "config.invalid" };
  const keys = keysOf(question.fields, about);
  const reasons: string[] = [];
  for (const signature of signatures) {
    try {
      check(verifyStatement(signature, keys), question, about);
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== "policy.rejected") throw thrown;
      reasons.push(thrown.message);
    }
  }
  return reasons;
}

function keysOf(fields: Fields, about: Subject): Uint8Array[] {
  const type = needText(fields, "keyType", about);
  if (type !== "GPGKeys") throw malformed(about, `key type ${JSON.stringify(type)} is not supported`);
  const path = findText(fields, "keyPath", about);
  const paths = findTexts(fields, "keyPaths", about);
  const data = findText(fields, "keyData", about);
  if ([path, paths, data].filter(one => one !== undefined).length !== 1) {
    throw malformed(about, "exactly one of keyPath, keyPaths and keyData must stand in a signedBy requirement");
  }
  if (data !== undefined) return [Buffer.from(data, "base64")];
  return (paths ?? [path!]).map(file => {
    try {
      return readFileSync(file);
    } catch (thrown) {
      throw fileFault(`cannot read public key ${JSON.stringify(file)}`, thrown);
    }
  });
}

function check({ digest, identity }: { digest: Digest; identity: string }, { fields, raw, reference }: Question, about: Subject): void {
  if (!matches(identity, reference, findRecord(fields, "signedIdentity", about), about)) {
    throw new Fault("policy.rejected", `Signature for identity ${JSON.stringify(identity)} is not accepted`);
  }
  if (digest !== raw.digest) throw new Fault("policy.rejected", `Signature for digest ${digest} does not match`);
}

/** By the rule "signedIdentity" names; without one, the repository does for names by digest and all of it for others. */
function matches(identity: string, reference: Reference | undefined, rule: Fields | undefined, about: Subject): boolean {
  const type = rule === undefined ? "matchRepoDigestOrExact" : needText(rule, "type", about);
  if (type === "exactReference") return identity === needText(rule!, "dockerReference", about);
  const signed = parseReference(identity);
  if (type === "exactRepository") return repositoryOf(signed) === needText(rule!, "dockerRepository", about);
  if (reference === undefined) return false;
  if (type === "matchExact") return reference.tag !== undefined && identity === referenceText(reference);
  if (type === "matchRepository") return repositoryOf(signed) === repositoryOf(reference);
  const asked = type === "remapIdentity" ? remapped(reference, rule!, about) : reference;
  if (type !== "matchRepoDigestOrExact" && type !== "remapIdentity") throw malformed(about, `unknown signedIdentity ${JSON.stringify(type)}`);
  return asked.digest !== undefined ? repositoryOf(signed) === repositoryOf(asked) : identity === referenceText(asked);
}

function remapped(reference: Reference, rule: Fields, about: Subject): Reference {
  const prefix = needText(rule, "prefix", about);
  const whole = referenceText(reference);
  const fits = whole === prefix || (whole.startsWith(prefix) && "/:@".includes(whole[prefix.length]!));
  return fits ? parseReference(needText(rule, "signedPrefix", about) + whole.slice(prefix.length)) : reference;
}
