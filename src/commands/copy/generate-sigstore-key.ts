// skopeo generate-sigstore-key: a key pair for signing images, the private half under a passphrase.
// Source: skopeo-generate-sigstore-key(1).

import { lstatSync, writeFileSync } from "node:fs";
import { Fault, reasonOf } from "../../base/fault.ts";
import { files } from "../../cli/complete.ts";
import { text } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { askPassphrase } from "../signing.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "[command options] --output-prefix PREFIX",
  about: "Generate a sigstore public/private key pair",
  operands: any(),
  flags: {
    outputPrefix: text({ value: "PREFIX", help: "Write the keys to PREFIX.pub and PREFIX.private", complete: files }),
    passphraseFile: text({ value: "PATH", help: "Read a passphrase for the private key from PATH", complete: files }),
  },
  needs: "nothing",
  examples: ["skopeo generate-sigstore-key --output-prefix my-key"],
  async run({ context, flags: { outputPrefix, passphraseFile }, operands }) {
    if (operands.length > 0 || !outputPrefix) throw new Fault("usage.invalid", "Usage: generate-sigstore-key --output-prefix PREFIX");
    const [publicFile, privateFile] = [`${outputPrefix}.pub`, `${outputPrefix}.private`];
    for (const file of [publicFile, privateFile]) refuseExisting(file);
    const { readPassphrase } = await import("../../image/signature/signers.ts");
    const passphrase = passphraseFile ? readPassphrase(passphraseFile) : await askPassphrase(privateFile);
    const { makeSigstoreKey } = await import("../../image/signature/sigstore-key.ts");
    const pair = makeSigstoreKey(passphrase);
    keep(privateFile, pair.privatePem, 0o600);
    keep(publicFile, pair.publicPem, 0o644);
    context.out(`Key written to ${JSON.stringify(privateFile)} and ${JSON.stringify(publicFile)}`);
  },
});

function refuseExisting(file: string): void {
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return;
  throw new Fault("system.exists", `Refusing to overwrite existing ${JSON.stringify(file)}`);
}

/** "wx": nothing that came meanwhile is overwritten, and no link followed. */
function keep(file: string, pem: string, mode: number): void {
  try {
    writeFileSync(file, pem, { mode, flag: "wx" });
  } catch (cause) {
    throw new Fault("system.failed", `Error writing key to ${JSON.stringify(file)}: ${reasonOf(cause)}`, { cause });
  }
}
