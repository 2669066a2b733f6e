// podman checkpoint inspect: processes, memory, sockets and mounts in an exported checkpoint or a checkpoint image.

import { existsSync } from "node:fs";
import { files } from "../../cli/complete.ts";
import { several } from "../../cli/operands.ts";
import { showOne } from "../../cli/view.ts";
import { inspectArchive, inspectImage } from "../../engine/checkpoints/inspect.ts";
import { goJson } from "../../base/go-json.ts";
import { formatFlag } from "../inspect.ts";
import { piecesOf, piecesOfFile } from "../input.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] FILE|IMAGE [FILE|IMAGE...]",
  about: "Shows what is inside exported checkpoints or checkpoint images: processes, memory, sockets, mounts, and what made them. Everything is looked at as before a restore, so what is shown could be restored.",
  operands: several("you must provide at least one file or image", files),
  flags: { format: formatFlag },
  examples: ["podman checkpoint inspect db.tar.zst", "podman checkpoint inspect --format '{{.MemoryBytes}} {{len .Processes}}' db.tar.zst"],
  async run({ context, flags, operands }) {
    const found: unknown[] = [];
    for (const name of operands) {
      const isFile = name === "-" || name.includes("/") || existsSync(name);
      found.push(await (isFile ? inspectArchive(context.host, name === "-" ? piecesOf(0) : piecesOfFile(name)) : inspectImage(context.host, name)));
    }
    if (flags.format === "json") context.out(goJson(found, { indent: "     " }));
    else for (const one of found) context.write(await showOne(one, flags.format, { name: "inspect" }));
  },
});
