// podman untag: names taken away from an image; all of them when none is given.

import { atLeast } from "../../cli/operands.ts";
import { untagImage } from "../../image/names.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "IMAGE [IMAGE...]",
  about: "Removes one or more names from a locally-stored image.",
  operands: atLeast(1, imageNames),
  flags: {},
  examples: ["podman untag 0e3bbc2", "podman untag imageID:latest otherImageName:latest", "podman untag httpd myregistryhost:5000/fedora/httpd:v2"],
  run({ context, operands }) {
    const [image, ...names] = operands;
    untagImage(context.host.store, image!, names, context.host.imageSystem);
  },
});
