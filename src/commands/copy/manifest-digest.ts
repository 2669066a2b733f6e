// skopeo manifest-digest: the digest of a manifest in a file.

import { readFileSync } from "node:fs";
import { digestOf } from "../../base/digest.ts";
import { errnoOf, Fault } from "../../base/fault.ts";
import { limits } from "../../base/limits.ts";
import { files } from "../../cli/complete.ts";
import { exactly } from "../../cli/operands.ts";
import { isSigned, signedPayload } from "../../image/schema1/signed.ts";
import { refuseManyWords } from "./words.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "MANIFEST-FILE",
  about: "Compute a manifest digest of a file",
  operands: refuseManyWords(exactly(1, files), "Usage: skopeo manifest-digest manifest"),
  flags: {},
  needs: "nothing",
  examples: ["skopeo manifest-digest manifest.json"],
  run({ context, operands: [file] }) {
    const bytes = readManifestFile(file!);
    context.out(digestOf(isSigned(bytes) ? signedPayload(bytes) : bytes));
  },
});

/** @throws Fault worded `Error reading manifest from FILE: …` */
export function readManifestFile(file: string): Uint8Array {
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= limits.manifestBytesMax) return bytes;
  } catch (cause) {
    const reason = errnoOf(cause) === "ENOENT" ? "no such file or directory" : (cause as Error).message;
    throw new Fault("system.not-found", `Error reading manifest from ${file}: open ${file}: ${reason}`, { cause });
  }
  throw new Fault("input.too-large", `Error reading manifest from ${file}: larger than ${limits.manifestBytesMax} bytes`);
}
