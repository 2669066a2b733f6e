// skopeo inspect: what an image is, without fetching its layers.

import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { text, toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { noPolicy } from "../../image/no-policy.ts";
import type { Reference } from "../../image/reference.ts";
import type { ImageSystem } from "../../image/system.ts";
import { dockerReference, openSource, parseImageName } from "../../image/transport.ts";
import type { Inspection } from "./inspected.ts";
import { authfile, imageFlags, retryFlags, said, sideSystem, transportsHelp, worldOf } from "./sides.ts";
import { verb } from "./verb.ts";
import { imageNames, refuseManyWords } from "./words.ts";

export default verb({
  usage: "[command options] IMAGE-NAME",
  about: `Return low-level information about "IMAGE-NAME" in a registry/transport\n  ${transportsHelp}`,
  operands: refuseManyWords(exactly(1, imageNames), "Exactly one argument expected"),
  flags: {
    authfile,
    ...imageFlags(""),
    ...retryFlags,
    config: toggle({ help: "output configuration" }),
    format: text({ short: "f", help: "Format the output to a Go template" }),
    noTags: toggle({ short: "n", help: "Do not list the available tags from the repository in the output" }),
    raw: toggle({ help: "output raw manifest or configuration" }),
  },
  needs: "nothing",
  examples: [
    "skopeo inspect docker://registry.fedoraproject.org/fedora",
    "skopeo inspect --config docker://docker.io/alpine",
    'skopeo inspect --format "Name: {{.Name}} Digest: {{.Digest}}" docker://registry.access.redhat.com/ubi8',
  ],
  async run(call) {
    const { context, flags, operands: [name = ""] } = call;
    const wish = flags as unknown as Inspection & { readonly noTags: boolean };
    if (wish.raw && wish.format) throw new Fault("usage.invalid", "raw output does not support format option");
    // Reading about an image is not running it: the trust policy has no say here.
    const system: ImageSystem = { ...sideSystem(call, ""), policy: noPolicy(), clients: new Map() };
    const parsed = await said(`Error parsing image name ${JSON.stringify(name)}`, () => parseImageName(name));
    const wantsTags = !wish.raw && !wish.config && !wish.noTags && parsed.transport === "docker";
    const opening = quietly(said(`Error parsing image name ${JSON.stringify(name)}`, () => openSource(parsed, worldOf(context, system))));
    const tags = wantsTags ? quietly(tagsOf(dockerReference(parsed.rest), system)) : [];
    // What shows the answer is loaded while the registry thinks about it.
    await new Promise(asked => setImmediate(asked));
    const { inspected } = await import("./inspected.ts");
    const source = await opening;
    try {
      const raw = await said("Error retrieving manifest for image", () => source.manifest());
      context.write(await inspected(raw, { wish, source, tags, platform: system.platform }));
    } finally {
      await source.close();
    }
  },
});

/** Asked for beside the manifest; a failure is met where the answer is needed, after what is wrong with the image itself. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** Some registries keep the list to themselves; the image can be described without it. */
async function tagsOf(reference: Reference, system: ImageSystem): Promise<readonly string[]> {
  const { registryTags } = await import("../../image/transports/registry.ts");
  const { refusalOf } = await import("../../registry/refusal.ts");
  try {
    return await registryTags(reference, system);
  } catch (thrown) {
    const refusal = refusalOf(thrown);
    if (refusal?.code === "DENIED" || (refusal?.status === 404 && refusal.code === undefined)) {
      log.warn("Registry disallows tag list retrieval; skipping");
      return [];
    }
    return said("Error determining repository tags", () => {
      throw thrown;
    });
  }
}
