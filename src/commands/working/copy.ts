// buildah copy: files and directories into a working container.
// Source: buildah-copy(1).

import { toggle } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import { verb } from "../verb.ts";
import { addFlags, addFor } from "./add.ts";
import { workingNames } from "./operands.ts";

export default verb({
  usage: "[flags] CONTAINER SOURCE [SOURCE...] [DESTINATION]",
  about: "\n  Copies the contents of a file, URL, or directory into a container's working\n  directory.",
  operands: atLeast(1, workingNames),
  interspersed: false,
  flags: { ...addFlags, parents: toggle({ help: "preserve leading directories in the paths of items being copied" }) },
  examples: ["buildah copy containerID '/myapp/app.conf'", "buildah copy containerID 'app.conf' '/myapp/app.conf'", "buildah copy containerID 'app.conf' 'drop-in.conf' '/myapp/app.conf.d/'"],
  run: (call) => addFor("COPY", call, call.flags.parents),
});
