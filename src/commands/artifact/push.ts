// podman artifact push.
// Source: podman-artifact-push(1).

import { writeFileSync } from "node:fs";
import { text, toggle } from "../../cli/flag.ts";
import { files } from "../../cli/complete.ts";
import { exactly } from "../../cli/operands.ts";
import { pushArtifact } from "../../image/artifact/artifacts.ts";
import { artifactReference } from "../../image/reference.ts";
import { imageSystem, progressOf } from "../pulling.ts";
import { authfile, certDir, creds, retryFlags, tlsVerify } from "../shared-flags.ts";
import { signerOf, signingFlags } from "../signing.ts";
import { artifactNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] ARTIFACT.",
  about: "Push an OCI artifact from local storage to an image registry",
  operands: exactly(1, artifactNames),
  flags: {
    authfile,
    certDir: text({ help: "Path to a directory containing TLS certificates and keys", complete: certDir.complete }),
    creds,
    digestfile: text({ help: "Write the digest of the pushed image to the specified file", complete: files }),
    quiet: toggle({ short: "q", help: "Suppress output information when pushing images" }),
    ...retryFlags("push"),
    ...signingFlags,
    signBy: text({ help: "Add a signature at the destination using the specified key" }),
    signaturePolicy: text({ help: "Path to a signature-policy file", hidden: true }),
    tlsVerify,
  },
  examples: ["podman artifact push quay.io/myimage/myartifact:latest"],
  async run({ context, flags, given, operands }) {
    const [written] = operands as [string];
    const digest = await pushArtifact(written, {
      store: context.host.store,
      system: imageSystem(context, flags, given),
      onProgress: progressOf(context, flags.quiet),
      signing: await signerOf(flags, artifactReference(written)),
    });
    if (flags.digestfile) writeFileSync(flags.digestfile, digest, { mode: 0o644 });
  },
});
