// podman help: a place in the table of contents; the program itself shows the pages.

import { any } from "../../cli/operands.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[command]",
  about: "Help provides help for any command in the application.",
  operands: any(),
  flags: {},
  needs: "nothing",
  unparsed: true,
  run() {},
});
