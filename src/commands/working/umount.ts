// buildah umount: no more paths of the host for working containers' roots.
// Source: buildah-umount(1).

import { toggle } from "../../cli/flag.ts";
import { getWorking, workingContainers } from "../../engine/working/records.ts";
import { unmountWorking } from "../../engine/working/mount.ts";
import { refuse } from "../container/written/refuse.ts";
import { verb } from "../verb.ts";
import { eachOf, inFront, refuseLateOptions, workingNames } from "./operands.ts";

export default verb({
  usage: "[flags] CONTAINER [CONTAINER...]",
  about: "Unmounts the root file system of the specified working containers.",
  operands: { complete: workingNames, check() {} },
  interspersed: false,
  flags: { all: toggle({ short: "a", help: "umount all of the currently mounted containers" }) },
  examples: ["buildah umount containerID", "buildah umount containerID1 containerID2 containerID3", "buildah umount --all"],
  async run({ context, flags, operands }) {
    const { host } = context;
    if (operands.length === 0 && !flags.all) throw refuse("at least one container ID must be specified");
    if (operands.length > 0 && flags.all) throw refuse("when using the --all switch, you may not pass any container IDs");
    refuseLateOptions(operands);
    const names = flags.all ? workingContainers(host).map(({ id }) => id) : operands;
    await eachOf(names, async (name) => {
      try {
        const record = getWorking(host, name);
        if (await unmountWorking(host, record)) context.out(record.id);
      } catch (thrown) {
        throw inFront(`error unmounting container ${name}`, thrown);
      }
    }, context.err);
  },
});
