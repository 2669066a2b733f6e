// podman run: create, start, and attach unless detached.

import { fstatSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { list, natural, text, toggle } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import { isTerminal } from "../../cli/prompt.ts";
import { create } from "../../engine/containers/create.ts";
import { startAttached } from "../../engine/containers/attached.ts";
import { start } from "../../engine/containers/start.ts";
import { discard } from "../../engine/containers/remove.ts";
import type { ContainerSpec, LearnSpec } from "../../base/container-spec.ts";
import { imageThenFiles } from "../suggest.ts";
import { verb, type VerbCall } from "../verb.ts";
import { warn } from "../warnings.ts";
import { createFlags } from "./create-flags.ts";
import { createOptionsOf, specOf } from "./spec-of-line.ts";
import { refuse } from "./written/refuse.ts";

const flags = {
  ...createFlags,
  detach: toggle({ short: "d", help: "Run container in background and print container ID" }),
  detachKeys: text({
    value: "[a-Z]",
    help: "Override the key sequence for detaching a container. Format is a single character `[a-Z]` or a comma separated sequence of `ctrl-<value>`, where `<value>` is one of: `a-cf`, `@`, `^`, `[`, `\\`, `]`, `^` or `_`",
    shown: '"ctrl-p,ctrl-q"',
  }),
  passwd: toggle({ help: "add entries to /etc/passwd and /etc/group", fallback: true }),
  preserveFd: list({ value: "uints", help: "Pass a file descriptor into the container", shown: "[]" }),
  preserveFds: natural({ help: "Pass a number of additional file descriptors into the container" }),
  rmi: toggle({ help: "Remove image unless used by other containers, implies --rm" }),
  sigProxy: toggle({ help: "Proxy received signals to the process", fallback: true }),
} as const;

export default verb({
  usage: "[options] IMAGE [COMMAND [ARG...]]",
  about: "Runs a command in a new container from the given image",
  operands: atLeast(1, imageThenFiles),
  interspersed: false,
  flags,
  examples: [
    "podman run imageID ls -alF /etc",
    "podman run --network=host imageID dnf -y install java",
    "podman run --volume /var/hostdir:/var/ctrdir -i -t fedora /bin/bash",
  ],
  async run(call) {
    const spec = runSpecOf(call);
    const streams = streamsOf(call, spec);
    const { context } = call;
    if (spec.remove) context.host.store.passing();
    const created = await create(context.host, spec, { ...createOptionsOf(call), isPassing: spec.remove ?? false });
    for (const warning of created.warnings) context.err(warning);
    try {
      if (!call.flags.detach) {
        if (!streams.stdout && !streams.stderr) context.out(created.id);
        const { learn } = spec.security ?? {};
        const end = await startAttached(context.host, created.id, {
          ...streams,
          ...(call.given.has("detachKeys") ? { detachKeys: call.flags.detachKeys ?? "" } : {}),
          signalProxy: call.flags.sigProxy,
          onWarning: warn,
        });
        if (learn && !end.detached) await tellLesson(call, created.id, learn);
        return end.exitCode;
      }
      await start(context.host, created.id);
    } catch (fault) {
      if (spec.remove) await discard(context.host, created.id);
      throw fault;
    }
    if (!spec.log?.driver.startsWith("passthrough")) context.out(created.id);
    return 0;
  },
});

/** On standard error: standard output is the program's. */
async function tellLesson({ context }: VerbCall<typeof flags>, id: string, lesson: LearnSpec): Promise<void> {
  const { learnt } = await import("../../engine/containers/learn.ts");
  const { linesOf } = await import("../confine/lesson.ts");
  for (const line of linesOf(lesson, await learnt(context.host, id, lesson))) context.err(line);
}

function runSpecOf(call: VerbCall<typeof flags>): ContainerSpec {
  const { flags: asked, given } = call;
  if (asked.rmi && given.has("rm") && !asked.rm) throw refuse("the --rmi option does not work without --rm");
  if (asked.preserveFd.length > 0 && asked.preserveFds) throw refuse("cannot specify both --preserve-fds and --preserve-fd");
  const spec = specOf(call);
  if (asked.rmi) Object.assign(spec, { remove: true, removeImage: true });
  if (given.has("passwd")) spec.passwd = asked.passwd;
  if (asked.preserveFd.length > 0) spec.preserveFd = asked.preserveFd.map((word) => checkFd(Number(word), "preserve-fd"));
  if (asked.preserveFds) {
    for (let fd = 3; fd < 3 + asked.preserveFds; fd++) checkFd(fd, "preserve-fds");
    spec.preserveFds = asked.preserveFds;
  }
  if (spec.terminal && spec.stdin && !isTerminal(0)) {
    warn("The input device is not a TTY. The --tty and --interactive flags might not work properly");
  }
  return spec;
}

function checkFd(fd: number, flag: string): number {
  try {
    fstatSync(fd);
    return fd;
  } catch (cause) {
    throw new Fault("usage.invalid", `file descriptor ${fd} is not available - the ${flag} option requires that file descriptors must be passed`, { cause });
  }
}

/** Which of our streams are the container's: all by default, stdin only with -i; with --attach just those named. */
function streamsOf(call: VerbCall<typeof flags>, spec: ContainerSpec): { stdin: boolean; stdout: boolean; stderr: boolean } {
  const wanted = call.flags.attach.map((name) => name.toLowerCase());
  if (!call.given.has("attach")) return { stdin: spec.stdin ?? false, stdout: true, stderr: true };
  if (spec.log?.driver.startsWith("passthrough")) throw refuse("cannot specify --attach with --log-driver=passthrough: invalid argument");
  for (const name of wanted) {
    if (name !== "stdin" && name !== "stdout" && name !== "stderr") {
      throw refuse(`invalid stream ${JSON.stringify(name)} for --attach - must be one of stdin, stdout, or stderr: invalid argument`);
    }
  }
  return { stdin: (spec.stdin ?? false) || wanted.includes("stdin"), stdout: wanted.includes("stdout"), stderr: wanted.includes("stderr") };
}
