// buildah tag: more names for an image or a manifest list.
// Source: buildah-tag(1).

import { atLeast } from "../../cli/operands.ts";
import { tagImage } from "../../image/names.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "IMAGE NAME [NAME...]",
  about: "\n  Adds one or more additional names to locally-stored image.",
  operands: atLeast(2, imageNames),
  flags: {},
  examples: ["buildah tag imageName firstNewName", "buildah tag imageName firstNewName SecondNewName"],
  run({ context, operands }) {
    const [image, ...names] = operands;
    tagImage(context.host.store, image!, names, context.host.imageSystem);
  },
});
