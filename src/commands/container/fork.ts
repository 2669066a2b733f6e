// podman container fork: copies of a running container, each going on from where it is now.

import { natural, text, toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { fork } from "../../engine/checkpoints/fork.ts";
import { report } from "../outcomes.ts";
import { runningContainers } from "../suggest.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] CONTAINER",
  about: "Makes copies of a running container in one step: it is dumped once and runs on, and each copy goes on from that moment, with a name, an address, files and volumes of its own. Published ports of a copy get free ports of the host.",
  operands: exactly(1, runningContainers),
  flags: {
    allowLabelLoss: toggle({ help: "Let the copies run without an SELinux label where criu cannot give it to them" }),
    count: natural({ short: "n", help: "Number of copies", fallback: 1, shown: "1" }),
    fileLocks: toggle({ help: "Copy a container that holds file locks" }),
    name: text({ help: "What the copies are called, before their number (default the name of the container and -fork)" }),
    tcpClose: toggle({ help: "Copy a container with open TCP connections, which are closed in the copies" }),
  },
  examples: ["podman container fork db -n 8", "podman container fork --name test db --count 2"],
  async run({ context, flags, operands }) {
    const { name, ...asked } = flags;
    report(context, await fork(context.host, operands[0]!, { ...asked, ...(name === undefined ? {} : { name }) }));
  },
});
