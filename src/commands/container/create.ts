// podman create: makes a container without starting it.

import { natural, toggle } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import { create } from "../../engine/containers/create.ts";
import { imageThenFiles } from "../suggest.ts";
import { verb } from "../verb.ts";
import { createFlags } from "./create-flags.ts";
import { createOptionsOf, specOf } from "./spec-of-line.ts";

export default verb({
  usage: "[options] IMAGE [COMMAND [ARG...]]",
  about: "Creates a new container from the given image or storage and prepares it for running the specified command.\n\n  The container ID is then printed to stdout. You can then start it at any time with the podman start <container_id> command. The container will be created with the initial state 'created'.",
  operands: atLeast(1, imageThenFiles),
  interspersed: false,
  flags: {
    ...createFlags,
    initCtr: toggle({ help: "Run this container as an init container of its pod", hidden: true }),
    preserveFds: natural({ help: "Pass a number of additional file descriptors into the container", hidden: true }),
  },
  examples: [
    "podman create alpine ls",
    'podman create --annotation HELLO=WORLD alpine ls',
    "podman create -t -i --name myctr alpine ls",
  ],
  async run(line) {
    const { context } = line;
    const spec = specOf(line);
    const created = await create(context.host, spec, createOptionsOf(line));
    for (const warning of created.warnings) context.err(warning);
    if (!spec.log?.driver.startsWith("passthrough")) context.out(created.id);
  },
});
