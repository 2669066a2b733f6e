// podman volume export: a volume's files as a tar archive.
// Source: podman-volume-export(1).

import { files } from "../../cli/complete.ts";
import { text } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { exportVolume } from "../../engine/volumes/archive.ts";
import { getVolume } from "../../engine/volumes/volumes.ts";
import { refuse } from "../container/written/refuse.ts";
import { writeTo } from "../output-file.ts";
import { volumeNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] VOLUME",
  about: "\npodman volume export\n\nAllow content of volume to be exported into external tar.",
  operands: exactly(1, volumeNames),
  flags: {
    output: text({ short: "o", help: "Write to a specified file (default: stdout, which must be redirected)", complete: files }),
  },
  async run({ context, flags, operands }) {
    const [name] = operands;
    if (flags.output === "") throw refuse("must provide valid path for file to write to");
    getVolume(context.host, name!);
    const to = { path: flags.output, refusal: "cannot write to terminal, use command-line redirection or the --output flag" };
    await writeTo(context, to, (write) => exportVolume(context.host, name!, write));
  },
});
