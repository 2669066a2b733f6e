// podman untag: names taken away from an image; all of them when none is given.

import { atLeast } from "../../cli/operands.ts";
import { imageEvent } from "../../engine/images.ts";
import { nameToGive, referenceText } from "../../image/reference.ts";
import { findImage } from "../../image/resolve.ts";
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
    const found = findImage(context.host.store, image!, context.host.imageSystem);
    untagImage(context.host.store, image!, names, context.host.imageSystem);
    for (const name of names.length > 0 ? names.map(one => referenceText(nameToGive(one))) : found?.names ?? []) {
      imageEvent(context.host, "untag", { id: found?.id, name });
    }
  },
});
