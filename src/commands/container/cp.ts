// podman cp: files and directories between containers and the host.
// Source: podman-cp(1).

import { toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { copy, copyFromArchive, copyToArchive, type CopyEnd } from "../../engine/containers/copy.ts";
import { piecesOf } from "../input.ts";
import { hostOrContainerPaths } from "../suggest.ts";
import { verb } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

export default verb({
  usage: "[options] [CONTAINER:]SRC_PATH [CONTAINER:]DEST_PATH",
  about:
    'Copy the contents of SRC_PATH to the DEST_PATH.\n\n  You can copy from the container\'s file system to the ' +
    'local machine or the reverse, from the local filesystem to the container. If "-" is specified for either the ' +
    'SRC_PATH or DEST_PATH, you can also stream a tar archive from STDIN or to STDOUT. The CONTAINER can be a ' +
    'running or stopped container. The SRC_PATH or DEST_PATH can be a file or a directory.\n',
  operands: exactly(2, hostOrContainerPaths),
  flags: {
    archive: toggle({ short: "a", help: "Chown copied files to the primary uid/gid of the destination container.", fallback: true, shown: "true" }),
    extract: toggle({ help: "Deprecated...", hidden: true }),
    overwrite: toggle({ help: "Allow to overwrite directories with non-directories and vice versa" }),
    pause: toggle({ help: "Deprecated", fallback: true, hidden: true }),
  },
  examples: ["podman cp [options] [CONTAINER:]SRC_PATH [CONTAINER:]DEST_PATH"],
  async run({ context, flags, operands }) {
    const [from, to] = operands.map(endOf) as [CopyEnd, CopyEnd];
    if (from.path === "" || to.path === "") throw refuse(`invalid arguments "${operands[0]}", "${operands[1]}": you must specify paths`);
    if (from.container === undefined && to.container === undefined) {
      throw refuse(`container "" does not exist`, "name a container on one side, as in CONTAINER:PATH");
    }
    const options = { chown: flags.archive, overwrite: flags.overwrite };
    if (from.container === undefined && from.path === "-") return copyFromArchive(context.host, piecesOf(0), to, options);
    if (to.container === undefined && to.path === "-") return copyToArchive(context.host, from, (chunk) => context.write(chunk));
    await copy(context.host, from, to, options);
  },
});

/** "CONTAINER:PATH"; what begins with a dot or a slash is of the host. */
function endOf(written: string): CopyEnd {
  const colon = /^[./]/.test(written) ? -1 : written.indexOf(":");
  if (colon < 0) return { path: written };
  const container = written.slice(0, colon);
  return { ...(container === "" ? {} : { container }), path: written.slice(colon + 1) };
}
