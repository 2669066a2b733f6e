// buildah pull: brings an image into the store.
// Source: buildah-pull(1).

import { text, toggle } from "../../cli/flag.ts";
import { pull } from "../../image/pull.ts";
import { refuse } from "../container/written/refuse.ts";
import { progressOf } from "../pulling.ts";
import { prompter } from "../short-name-prompt.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";
import { blobCache } from "../shared-flags.ts";
import { ordered } from "./operands.ts";
import { decryptionKey, platformFlags, registryFlags, retryFlags, systemOf } from "./registry-flags.ts";

const policies = { missing: "missing", always: "always", never: "never", ifnewer: "newer", newer: "newer" } as const;

export default verb({
  usage: "[flags] IMAGE",
  about: "  Pulls an image from a registry and stores it locally.\n  An image can be pulled using its tag or digest. If a tag is not\n  specified, the image with the 'latest' tag (if it exists) is pulled.",
  operands: ordered({ missing: "an image name must be specified", most: 1, complete: imageNames }),
  interspersed: false,
  flags: {
    ...registryFlags,
    ...retryFlags,
    ...platformFlags,
    allTags: toggle({ short: "a", help: "download all tagged images in the repository" }),
    blobCache,
    decryptionKey,
    policy: text({ help: "missing, always, ifnewer, or never.", fallback: "missing" }),
    quiet: toggle({ short: "q", help: "don't output progress information when pulling images" }),
    removeSignatures: toggle({ help: "don't copy signatures when pulling image" }),
  },
  examples: ["buildah pull imagename", "buildah pull docker-daemon:imagename:imagetag", "buildah pull myregistry/myrepository/imagename:imagetag"],
  async run({ context, flags, given, operands }) {
    const system = systemOf(context, flags, given);
    const policy = Object.hasOwn(policies, flags.policy) ? policies[flags.policy as keyof typeof policies] : undefined;
    if (policy === undefined) throw refuse(`unsupported pull policy ${JSON.stringify(flags.policy)}`);
    const prompt = prompter();
    const pulled = await pull(operands[0]!, {
      store: context.host.store, system, policy, allTags: flags.allTags,
      removeSignatures: flags.removeSignatures, onProgress: progressOf(context, flags.quiet), ...(prompt ? { prompt } : {}),
    });
    context.out(pulled[0]?.id ?? "");
  },
});
