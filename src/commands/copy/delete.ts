// skopeo delete: takes an image away from a registry or a store.

import { Fault } from "../../base/fault.ts";
import { exactly } from "../../cli/operands.ts";
import { deleteImage } from "../../image/delete.ts";
import { parseImageName } from "../../image/transport.ts";
import { authfile, imageFlags, retryFlags, said, sideSystem, transportsHelp, worldOf } from "./sides.ts";
import { verb } from "./verb.ts";
import { imageNames, refuseManyWords } from "./words.ts";

export default verb({
  usage: "[command options] IMAGE-NAME",
  about: `Delete an "IMAGE_NAME" from a transport\n  ${transportsHelp}`,
  operands: refuseManyWords(exactly(1, imageNames), "Usage: delete imageReference"),
  flags: { authfile, ...imageFlags(""), ...retryFlags },
  needs: "nothing",
  examples: ["skopeo delete docker://registry.example.com/example/pause:latest"],
  async run(call) {
    const [text = ""] = call.operands;
    const name = await said(`Invalid source name ${text}`, () => parseImageName(text));
    if (name.transport !== "docker" && name.transport !== "containers-storage" && name.transport !== "oci") {
      throw new Fault("usage.unsupported", `Deleting images not implemented for ${name.transport}: images`);
    }
    await deleteImage(name, worldOf(call.context, sideSystem(call, "")));
  },
});
