// podman artifact pull.
// Source: podman-artifact-pull(1).

import { text, texts, toggle } from "../../cli/flag.ts";
import { files } from "../../cli/complete.ts";
import { exactly } from "../../cli/operands.ts";
import { pullArtifact } from "../../image/artifact/artifacts.ts";
import { imageSystem, progressOf } from "../pulling.ts";
import { authfile, certDir, creds, retryFlags, tlsVerify } from "../shared-flags.ts";
import { artifactNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] ARTIFACT",
  about: "Pulls an artifact from a registry and stores it locally.",
  operands: exactly(1, artifactNames),
  flags: {
    authfile,
    certDir,
    creds,
    decryptionKey: texts({ secret: "whole", help: "Key needed to decrypt the image (e.g. /path/to/key.pem)", complete: files }),
    quiet: toggle({ short: "q", help: "Suppress output information when pulling images" }),
    ...retryFlags("pull"),
    signaturePolicy: text({ help: "Pathname of signature policy file (not usually used)", hidden: true }),
    tlsVerify,
  },
  examples: ["podman artifact pull quay.io/myimage/myartifact:latest"],
  async run({ context, flags, given, operands }) {
    const digest = await pullArtifact(operands[0]!, {
      store: context.host.store,
      system: imageSystem(context, flags, given),
      onProgress: progressOf(context, flags.quiet),
    });
    context.out(digest.slice(digest.indexOf(":") + 1));
  },
});
