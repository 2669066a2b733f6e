// podman container runlabel: runs the command that a label of an image holds.
// Source: podman-container-runlabel(1).

import { Fault } from "../../base/fault.ts";
import { spawn } from "../../base/spawn.ts";
import { text, toggle } from "../../cli/flag.ts";
import { atLeast } from "../../cli/operands.ts";
import { readConfig } from "../../image/config.ts";
import { pull } from "../../image/pull.ts";
import { imageSystem, progressOf } from "../pulling.ts";
import { authfile, certDir, creds, tlsVerify } from "../shared-flags.ts";
import { imageNames } from "../suggest.ts";
import { verb } from "../verb.ts";
import { splitWords } from "./written/words.ts";

const optional = (number: number) => text({ help: "Optional parameter to pass for install", hidden: true, value: `OPT${number}` });

export default verb({
  usage: "[options] LABEL IMAGE [ARG...]",
  about: "Executes a command as described by a container image label.",
  operands: atLeast(2, imageNames),
  interspersed: false,
  flags: {
    authfile, certDir, creds,
    display: toggle({ help: "Preview the command that the label would run" }),
    name: text({ short: "n", help: "Assign a name to the container" }),
    opt1: optional(1), opt2: optional(2), opt3: optional(3),
    pull: toggle({ short: "p", help: "Pull the image if it does not exist locally prior to executing the label contents", fallback: true, deprecated: "podman will pull if not found in local storage" }),
    quiet: toggle({ short: "q", help: "Suppress output information when installing images" }),
    replace: toggle({ help: "Replace existing container with a new one from the image" }),
    signaturePolicy: text({ help: "Pathname of signature policy file (not usually used)", hidden: true }),
    tlsVerify,
  },
  examples: ["podman container runlabel run imageID", "podman container runlabel install imageID arg1 arg2", "podman container runlabel --display run myImage"],
  async run({ context, flags, given, operands }) {
    const [label, written, ...args] = operands as [string, string, ...string[]];
    const system = imageSystem(context, flags, given);
    const [image] = await pull(written, { store: context.host.store, system, policy: flags.pull ? "missing" : "never", onProgress: progressOf(context, flags.quiet) });
    const labels = image ? readConfig(context.host.store.images.configBytes(image)).config?.Labels ?? {} : {};
    const line = Object.entries(labels).find(([name]) => name.toLowerCase() === label.toLowerCase())?.[1];
    if (!image || !line) throw new Fault("usage.invalid", `cannot find the value of label: ${label} in image: ${written}`);
    const options = [flags.opt1, flags.opt2, flags.opt3];
    const imageName = image.names[0] ?? image.id;
    const name = flags.name ?? nameFrom(image.id.startsWith(written) ? imageName : written);
    const values: Record<string, string> = {
      NAME: name, IMAGE: imageName, PWD: process.cwd(), HOME: process.env["HOME"] ?? "",
      ...Object.fromEntries(options.map((value, index) => [`OPT${index + 1}`, value ?? ""])),
    };
    const argv = commandOf([line, ...args].join(" "), values);
    if (flags.display) return context.out(`command: ${[context.argv[0]!, ...argv.slice(1)].join(" ")}`);
    if (flags.replace) await removeNamed(context.host, argv);
    const streams = flags.quiet ? "ignore" : "inherit";
    const child = spawn([process.execPath, ...argv.slice(1)], {
      stdio: [streams, streams, streams], argv0: "podman", env: { ...process.env, ...values, PODMAN_RUNLABEL_NESTED: "1" },
    });
    return child.exited;
  },
});

const nameFrom = (image: string): string => image.slice(image.lastIndexOf("/") + 1).split(":")[0]!;

/** Only our own program may be the command: anything else of an image's author is refused. @throws Fault "usage.invalid" */
function commandOf(line: string, values: Readonly<Record<string, string>>): string[] {
  const words = splitWords(line);
  const first = words[0]?.slice(words[0].lastIndexOf("/") + 1);
  if (first !== "podman" && first !== "docker" && first !== "coracle" && first !== "/proc/self/exe") {
    throw new Fault("usage.invalid", `cannot run "${words[0] ?? ""}": a label's command has to begin with podman or docker`);
  }
  const whole = words.map((word) => replaceWord(word, values)).join(" ");
  return ["podman", ...splitWords(whole).slice(1)];
}

/** IMAGE and NAME stand for themselves as whole words or after "=", as labels of old have it. */
function replaceWord(word: string, values: Readonly<Record<string, string>>): string {
  const plain = word.replace(/^(IMAGE|NAME)$/, (found) => values[found]!).replace(/=(IMAGE|NAME)$/, (_whole, found: string) => `=${values[found]!}`);
  return plain.replace(/\$\{(\w+)\}|\$(\w+)/g, (_whole, braced: string | undefined, bare: string | undefined) => values[braced ?? bare ?? ""] ?? "");
}

async function removeNamed(host: import("../../engine/host.ts").Host, argv: readonly string[]): Promise<void> {
  const at = argv.indexOf("--name");
  const name = at < 0 ? undefined : argv[at + 1];
  if (name === undefined) return;
  const { remove } = await import("../../engine/containers/remove.ts");
  await remove(host, { names: [name], ignore: true }, { force: true });
}
