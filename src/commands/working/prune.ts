// buildah prune: what nothing needs any more, of images and of builds' caches.
// Source: buildah-prune(1).

import { toggle } from "../../cli/flag.ts";
import { removeBuildCaches } from "../../engine/steps/cache-directory.ts";
import { removeImagesOf } from "../../engine/images.ts";
import { verb } from "../verb.ts";
import { ordered } from "./operands.ts";
import { report } from "./rmi.ts";

export default verb({
  usage: "[flags]",
  about: "\nCleanup intermediate images as well as build and mount cache.",
  frees: true,
  operands: ordered({}),
  interspersed: false,
  flags: {
    all: toggle({ short: "a", help: "remove all unused images" }),
    force: toggle({ short: "f", help: "force removal of the image and any containers using the image" }),
  },
  examples: ["buildah prune", "buildah prune --force"],
  async run({ context, flags, operands }) {
    removeBuildCaches(context.host);
    const filters = flags.all ? (flags.force ? [] : ["containers=false"]) : ["dangling=true"];
    report(context, await removeImagesOf(context.host, operands, { force: flags.force, filters }));
  },
});
