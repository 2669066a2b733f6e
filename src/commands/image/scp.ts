// podman image scp: an image to or from another user of this machine.
// Source: podman-image-scp(1).

import { Fault } from "../../base/fault.ts";
import { toggle } from "../../cli/flag.ts";
import { between } from "../../cli/operands.ts";
import { transferImage } from "../../engine/transfer.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] IMAGE [HOST::]",
  about: "Securely copy an image from one host to another.",
  operands: between(1, 2, imageNames),
  flags: { quiet: toggle({ short: "q", help: "Suppress the output" }) },
  examples: ["podman image scp myimage:latest otherhost::"],
  needs: "nothing",
  async run({ context, flags, operands }) {
    const [source, destination] = operands as [string, string?];
    const from = placeOf(source);
    const to = destination === undefined ? { user: undefined, rest: "" } : placeOf(destination);
    if (from.rest === "") throw refuse("must specify an image to copy", "write it as [USER@localhost::]IMAGE");
    if (from.user === undefined && to.user === undefined) throw refuse("must specify a destination: invalid argument", "name a user of this machine, as in: podman image scp IMAGE ann@localhost::");
    const loaded = await transferImage({
      globals: context.argv.slice(1, context.argv.indexOf("image")), image: from.rest, from: from.user, to: to.user, quiet: flags.quiet, ...(to.rest === "" ? {} : { tag: to.rest }),
    });
    for (const name of loaded) context.out(`Loaded image: ${name}`);
  },
});

interface Place {
  /** undefined: who calls. */
  readonly user: string | undefined;
  /** An image, or the name it is to get. */
  readonly rest: string;
}

/** "[USER@HOST::]IMAGE". @throws Fault "usage.unsupported" for other machines */
function placeOf(written: string): Place {
  const at = written.indexOf("::");
  if (at < 0) return { user: undefined, rest: written };
  const [place, rest] = [written.slice(0, at), written.slice(at + 2)];
  const [, user, machine] = /^(?:([^@]*)@)?(.*)$/.exec(place)!;
  if (machine === "localhost" && user) return { user, rest };
  throw new Fault("usage.unsupported", `cannot copy to or from "${place}": remote use is not built yet`, {
    hint: "name a user of this machine, as in ann@localhost::, or use: podman push",
  });
}
