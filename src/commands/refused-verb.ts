// What a verb of the original does that this build does not have: it says so.

import { Fault } from "../base/fault.ts";
import { any } from "../cli/operands.ts";
import { verb } from "./verb.ts";

export const refusedVerb = (reason: string) => verb({
  usage: "",
  about: `Not in this build: ${reason}.`,
  operands: any(),
  flags: {},
  needs: "nothing",
  unparsed: true,
  run({ path }) {
    throw new Fault("usage.unsupported", `cannot run "${path}": ${reason}`);
  },
});
