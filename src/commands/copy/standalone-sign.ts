// skopeo standalone-sign: signs a manifest in a file under a name, into a file.

import { writeFileSync } from "node:fs";
import { digestOf } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { files } from "../../cli/complete.ts";
import { text } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { signStatement } from "../../image/signature/simple.ts";
import { readPassphrase } from "../../image/signature/signers.ts";
import { readManifestFile } from "./manifest-digest.ts";
import { said } from "./sides.ts";
import { verb } from "./verb.ts";
import { refuseManyWords } from "./words.ts";

export default verb({
  usage: "[command options] MANIFEST DOCKER-REFERENCE KEY-FINGERPRINT --output|-o SIGNATURE",
  about: "Create a signature using local files",
  operands: refuseManyWords(exactly(3, files), "Usage: skopeo standalone-sign manifest docker-reference key-fingerprint -o signature"),
  flags: {
    output: text({ short: "o", value: "SIGNATURE", help: "output the signature to SIGNATURE", complete: files }),
    passphraseFile: text({ value: "PATH", help: "file that contains a passphrase for the --sign-by key", complete: files }),
  },
  needs: "nothing",
  examples: ["skopeo standalone-sign busybox-manifest.json registry.example.com/example/busybox 1D8230F6CDB6A06716E414C1DB72F2188BB46CC8 --output busybox.signature"],
  async run({ flags, operands: [file = "", identity = "", key = ""] }) {
    if (!flags.output) throw new Fault("usage.invalid", "Usage: skopeo standalone-sign manifest docker-reference key-fingerprint -o signature");
    const digest = digestOf(readManifestFile(file));
    const passphrase = flags.passphraseFile === undefined ? {} : { passphrase: readPassphrase(flags.passphraseFile) };
    const signature = await said("Error creating signature", () => signStatement({ digest, identity }, { key, ...passphrase }));
    writeFileSync(flags.output, signature);
  },
});
