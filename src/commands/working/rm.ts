// buildah rm: working containers' end.
// Source: buildah-rm(1).

import { toggle } from "../../cli/flag.ts";
import { getWorking, workingContainers } from "../../engine/working/records.ts";
import { removeWorking } from "../../engine/working/remove.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb } from "../verb.ts";
import { eachOf, inFront, ordered, refuseLateOptions, workingNames } from "./operands.ts";

export default verb({
  usage: "[flags] CONTAINER [CONTAINER...]",
  about: "\n  Removes one or more working containers, unmounting them if necessary.",
  frees: true,
  operands: { ...ordered({ complete: workingNames }), check() {} },
  interspersed: false,
  flags: { all: toggle({ short: "a", help: "remove all containers" }) },
  examples: ["buildah rm containerID", "buildah rm containerID1 containerID2 containerID3", "buildah rm --all"],
  async run({ context, flags, operands }) {
    if (operands.length === 0 && !flags.all) throw refuse("container ID must be specified");
    if (operands.length > 0 && flags.all) throw refuse("when using the --all switch, you may not pass any containers names or IDs");
    refuseLateOptions(operands);
    const { host } = context;
    const names = flags.all ? workingContainers(host).map(({ id }) => id) : operands;
    await eachOf(names, async (name) => {
      try {
        const record = getWorking(host, name);
        await removeWorking(host, record);
        context.out(record.id);
      } catch (thrown) {
        throw inFront(`removing container ${JSON.stringify(name)}`, thrown);
      }
    }, context.err);
  },
});
