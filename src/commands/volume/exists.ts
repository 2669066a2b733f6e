// podman volume exists: status 0 when there is one of that name, 1 when not.

import { exactly } from "../../cli/operands.ts";
import { volumeNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  looks: true,
  usage: "VOLUME",
  about: "If the given volume exists, podman volume exists exits with 0, otherwise the exit code will be 1.",
  operands: exactly(1, volumeNames),
  flags: {},
  examples: ["podman volume exists myvol"],
  run({ context, operands }) {
    return context.host.state.findVolume(operands[0]!) ? 0 : 1;
  },
});
