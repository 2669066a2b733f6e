// podman image exists: status 0 when the image is in the store, 1 when not.

import { exactly } from "../../cli/operands.ts";
import { imageExists } from "../../image/resolve.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  looks: true,
  usage: "IMAGE",
  about: "If the named image exists in local storage, podman image exists exits with 0, otherwise the exit code will be 1.",
  operands: exactly(1, imageNames),
  flags: {},
  examples: ["podman image exists ID", "podman image exists IMAGE && podman pull IMAGE"],
  run({ context, operands }) {
    return imageExists(context.host.store, operands[0]!, context.host.imageSystem) ? 0 : 1;
  },
});
