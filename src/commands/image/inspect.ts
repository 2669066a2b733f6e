// podman image inspect.

import { atLeast } from "../../cli/operands.ts";
import { formatFlag, inspectEach } from "../inspect.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  looks: true,
  usage: "[options] IMAGE [IMAGE...]",
  about: "Displays the low-level information of an image identified by name or ID.",
  operands: atLeast(1, imageNames),
  flags: { format: formatFlag },
  examples: [
    "podman image inspect alpine",
    'podman image inspect --format "imageId: {{.Id}} size: {{.Size}}" alpine',
    'podman image inspect --format "image: {{.ImageName}} driver: {{.Driver}}" myctr',
  ],
  async run({ context, flags, operands }) {
    await inspectEach(context, operands, { kinds: ["image"], format: flags.format });
    return context.exitStatus;
  },
});
