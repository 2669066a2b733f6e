// podman image mount: the files of images at paths of the host.
// Source: podman-image-mount(1).

import { goJson } from "../../base/go-json.ts";
import { text, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { alignTabs } from "../../cli/table.ts";
import { mountedImages, mountedSummary, mountImages } from "../../engine/images-mount.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] [IMAGE...]",
  about: "podman image mount\n    Lists all mounted images mount points if no images is specified\n\n  podman image mount IMAGE-NAME-OR-ID\n    Mounts the specified image and prints the mountpoint\n",
  needs: "unshared",
  operands: any(imageNames),
  flags: {
    all: toggle({ short: "a", help: "Mount all images" }),
    format: text({ help: "Print the mounted images in specified format (json)", complete: () => ["json"] }),
  },
  examples: ["podman image mount imgID", "podman image mount imgID1 imgID2 imgID3", "podman image mount", "podman image mount --all"],
  async run({ context, flags, operands }) {
    if (operands.length > 0 && flags.all) throw refuse("when using the --all switch, you may not pass any image names or IDs");
    if (flags.format !== undefined && flags.format !== "json") throw refuse(`unknown --format argument: "${flags.format}"`, "the only format is json");
    const lists = operands.length === 0 && !flags.all;
    const mounted = lists ? mountedImages(context.host) : mountImages(context.host, operands, flags.all);
    if (flags.format === "json") {
      context.out(goJson(mounted.map((one) => mountedSummary(one)), { indent: " " }));
    } else if (operands.length === 1) {
      context.out(mounted[0]!.path);
    } else {
      context.write(alignTabs(mounted.map(({ image, path }) => `${image.names[0] ?? image.id}\t${path}\n`).join("")));
    }
  },
});
