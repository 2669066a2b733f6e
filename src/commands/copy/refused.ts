// Verbs of skopeo that are not part of this version: refused by their names.

import { any } from "../../cli/operands.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "",
  about: "Not part of this version.",
  operands: any(),
  flags: {},
  needs: "nothing",
  unparsed: true,
  run({ path }) {
    throw refuse(`cannot run "${path}": it is not part of this version`);
  },
});
