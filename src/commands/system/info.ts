// podman info: this host, its store and our build.

import { text } from "../../cli/flag.ts";
import { none } from "../../cli/operands.ts";
import { showOne } from "../../cli/view.ts";
import { info } from "../../engine/info.ts";
import { verb } from "../verb.ts";
import { infoNames } from "./info-names.ts";

export default verb({
  usage: "[options]",
  about: "Display information pertaining to the host, current storage stats, and build of podman.\n\n  Useful for the user and when reporting issues.\n",
  operands: none(),
  flags: { format: text({ short: "f", help: "Change the output format to JSON or a Go template" }) },
  examples: ["podman info"],
  async run({ context, flags }) {
    const facts = await info(context.host);
    if (flags.format === undefined || flags.format === "") {
      const { toYaml } = await import("../yaml-text.ts");
      context.write(toYaml(facts));
      return;
    }
    context.write(await showOne(facts, flags.format, { name: "info", type: "define.Info", jsonIndent: "  ", aliases: infoNames(facts) }));
  },
});
