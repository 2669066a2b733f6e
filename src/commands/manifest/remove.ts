// manifest remove: one entry less in a manifest list.
// Source: podman-manifest-remove(1), buildah-manifest-remove(1).

import { exactly } from "../../cli/operands.ts";
import { getList, removeEntry, write } from "../../image/manifest-list.ts";
import { entryOf } from "../../image/manifest-list-add.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";
import { isBuildah } from "./words.ts";

export default verb({
  usage: "LIST DIGEST",
  about: "Removes an item from a manifest list or image index.",
  operands: exactly(2, imageNames),
  flags: {},
  examples: ["podman manifest remove mylist:v1.11 sha256:15352d97781ffdf357bf3459c037be3efac4133dc9070c2dce7eca7c05c3e736"],
  async run({ context, operands }) {
    const [name, instance] = operands as [string, string];
    const { store, imageSystem: system } = context.host;
    const list = getList(store, name, system);
    const digest = await entryOf(list, instance, { store, system });
    write(store, removeEntry(list, digest));
    context.out(isBuildah(context) ? `${list.id}: ${digest}` : list.id);
  },
});
