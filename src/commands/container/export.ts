// podman export: a container's root as a tar archive.
// Source: podman-export(1).

import { closeSync, openSync, writeSync } from "node:fs";
import { errnoOf, systemFault } from "../../base/fault.ts";
import { files } from "../../cli/complete.ts";
import { text } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { isTerminal } from "../../cli/prompt.ts";
import { exportRoot } from "../../engine/containers/export.ts";
import { allContainers } from "../suggest.ts";
import { verb } from "../verb.ts";
import { refuse } from "./written/refuse.ts";

export default verb({
  usage: "[options] CONTAINER",
  about: "Exports container's filesystem contents as a tar archive and saves it on the local machine.",
  operands: exactly(1, allContainers),
  flags: {
    output: text({ short: "o", help: "Write to a specified file (default: stdout, which must be redirected)", complete: files }),
  },
  examples: ["podman export ctrID > myCtr.tar", 'podman export --output="myCtr.tar" ctrID'],
  async run({ context, flags, operands }) {
    const [container] = operands;
    if (flags.output !== undefined) return toFile(flags.output, (write) => exportRoot(context.host, container!, write));
    if (isTerminal(1)) throw refuse("refusing to export to terminal. Use -o flag or redirect");
    await exportRoot(context.host, container!, (chunk) => context.write(chunk));
  },
});

async function toFile(path: string, fill: (write: (chunk: Uint8Array) => void) => Promise<void>): Promise<void> {
  if (path.includes(":")) throw refuse(`invalid filename (should not contain ':') "${path}"`);
  let fd: number;
  try {
    fd = openSync(path, "w", 0o644);
  } catch (thrown) {
    throw systemFault(errnoOf(thrown) ?? "EIO", `cannot write to "${path}": ${(thrown as Error).message}`, thrown);
  }
  try {
    await fill((chunk) => {
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
    });
  } finally {
    closeSync(fd);
  }
}
