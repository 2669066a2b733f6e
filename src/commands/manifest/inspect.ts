// manifest inspect: a manifest list of the store, or the index a registry has.
// Source: podman-manifest-inspect(1), buildah-manifest-inspect(1).

import { goJson } from "../../base/go-json.ts";
import { toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { findList, inspectList } from "../../image/manifest-list.ts";
import { remoteIndex } from "../../image/remote-index.ts";
import type { ImageSystem } from "../../image/system.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageSystem } from "../pulling.ts";
import { authfile } from "../shared-flags.ts";
import { imageNames } from "../suggest.ts";
import { verb, type Invocation } from "../verb.ts";

export default verb({
  usage: "[options] IMAGE",
  about: "Display the contents of a manifest list or image index.",
  operands: exactly(1, imageNames),
  flags: {
    authfile,
    insecure: toggle({ help: "neither require HTTPS nor verify certificates when accessing the registry", hidden: true }),
    tlsVerify: toggle({ help: "require HTTPS and verify certificates when accessing the registry", fallback: true }),
    verbose: toggle({ short: "v", help: "Added for Docker compatibility", hidden: true }),
  },
  examples: ["podman manifest inspect localhost/list"],
  async run({ context, flags, given, operands }) {
    if (flags.insecure && given.has("tlsVerify")) throw refuse("--insecure may not be used with --tls-verify");
    const system = imageSystem(context, flags.insecure ? { ...flags, tlsVerify: false } : flags, flags.insecure ? new Set([...given, "tlsVerify"]) : given);
    if (operands[0] === "") throw refuse('invalid image name ""');
    await showList(context, operands[0]!, system);
  },
});

/** @throws Fault where neither the store nor a registry knows it, or knows an image only */
export async function showList(context: Invocation, name: string, system: ImageSystem): Promise<void> {
  const { store } = context.host;
  const found = findList(store, name, system);
  context.out(goJson(found ? inspectList(found) : await remoteIndex(name, { store, system }), { indent: "    ", escapeHtml: false }));
}
