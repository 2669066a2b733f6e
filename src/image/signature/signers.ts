// What signs an image on its way: a GPG key, sigstore keys in files, or a parameter file that names one.
// Source: skopeo-copy(1), "--sign-by…"; containers-sigstore-signing-params.yaml(5).

import { readFileSync } from "node:fs";
import type { KeyObject } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import { asRecord, findText } from "../../base/shape.ts";
import type { Subject } from "../../base/shape.ts";
import { parseYaml } from "../../base/yaml.ts";
import type { Sign } from "../copy.ts";
import { referenceText } from "../reference.ts";
import type { Reference } from "../reference.ts";
import { fileFault } from "../tree.ts";
import { signatureBytes } from "./form.ts";
import type { Key } from "./gpg.ts";

/** Asked for the passphrase of a key file. */
export type AskPassphrase = (file: string) => Promise<string>;

export interface SignersWish {
  readonly gpg?: Key;
  readonly sigstoreKeys?: readonly KeyObject[];
  readonly identity: Reference;
}

/** One signature by each, in the order of skopeo: parameter file or keys after GPG. */
export function signerFor({ gpg, sigstoreKeys = [], identity }: SignersWish): Sign {
  const name = referenceText(identity);
  return async (raw, say) => {
    const made: Uint8Array[] = [];
    if (gpg) {
      say("Signing image using simple signing");
      const { signStatement } = await import("./simple.ts");
      made.push(signStatement({ digest: raw.digest, identity: name }, gpg));
    }
    for (const key of sigstoreKeys) {
      say("Signing image using a sigstore signature");
      const { signSigstore } = await import("./sigstore.ts");
      made.push(signatureBytes(signSigstore({ digest: raw.digest, identity: name }, key)));
    }
    return made;
  };
}

/** @throws Fault where the file cannot be read or the passphrase is wrong */
export async function sigstoreKeyAt(file: string, passphrase: string): Promise<KeyObject> {
  const { openSigstoreKey } = await import("./sigstore-key.ts");
  let pem: Uint8Array;
  try {
    pem = readFileSync(file);
  } catch (thrown) {
    throw fileFault(`cannot read private key ${JSON.stringify(file)}`, thrown);
  }
  return openSigstoreKey(pem, passphrase);
}

/** The key a parameter file names. Fulcio and Rekor are services on the net, and refused by name. */
export async function sigstoreParameters(file: string, ask: AskPassphrase): Promise<KeyObject> {
  const about: Subject = { what: JSON.stringify(file), code: "config.invalid" };
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (thrown) {
    throw fileFault(`cannot read ${JSON.stringify(file)}`, thrown);
  }
  const fields = asRecord(parseYaml(text, file) ?? {}, about);
  const known = ["privateKeyFile", "privateKeyPassphraseFile", "fulcio", "rekorURL"];
  const unknown = Object.keys(fields).find(key => !known.includes(key));
  if (unknown !== undefined) throw new Fault("config.invalid", `cannot read ${about.what}: unknown key ${JSON.stringify(unknown)}`);
  for (const service of ["fulcio", "rekorURL"]) {
    if (fields[service] === undefined) continue;
    throw new Fault("usage.unsupported", `cannot sign with ${about.what}: "${service}" is not supported`, { hint: "sign with privateKeyFile" });
  }
  const keyFile = findText(fields, "privateKeyFile", about);
  if (keyFile === undefined) throw new Fault("config.invalid", `cannot sign with ${about.what}: it names no privateKeyFile`);
  const passphraseFile = findText(fields, "privateKeyPassphraseFile", about);
  return sigstoreKeyAt(keyFile, passphraseFile === undefined ? await ask(keyFile) : readPassphrase(passphraseFile));
}

/** The first line of a file. */
export function readPassphrase(file: string): string {
  try {
    return readFileSync(file, "utf8").split("\n")[0]!;
  } catch (thrown) {
    throw fileFault(`cannot read passphrase file: open ${file}`, thrown);
  }
}
