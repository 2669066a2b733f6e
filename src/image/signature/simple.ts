// Simple signing: the statement as an OpenPGP message.
// Source: containers-signature(5).

import { signWithGpg, verifyWithGpg } from "./gpg.ts";
import type { Key } from "./gpg.ts";
import { readStatement, statementJson } from "./statement.ts";
import type { Statement } from "./statement.ts";

export type { Statement } from "./statement.ts";

const payloadKind = "atomic container signature";

export function signStatement(statement: Statement, key: Key): Uint8Array {
  return signWithGpg(new TextEncoder().encode(statementJson(statement, payloadKind)), key);
}

/** What a signature says, by a trusted key. @throws Fault "policy.rejected" */
export function verifyStatement(signature: Uint8Array, keys?: readonly Uint8Array[]): Statement & { readonly fingerprint: string } {
  const { payload, fingerprint } = verifyWithGpg(signature, keys);
  return { ...readStatement(payload, payloadKind), fingerprint };
}
