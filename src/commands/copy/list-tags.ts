// skopeo list-tags: the tags of a repository, or the names in a docker-archive.

import { Fault } from "../../base/fault.ts";
import { goJson } from "../../base/go-json.ts";
import { exactly } from "../../cli/operands.ts";
import { atDockerHub, parseReference, repositoryOf } from "../../image/reference.ts";
import { findImageName, splitPath } from "../../image/transport.ts";
import type { ImageSystem } from "../../image/system.ts";
import { authfile, registryFlags, retryFlags, said, sideSystem } from "./sides.ts";
import { verb } from "./verb.ts";
import { imageNames, refuseManyWords } from "./words.ts";

export default verb({
  usage: "[command options] SOURCE-IMAGE",
  about:
    'Return the list of tags from the transport/repository "SOURCE-IMAGE"\n\n  Supported transports:\n  docker docker-archive\n\n' +
    '  See skopeo-list-tags(1) section "REPOSITORY NAMES" for the expected format',
  operands: refuseManyWords(exactly(1, imageNames), "Exactly one non-option argument expected"),
  flags: { authfile, ...registryFlags(""), ...retryFlags },
  needs: "nothing",
  examples: ["skopeo list-tags docker://docker.io/fedora"],
  async run(call) {
    const [text = ""] = call.operands;
    const system = sideSystem(call, "");
    const name = findImageName(text);
    if (name === undefined) throw new Fault("usage.invalid", `Invalid ${JSON.stringify(text)}: does not specify a transport`);
    if (name.transport === "docker") return call.context.out(goJson(await ofRepository(name.rest, system), { indent: "    " }));
    if (name.transport === "docker-archive") {
      return call.context.out(goJson({ Tags: await ofArchive(name.rest, system) }, { indent: "    " }));
    }
    const known = "Only supported: docker, docker-archive";
    throw new Fault("usage.unsupported", `Unsupported transport '${name.transport}' for tag listing. ${known}`);
  },
});

async function ofRepository(rest: string, system: ImageSystem): Promise<{ Repository: string; Tags: readonly string[] }> {
  const reference = atDockerHub(parseReference(rest));
  if (reference.tag !== undefined || reference.digest !== undefined) {
    throw new Fault("usage.invalid", "No tag or digest allowed in reference");
  }
  const { registryTags } = await import("../../image/transports/registry.ts");
  const Tags = await said("Error listing repository tags", () => registryTags(reference, system));
  return { Repository: repositoryOf(reference), Tags };
}

/** An image without a name goes by its place: "@1". */
async function ofArchive(rest: string, system: ImageSystem): Promise<string[]> {
  const { archivedImages } = await import("../../image/transports/docker-archive.ts");
  const { openArchive } = await import("../../image/archive.ts");
  const tree = await openArchive(splitPath(rest).path, system.tmpDir);
  try {
    return archivedImages(tree).flatMap((image, place) => (image.names.length > 0 ? image.names : [`@${place}`]));
  } finally {
    tree.close();
  }
}
