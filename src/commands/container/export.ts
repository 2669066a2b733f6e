// podman export: a container's root as a tar archive.
// Source: podman-export(1).

import { files } from "../../cli/complete.ts";
import { text } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { exportRoot } from "../../engine/containers/export.ts";
import { writeTo } from "../output-file.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

export default verb({
  usage: "[options] CONTAINER",
  about: "Exports container's filesystem contents as a tar archive and saves it on the local machine.",
  operands: exactly(1, allContainers),
  flags: {
    output: text({ short: "o", help: "Write to a specified file (default: stdout, which must be redirected)", complete: files }),
  },
  examples: ["podman export ctrID > myCtr.tar", 'podman export --output="myCtr.tar" ctrID'],
  async run({ context, flags, operands }) {
    if (flags.output?.includes(":")) throw refuse(`invalid filename (should not contain ':') "${flags.output}"`);
    const to = { path: flags.output, refusal: "refusing to export to terminal. Use -o flag or redirect" };
    await writeTo(context, to, (write) => exportRoot(context.host, operands[0]!, write));
  },
});
