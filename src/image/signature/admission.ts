// Whether an image's signatures meet what the trust policy asks of its name.
// Source: containers-policy.json(5), "POLICY REQUIREMENTS".

import { digestOf, algorithmOf } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import type { RawManifest } from "../manifest.ts";
import { rejected } from "../policy.ts";
import type { Policy, PolicyRequirement, PolicySubject } from "../policy.ts";
import type { Source } from "../source.ts";
import { readSignature, sigstorePayloadType } from "./form.ts";
import type { Signature, SigstoreSignature } from "./form.ts";
import { acceptsIdentity } from "./identity.ts";
import type { SignedBy, SigstoreSigned } from "./requirements.ts";
import type { Statement } from "./statement.ts";
import { openKeys } from "./trust-roots.ts";

interface Trial {
  readonly policy: Policy;
  readonly requirements: readonly PolicyRequirement[];
  readonly source: Source;
  readonly subject: PolicySubject;
}

/** What a source's `admit` is where signatures are required: all requirements must hold, each by any one signature. */
export function admission({ policy, requirements, source, subject }: Trial): NonNullable<Source["admit"]> {
  return async (raw, instance) => {
    const kept = (await source.signatures?.(instance)) ?? [];
    const reasonless = { policy, raw, reference: subject.reference };
    const signatures = kept.map(bytes => readable(bytes));
    for (const requirement of requirements) {
      if (requirement.type === "signedBy") await checkSimple(requirement, signatures, reasonless);
      else if (requirement.type === "sigstoreSigned") await checkSigstore(requirement, signatures, reasonless);
      else throw rejected(policy, `requirement "${requirement.type}" cannot be checked`);
    }
  };
}

type Kept = Signature | { readonly kind: "unreadable"; readonly reason: string };

function readable(bytes: Uint8Array): Kept {
  try {
    return readSignature(bytes);
  } catch (thrown) {
    if (thrown instanceof Fault) return { kind: "unreadable", reason: thrown.message };
    throw thrown;
  }
}

interface Question {
  readonly policy: Policy;
  readonly raw: RawManifest;
  readonly reference: PolicySubject["reference"];
}

async function checkSimple(requirement: SignedBy, signatures: readonly Kept[], question: Question): Promise<void> {
  if (requirement.keyType !== "GPGKeys") throw rejected(question.policy, `Unimplemented "keyType" value ${JSON.stringify(requirement.keyType)}`);
  const candidates = signatures.filter(one => one.kind !== "sigstore");
  if (candidates.length === 0) throw rejected(question.policy, "A signature was required, but no signature exists");
  const { verifyStatement } = await import("./simple.ts");
  const keys = openKeys(requirement.keys);
  const reasons = candidates.map(one => refusal(one, () => {
    if (one.kind === "simple") checkStatement(verifyStatement(one.message, keys), requirement, question);
  }));
  settle(reasons, question);
}

async function checkSigstore(requirement: SigstoreSigned, signatures: readonly Kept[], question: Question): Promise<void> {
  const isSignature = (one: Kept): one is SigstoreSignature => one.kind === "sigstore" && one.mediaType === sigstorePayloadType;
  const candidates = signatures.filter(one => isSignature(one) || one.kind === "unreadable");
  if (candidates.length === 0) {
    const simple = signatures.filter(({ kind }) => kind === "simple").length;
    const others = signatures.length - simple;
    const counts = signatures.length === 0 ? "" : ` (${simple} non-sigstore signatures, ${others} sigstore non-signature attachments)`;
    throw rejected(question.policy, `A signature was required, but no signature exists${counts}`);
  }
  const [{ trustedKeys }, { verifySigstore }] = await Promise.all([import("./trust-roots.ts"), import("./sigstore.ts")]);
  const keysFor = trustedKeys(requirement);
  settle(candidates.map(one => refusal(one, () => {
    if (isSignature(one)) checkStatement(verifySigstore(one, keysFor(one)), requirement, question);
  })), question);
}

/** undefined where the signature holds, else why not. */
function refusal(one: Kept, check: () => void): string | undefined {
  if (one.kind === "unreadable") return one.reason;
  try {
    check();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof Fault && (thrown.code === "policy.rejected" || thrown.code === "input.malformed")) return thrown.message;
    throw thrown;
  }
}

/** One that holds is enough. */
function settle(reasons: readonly (string | undefined)[], { policy }: Question): void {
  if (reasons.includes(undefined)) return;
  throw rejected(policy, reasons.length === 1 ? reasons[0]! : `None of the signatures were accepted, reasons: ${reasons.join("; ")}`);
}

function checkStatement({ digest, identity }: Statement, { identity: rule }: SignedBy | SigstoreSigned, { raw, reference }: Question): void {
  if (!acceptsIdentity(rule, identity, reference)) {
    throw new Fault("policy.rejected", `Signature for identity ${JSON.stringify(identity)} is not accepted`);
  }
  if (digestOf(raw.bytes, algorithmOf(digest)) !== digest) throw new Fault("policy.rejected", `Signature for digest ${digest} does not match`);
}
