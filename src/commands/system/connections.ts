// podman system connection list: the remote services known here. Remote use is not built yet, so there are none.

import { text, toggle } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options]",
  about: "List destination for the Podman service(s)",
  operands: none(),
  flags: {
    format: text({ short: "f", help: "Custom Go template for printing connections" }),
    quiet: toggle({ short: "q", help: "Display only names" }),
  },
  needs: "nothing",
  run({ context, flags }) {
    if (flags.format === "json") context.out("[]");
    else if (!flags.quiet && flags.format === undefined) context.out("Name        URI         Identity    Default     ReadWrite");
  },
});
