// manifest rm: manifest lists' end; the images in them stay.
// Source: podman-manifest-rm(1), buildah-manifest-rm(1).

import { toggle } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import { removeImagesOf } from "../../engine/images.ts";
import { getList } from "../../image/manifest-list.ts";
import { lookupAny } from "../../image/resolve.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";
import { report } from "../working/rmi.ts";
import { isBuildah } from "./words.ts";

export default verb({
  usage: "[options] LIST [LIST...]",
  about: "Remove one or more manifest lists or image indexes from local storage.",
  frees: true,
  operands: atLeast(1, imageNames),
  flags: { ignore: toggle({ short: "i", help: "Ignore errors when a specified manifest is missing" }) },
  examples: ["podman manifest rm mylist:v1.11"],
  async run({ context, flags, operands }) {
    const { store, imageSystem } = context.host;
    for (const name of operands) if (lookupAny(store, name, imageSystem)) getList(store, name, imageSystem);
    const removed = await removeImagesOf(context.host, operands, { ignore: flags.ignore });
    if (isBuildah(context)) return report(context, removed);
    for (const name of removed.untagged) context.out(`Untagged: ${name}`);
    for (const id of removed.deleted) context.out(`Deleted: ${id}`);
    for (const fault of removed.faults) context.failed(fault);
    return removed.exit;
  },
});
