// podman pull: brings images from registries and archives into the store.

import { list, text, texts, toggle } from "../../cli/flag.ts";
import { files } from "../../cli/complete.ts";
import { atLeast } from "../../cli/operands.ts";
import { imageEvent } from "../../engine/images.ts";
import { pull } from "../../image/pull.ts";
import { imageSystem, progressOf, readPullPolicy } from "../pulling.ts";
import { prompter } from "../short-name-prompt.ts";
import { authfile, certDir, creds, retryFlags, tlsVerify } from "../shared-flags.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] IMAGE [IMAGE...]",
  about: "Pulls an image from a registry and stores it locally.\n\n  An image can be pulled by tag or digest. If a tag is not specified, the image with the 'latest' tag is pulled.",
  operands: atLeast(1, imageNames),
  flags: {
    allTags: toggle({ short: "a", help: "All tagged images in the repository will be pulled" }),
    arch: text({ value: "ARCH", help: "Use ARCH instead of the architecture of the machine for choosing images" }),
    authfile,
    certDir,
    creds,
    decryptionKey: texts({ secret: "whole", help: "Key needed to decrypt the image (e.g. /path/to/key.pem)", complete: files }),
    disableContentTrust: toggle({ help: "This is a Docker specific option and is a NOOP" }),
    os: text({ value: "OS", help: "Use OS instead of the running OS for choosing images" }),
    platform: text({ help: "Specify the platform for selecting the image.  (Conflicts with arch and os)" }),
    policy: text({ help: 'Pull image policy ("always"|"missing"|"never"|"newer")', fallback: "always", complete: () => ["always", "missing", "never", "newer"] }),
    quiet: toggle({ short: "q", help: "Suppress output information when pulling images" }),
    ...retryFlags("pull"),
    signaturePolicy: text({ help: "Pathname of signature policy file (not usually used)", hidden: true }),
    tlsVerify,
    variant: text({ help: "Use VARIANT instead of the running architecture variant for choosing images" }),
    rootfs: list({ help: "", hidden: true }),
  },
  examples: ["podman pull imageName", "podman pull fedora:latest"],
  async run({ context, flags, given, operands }) {
    const system = imageSystem(context, flags, given);
    const prompt = prompter();
    const ids = new Set<string>();
    for (const name of operands) {
      try {
        const pulled = await pull(name, {
          store: context.host.store,
          system,
          policy: readPullPolicy(flags.policy),
          allTags: flags.allTags,
          onProgress: progressOf(context, flags.quiet),
          ...(prompt ? { prompt } : {}),
        });
        for (const { id } of pulled) {
          ids.add(id);
          imageEvent(context.host, "pull", { id, name });
        }
      } catch (fault) {
        imageEvent(context.host, "pull-error", { name, error: (fault as Error).message });
        context.failed(fault);
      }
    }
    for (const id of ids) context.out(id);
    return context.exitStatus;
  },
});
