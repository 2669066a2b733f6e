// buildah rmi, prune: images' end, in buildah's words.
// Source: buildah-rmi(1).

import { Fault } from "../../base/fault.ts";
import { toggle } from "../../cli/flag.ts";
import { removeImagesOf } from "../../engine/images.ts";
import type { RemovedImages } from "../../image/remove.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageNames } from "../suggest.ts";
import { verb, type Invocation } from "../verb.ts";
import { refuseLateOptions } from "./operands.ts";

export default verb({
  usage: "[flags] IMAGE [IMAGE...]",
  about: "\n  Removes one or more locally stored images.",
  frees: true,
  operands: { complete: imageNames, check() {} },
  interspersed: false,
  flags: {
    all: toggle({ short: "a", help: "remove all images" }),
    force: toggle({ short: "f", help: "force removal of the image and any containers using the image" }),
    prune: toggle({ short: "p", help: "prune dangling images" }),
  },
  examples: ["buildah rmi imageID", "buildah rmi --all --force", "buildah rmi imageID1 imageID2 imageID3"],
  async run({ context, flags, operands }) {
    const { all, prune, force } = flags;
    if (operands.length === 0 && !all && !prune) throw refuse("image name or ID must be specified");
    if (operands.length > 0 && all) throw refuse("when using the --all switch, you may not pass any images names or IDs");
    if (all && prune) throw refuse("when using the --all switch, you may not use --prune switch");
    if (operands.length > 0 && prune) throw refuse("when using the --prune switch, you may not pass any images names or IDs");
    refuseLateOptions(operands);
    report(context, await removeImagesOf(context.host, operands, { force, filters: prune ? ["dangling=true"] : [] }));
  },
});

/** @throws Fault of all that went wrong */
export function report(context: Invocation, removed: RemovedImages): void {
  for (const name of removed.untagged) context.out(`untagged: ${name}`);
  for (const id of removed.deleted) context.out(id);
  const [first, ...more] = removed.faults;
  if (first === undefined) return;
  if (more.length === 0) throw asMany([first]);
  throw asMany(removed.faults);
}

function asMany(faults: readonly Fault[]): Fault {
  const heading = faults.length === 1 ? "1 error occurred:" : `${faults.length} errors occurred:`;
  return new Fault(faults[0]!.code, `${heading}\n\t* ${faults.map(({ message }) => message).join("\n\t* ")}\n\n`, { cause: faults[0], exit: 125 });
}
