// manifest annotate: what a manifest list says of one of its entries, or of itself.
// Source: podman-manifest-annotate(1), buildah-manifest-annotate(1).

import { text, toggle } from "../../cli/flag.ts";
import { between } from "../../cli/operands.ts";
import { changeEntry, getList, write, type ManifestList } from "../../image/manifest-list.ts";
import { entryOf, subjectOf } from "../../image/manifest-list-add.ts";
import { refuse } from "../container/written/refuse.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";
import { annotationsOf, changeOf, entryFlags, isBuildah } from "./words.ts";

const ofEntries = ["os", "osVersion", "osFeatures", "arch", "variant", "features"] as const;

export default verb({
  usage: "[options] LIST IMAGEORARTIFACT",
  about: "Adds or updates information about an entry in a manifest list or image index.",
  operands: between(1, 2, imageNames),
  flags: {
    ...entryFlags,
    index: toggle({ help: "apply annotations to the image index itself" }),
    subject: text({ value: "IMAGE", help: "set the subject to which the image index refers" }),
  },
  examples: ["podman manifest annotate --annotation left=right mylist:v1.11 sha256:15352d97781ffdf357bf3459c037be3efac4133dc9070c2dce7eca7c05c3e736"],
  async run({ context, flags, given, operands }) {
    const [name, instance] = operands as [string, string?];
    const index = flags.index || flags.subject !== undefined;
    if (index && instance !== undefined) throw refuse(`did not expect image or artifact name "${instance}" when modifying the entire index`);
    if (!index && instance === undefined) throw refuse("expected an instance digest, image name, or artifact name");
    const { store, imageSystem: system } = context.host;
    const list = getList(store, name, system);
    if (instance !== undefined) {
      const digest = await entryOf(list, instance, { store, system });
      write(store, changeEntry(list, digest, changeOf(flags)));
      return context.out(isBuildah(context) ? `${list.id}: ${digest}` : list.id);
    }
    const wrong = ofEntries.find((key) => given.has(key));
    if (wrong) throw refuse(`--index is not compatible with --${wrong.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    const subject = flags.subject === undefined ? {} : { subject: await subjectOf(flags.subject, { store, system }) };
    write(store, withAnnotations({ ...list, index: { ...list.index, ...subject } }, annotationsOf(flags.annotation)));
    context.out(list.id);
  },
});

const withAnnotations = (list: ManifestList, annotations: Readonly<Record<string, string>>): ManifestList =>
  Object.keys(annotations).length === 0 ? list : { ...list, index: { ...list.index, annotations: { ...list.index.annotations, ...annotations } } };
