// podman volume inspect.

import { toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { listVolumes } from "../../engine/volumes/volumes.ts";
import { refuse } from "../container/written/refuse.ts";
import { formatFlag, inspectEach } from "../inspect.ts";
import { volumeNames } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  looks: true,
  usage: "[options] VOLUME [VOLUME...]",
  about: "Display detailed information on one or more volumes.\n\n  Use a Go template to change the format from JSON.",
  operands: any(volumeNames),
  flags: { all: toggle({ short: "a", help: "Inspect all volumes" }), format: formatFlag },
  examples: ["podman volume inspect myvol", "podman volume inspect --all", 'podman volume inspect --format "{{.Driver}} {{.Scope}}" myvol'],
  async run({ context, flags, operands }) {
    if (flags.all === operands.length > 0) throw refuse("provide one or more volume names or use --all");
    const names = flags.all ? listVolumes(context.host).map(({ name }) => name) : operands;
    await inspectEach(context, names, { kinds: ["volume"], format: flags.format });
    return context.exitStatus;
  },
});
