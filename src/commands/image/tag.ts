// podman tag: more names for an image.

import { atLeast } from "../../cli/operands.ts";
import { imageEvent } from "../../engine/images.ts";
import { lookupAny } from "../../image/resolve.ts";
import { tagImage } from "../../image/names.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "IMAGE TARGET_NAME [TARGET_NAME...]",
  about: "Adds one or more additional names to locally-stored image.",
  operands: atLeast(2, imageNames),
  flags: {},
  examples: ["podman tag 0e3bbc2 fedora:latest", "podman tag imageID:latest myNewImage:newTag", "podman tag httpd myregistryhost:5000/fedora/httpd:v2"],
  run({ context, operands }) {
    const [image, ...names] = operands;
    tagImage(context.host.store, image!, names, context.host.imageSystem);
    const id = lookupAny(context.host.store, image!, context.host.imageSystem)?.image.id;
    for (const name of names) imageEvent(context.host, "tag", { id, name });
  },
});
