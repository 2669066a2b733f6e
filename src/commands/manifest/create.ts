// manifest create: a new manifest list, with images in it or none.
// Source: podman-manifest-create(1), buildah-manifest-create(1).

import { texts, toggle } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import { createList, findList, write } from "../../image/manifest-list.ts";
import { addToList } from "../../image/manifest-list-add.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageSystem } from "../pulling.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";
import { annotationsOf } from "./words.ts";

export default verb({
  usage: "[options] LIST [IMAGE...]",
  about: "Creates manifest lists or image indexes.",
  operands: atLeast(1, imageNames),
  flags: {
    all: toggle({ help: "add all of the lists' images if the images to add are lists" }),
    amend: toggle({ short: "a", help: "modify an existing list if one with the desired name already exists" }),
    annotation: texts({ help: "set annotations on the new list" }),
    insecure: toggle({ help: "neither require HTTPS nor verify certificates when accessing the registry", hidden: true }),
    tlsVerify: toggle({ help: "require HTTPS and verify certificates when accessing the registry", fallback: true }),
  },
  examples: ["podman manifest create mylist:v1.11", "podman manifest create mylist:v1.11 arch-specific-image-to-add", "podman manifest create --all mylist:v1.11 transport:tagged-image-to-add"],
  async run({ context, flags, given, operands }) {
    const [name, ...images] = operands as [string, ...string[]];
    if (flags.insecure && given.has("tlsVerify")) throw refuse("--insecure may not be used with --tls-verify");
    const { store } = context.host;
    const system = imageSystem(context, { tlsVerify: flags.insecure ? false : flags.tlsVerify }, flags.insecure ? new Set([...given, "tlsVerify"]) : given);
    const known = flags.amend ? findList(store, name, system) : undefined;
    let list = known ?? createList(store, name);
    try {
      if (flags.annotation.length > 0) list = { ...list, index: { ...list.index, annotations: { ...list.index.annotations, ...annotationsOf(flags.annotation) } } };
      for (const image of images) ({ list } = await addToList(list, image, { store, system, all: flags.all }));
      write(store, list);
    } catch (thrown) {
      if (known === undefined) store.images.remove(list.id);
      throw thrown;
    }
    context.out(list.id);
  },
});
