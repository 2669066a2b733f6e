// skopeo standalone-verify: checks a signature in a file against a manifest in a file.

import { readFileSync } from "node:fs";
import { digestOf } from "../../base/digest.ts";
import { errnoOf, Fault } from "../../base/fault.ts";
import { files } from "../../cli/complete.ts";
import { text } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { verifyStatement } from "../../image/signature/simple.ts";
import { readManifestFile } from "./manifest-digest.ts";
import { said } from "./sides.ts";
import { verb } from "./verb.ts";
import { refuseManyWords } from "./words.ts";

export default verb({
  usage: "MANIFEST DOCKER-REFERENCE KEY-FINGERPRINTS SIGNATURE",
  about: "Verify a signature using local files\n\n  KEY-FINGERPRINTS can be a comma separated list of fingerprints, or \"any\" if you trust all the keys in the public key file.",
  operands: refuseManyWords(exactly(4, files), "Usage: skopeo standalone-verify manifest docker-reference key-fingerprint signature"),
  flags: {
    publicKeyFile: text({ help: "File containing public keys. If not specified, will use local GPG keys.", complete: files }),
  },
  needs: "nothing",
  examples: ["skopeo standalone-verify busybox-manifest.json registry.example.com/example/busybox 1D8230F6CDB6A06716E414C1DB72F2188BB46CC8 busybox.signature"],
  async run({ context, flags, operands: [file = "", identity = "", wanted = "", signatureFile = ""] }) {
    const digest = digestOf(readManifestFile(file));
    const signature = read("signature", signatureFile);
    if (wanted === "any" && !flags.publicKeyFile) throw new Fault("usage.invalid", "Public key file must be set when using 'any' fingerprint");
    const keys = flags.publicKeyFile ? [read("public keys", flags.publicKeyFile)] : undefined;
    const signed = await said("Error verifying signature", () => verifyStatement(signature, keys));
    const refuse = (reason: string): Fault => new Fault("policy.rejected", `Error verifying signature: ${reason}`);
    const isWanted = wanted === "any" || wanted.split(",").some((one) => isKey(one, signed.fingerprint));
    if (!isWanted) throw refuse(`Signature by ${signed.fingerprint} is not by any of the keys ${wanted}`);
    if (signed.identity !== identity) throw refuse(`Docker reference ${JSON.stringify(signed.identity)} does not match ${JSON.stringify(identity)}`);
    if (signed.digest !== digest) throw refuse(`Docker manifest digest ${JSON.stringify(signed.digest)} does not match ${JSON.stringify(digest)}`);
    context.out(`Signature verified using fingerprint ${signed.fingerprint}, digest ${digest}`);
  },
});

/** Whole fingerprints only: a short ID can be made to fit. */
const isKey = (written: string, fingerprint: string): boolean =>
  /^([0-9A-F]{40}|[0-9A-F]{64})$/.test(written.trim().toUpperCase()) && written.trim().toUpperCase() === fingerprint;

function read(what: string, file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const reason = errnoOf(cause) === "ENOENT" ? "no such file or directory" : (cause as Error).message;
    throw new Fault("system.not-found", `Error reading ${what} from ${file}: open ${file}: ${reason}`, { cause });
  }
}
