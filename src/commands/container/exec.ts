// podman exec: one more process in a running container.

import { readFileSync } from "node:fs";
import { files } from "../../cli/complete.ts";
import { list, natural, text, texts, toggle } from "../../cli/flag.ts";
import { any } from "../../cli/operands.ts";
import { exec, execDetached } from "../../engine/containers/exec.ts";
import { get, latest as latestOf } from "../../engine/containers/lookup.ts";
import { isTerminal } from "../../cli/prompt.ts";
import { latest } from "../shared-flags.ts";
import { runningThenFiles } from "../suggest.ts";
import { verb, type VerbCall } from "../verb.ts";
import { warn } from "../warnings.ts";
import { readEnvFile, readVariables } from "./written/environment.ts";
import { refuse } from "./written/refuse.ts";

const flags = {
  cidfile: text({ help: "File to read the container ID from", complete: files }),
  detach: toggle({ short: "d", help: "Run the exec session in detached mode (backgrounded)" }),
  detachKeys: text({
    help: "Select the key sequence for detaching a container. Format is a single character [a-Z] or ctrl-<value> where <value> is one of: a-z, @, ^, [, , or _",
    shown: '"ctrl-p,ctrl-q"',
  }),
  env: texts({ secret: "value", short: "e", help: "Set environment variables" }),
  envFile: texts({ help: "Read in a file of environment variables", complete: files }),
  interactive: toggle({ short: "i", help: "Make STDIN available to the contained process" }),
  latest,
  noSession: toggle({ help: "Do not create a database session for the exec process" }),
  preserveFd: list({ value: "uints", help: "Pass a list of additional file descriptors to the container", shown: "[]" }),
  preserveFds: natural({ help: "Pass N additional file descriptors to the container" }),
  privileged: toggle({ help: "Give the process extended Linux capabilities inside the container.  The default is false" }),
  tty: toggle({ short: "t", help: "Allocate a pseudo-TTY. The default is false" }),
  user: text({ short: "u", help: "Sets the username or UID used and optionally the groupname or GID for the specified command" }),
  workdir: text({ short: "w", help: "Working directory inside the container" }),
} as const;

export default verb({
  usage: "[options] CONTAINER COMMAND [ARG...]",
  about: "Execute the specified command inside a running container.\n",
  operands: any(runningThenFiles),
  interspersed: false,
  exits: { "process.no-account": 255 },
  flags,
  examples: ["podman exec -it ctrID ls", "podman exec -it -w /tmp myCtr pwd", "podman exec --user root ctrID ls"],
  async run(call) {
    const { context, flags: asked } = call;
    if (asked.noSession && (asked.detach || call.given.has("detachKeys"))) throw refuse("--no-session cannot be used with --detach or --detach-keys");
    const { name, command } = target(call);
    const env = { ...asked.envFile.reduce((all, file) => ({ ...all, ...readEnvFile(file) }), {}), ...readVariables(asked.env) };
    const spec = {
      command,
      env,
      terminal: asked.tty,
      stdin: asked.interactive,
      privileged: asked.privileged,
      noSession: asked.noSession,
      ...(asked.user === undefined ? {} : { user: asked.user }),
      ...(asked.workdir === undefined ? {} : { workdir: asked.workdir }),
      ...(call.given.has("detachKeys") ? { detachKeys: asked.detachKeys ?? "" } : {}),
      ...(asked.preserveFds ? { preserveFds: asked.preserveFds } : {}),
      ...(asked.preserveFd.length > 0 ? { preserveFd: asked.preserveFd.map(Number) } : {}),
    };
    if (asked.tty && asked.interactive && !isTerminal(0)) {
      warn("The input device is not a TTY. The --tty and --interactive flags might not work properly");
    }
    context.host.store.passing();
    if (asked.detach) {
      context.out(await execDetached(context.host, name, spec));
      return 0;
    }
    return (await exec(context.host, name, spec, { onWarning: warn })).exitCode;
  },
});

function target({ context, flags: asked, operands }: VerbCall<typeof flags>): { name: string; command: string[] } {
  const byFile = asked.cidfile !== undefined;
  if (asked.latest && byFile) throw refuse("--latest and --cidfile can not be used together");
  if (operands.length === 0 && !asked.latest && !byFile) {
    throw refuse('exec requires the name or ID of a container or the --latest or --cidfile flag');
  }
  const [first, ...rest] = operands;
  const command = asked.latest || byFile ? [...operands] : rest;
  const name = asked.latest ? latestOf(context.host).id : byFile ? readCidfile(asked.cidfile!) : get(context.host, first!).id;
  if (command.length === 0) throw refuse("must provide a non-empty command to start an exec session: invalid argument");
  return { name, command };
}

function readCidfile(file: string): string {
  try {
    return readFileSync(file, "utf8").split("\n")[0]!.trim();
  } catch {
    throw refuse(`reading CIDFile: open ${file}: no such file or directory`);
  }
}
