// podman completion: prints the script that lets a shell complete our lines.
// Source: podman-completion(1).

import * as fs from "node:fs";
import { text, toggle } from "../../cli/flag.ts";
import { exactly } from "../../cli/operands.ts";
import { files } from "../../cli/complete.ts";
import { Fault } from "../../base/fault.ts";
import { shells, shellScript } from "../../cli/shell-scripts.ts";
import { verb } from "../verb.ts";

export default verb({
  usage: "[options] {bash|zsh|fish}",
  about: `Generate shell autocompletions.\n  Valid arguments are ${shells.join(", ")}.`,
  operands: exactly(1, () => shells),
  flags: {
    file: text({ short: "f", help: "Output the completion to file rather than stdout.", complete: files }),
    noDesc: toggle({ help: "Don't include descriptions in the completion output." }),
  },
  examples: ["podman completion bash", "podman completion zsh -f _podman"],
  needs: "nothing",
  run({ flags, operands, context }) {
    const shell = shells.find((known) => known === operands[0]);
    if (shell === undefined) {
      throw new Fault("usage.invalid", `invalid argument "${operands[0]}" for "${context.persona} completion"`);
    }
    const script = shellScript(shell, context.persona);
    const plain = flags.noDesc ? script.replaceAll(/__complete(?!NoDesc)\b/g, "__completeNoDesc") : script;
    if (flags.file === undefined) context.write(plain);
    else fs.writeFileSync(flags.file, plain);
  },
});
