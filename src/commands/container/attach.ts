// podman attach: our streams become a running container's.

import { toggle } from "../../cli/flag.ts";
import { nameOrLatest } from "../../cli/operands.ts";
import { attach } from "../../engine/containers/attached.ts";
import { get, latest as latestOf } from "../../engine/containers/lookup.ts";
import { detachKeys, latest } from "../shared-flags.ts";
import { runningContainers } from "../suggest.ts";
import { verb } from "../verb.ts";
import { warn } from "../warnings.ts";

export default verb({
  usage: "[options] CONTAINER",
  about: "The podman attach command allows you to attach to a running container using the container's ID or name, either to view its ongoing output or to control it interactively.",
  operands: nameOrLatest(runningContainers),
  flags: {
    detachKeys,
    latest,
    noStdin: toggle({ help: "Do not attach STDIN. The default is false" }),
    sigProxy: toggle({ help: "Proxy received signals to the process", fallback: true }),
  },
  examples: ["podman attach ctrID", "podman attach 1234", "podman attach --no-stdin foobar"],
  async run({ context, flags, given, operands }) {
    const record = flags.latest ? latestOf(context.host) : get(context.host, operands[0]!);
    await attach(context.host, record.id, {
      stdin: !flags.noStdin,
      stdout: true,
      stderr: true,
      ...(given.has("detachKeys") ? { detachKeys: flags.detachKeys ?? "" } : {}),
      signalProxy: flags.sigProxy,
      onWarning: warn,
    });
  },
});
