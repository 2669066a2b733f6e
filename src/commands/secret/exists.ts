// podman secret exists: status 0 when there is one of that name or ID, 1 when not.
// Source: podman-secret-exists(1).

import { exactly } from "../../cli/operands.ts";
import { findSecret } from "../../engine/secrets/secrets.ts";
import { secretNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "SECRET",
  about: "If the named secret exists in local storage, podman secret exists exits with 0, otherwise the exit code will be 1.",
  operands: exactly(1, secretNames),
  flags: {},
  examples: ["podman secret exists ID", "podman secret exists SECRET || podman secret create SECRET <secret source>"],
  run({ context, operands }) {
    return findSecret(context.host, operands[0]!) ? 0 : 1;
  },
});
