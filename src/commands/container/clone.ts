// podman container clone: a new container with the settings of another one.
// Source: podman-container-clone(1).

import type { ContainerSpec } from "../../base/container-spec.ts";
import { fill, text, toggle } from "../../cli/flag.ts";
import { between } from "../../cli/operands.ts";
import { clone } from "../../engine/containers/clone.ts";
import { start } from "../../engine/containers/start.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";
import { resourceFlags } from "./limit-flags.ts";
import { refuse } from "./written/refuse.ts";

const { kernelMemory: _gone, deviceReadIops: _reads, deviceWriteIops: _writes, pidsLimit: _pids, ...limits } = resourceFlags;

export default verb({
  usage: "[options] CONTAINER NAME IMAGE",
  about: "Creates a copy of an existing container.",
  operands: between(1, 3, allContainers),
  flags: {
    ...limits,
    destroy: toggle({ help: "destroy the original container" }),
    force: toggle({ short: "f", help: "force the existing container to be destroyed" }),
    name: text({ help: "Assign a name to the container" }),
    pod: text({ help: "Run container in an existing pod", refused: "there are no pods yet" }),
    run: toggle({ help: "run the new container" }),
  },
  examples: ["podman container clone container_name new_name image_name"],
  async run({ context, flags, given, operands }) {
    if (flags.force && !flags.destroy) throw refuse("cannot set --force without --destroy: invalid argument");
    const [original, newName, imageName] = operands;
    const spec: ContainerSpec = {};
    fill(limits, { flags, given }, spec);
    const name = newName ?? flags.name;
    const created = await clone(context.host, original!, {
      ...(name === undefined ? {} : { name }),
      ...(imageName === undefined ? {} : { imageName }),
      ...(spec.resources ? { resources: spec.resources } : {}),
      destroy: flags.destroy, force: flags.force,
    });
    if (flags.run) await start(context.host, created.id);
    context.out(created.id);
  },
});
