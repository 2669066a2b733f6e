// buildah rename: another name for a working container.
// Source: buildah-rename(1).

import { exactly } from "../../cli/operands.ts";
import { getWorking } from "../../engine/working/records.ts";
import { renameWorking } from "../../engine/working/remove.ts";
import { verb } from "../verb.ts";
import { inFront, workingNames } from "./operands.ts";

export default verb({
  usage: "CONTAINER NEW-NAME",
  about: "\n  Renames a local container.",
  operands: exactly(2, workingNames),
  flags: {},
  examples: ["buildah rename containerName NewName", "buildah rename containerID NewName"],
  run({ context, operands }) {
    const [name, newName] = operands as [string, string];
    let id: string;
    try {
      ({ id } = getWorking(context.host, name));
    } catch (thrown) {
      throw inFront(`reading build container ${JSON.stringify(name)}`, thrown);
    }
    renameWorking(context.host, id, newName);
  },
});
