// podman update: new limits, health checks and policies for a container that is there.
// Source: podman-update(1).

import type { ContainerSpec } from "../../base/container-spec.ts";
import { fill } from "../../cli/flag.ts";
import { nameOrLatest } from "../../cli/operands.ts";
import { latest as latestOf } from "../../engine/containers/lookup.ts";
import { update } from "../../engine/containers/update.ts";
import { latest } from "../shared-flags.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";
import { healthFlags } from "./health-flags.ts";
import { limitFlags, resourceFlags } from "./limit-flags.ts";
import { processFlags } from "./process-flags.ts";
import { refuse } from "./written/refuse.ts";

const { kernelMemory: _gone, ...limits } = resourceFlags;
const specFlags = { ...limits, ...healthFlags, env: processFlags.env, restart: processFlags.restart, ulimit: limitFlags.ulimit, unsetenv: processFlags.unsetenv };

export default verb({
  usage: "[options] CONTAINER",
  about: "Updates the configuration of an existing container, allowing changes to resource limits and healthchecks",
  operands: nameOrLatest(allContainers),
  flags: { ...specFlags, latest },
  exits: { "runtime.failed": 125 },
  examples: ["podman update --cpus=5 foobar_container"],
  async run({ context, flags, given, operands }) {
    if (given.has("noHealthcheck") && flags.noHealthcheck && given.has("healthCmd")) throw refuse("cannot specify both --no-healthcheck and --health-cmd");
    const spec: ContainerSpec = {};
    fill(specFlags, { flags, given }, spec);
    const name = flags.latest ? latestOf(context.host).id : operands[0]!;
    context.out(await update(context.host, name, spec));
  },
});
