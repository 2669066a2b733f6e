// podman build, buildah build: an image from a Containerfile.
// Source: podman-build(1), buildah-build(1).

import { statSync, writeFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { ignorePatterns, ignoreRules } from "../../build/ignore.ts";
import { files } from "../../cli/complete.ts";
import { atMost } from "../../cli/operands.ts";
import { verb, type VerbCall } from "../verb.ts";
import { findContainerfiles, readContainerfile, readIgnoreFile } from "./containerfiles.ts";
import { buildFlags } from "./flags.ts";
import { platformsOf, requestOf, type BuildFiles } from "./request-of-line.ts";

export default verb({
  usage: "[options] [CONTEXT]",
  about: "Builds an OCI or Docker image using instructions from one or more Containerfiles and a specified build context directory.",
  operands: atMost(1, files),
  flags: buildFlags,
  examples: [
    "podman build .",
    "podman build --creds=username:password -t imageName -f Containerfile.simple .",
    "podman build --layers --force-rm --tag imageName .",
  ],
  run: runBuild,
});

async function runBuild(call: VerbCall<typeof buildFlags>): Promise<void> {
  const { context, flags, given } = call;
  const platforms = platformsOf(flags, given);
  const source = await filesOf(call);
  const { build } = await import("../../build/build.ts");
  const request = requestOf(call, source, platforms[0]);
  const image = await build(context.host, request);
  if (!flags.quiet) for (const name of image.names) context.out(`Successfully tagged ${name}`);
  if (flags.iidfile) writeFileSync(flags.iidfile, `sha256:${image.id}`);
  else context.out(image.id);
}

async function filesOf({ flags, operands }: VerbCall<typeof buildFlags>): Promise<BuildFiles> {
  const [written = "."] = operands;
  const contextDirectory = directoryOf(written);
  const paths = await findContainerfiles(contextDirectory, flags.file);
  const containerfiles = paths.map(path => readContainerfile(path, contextDirectory, flags.cppFlag));
  const ignore = readIgnoreFile(contextDirectory, flags.ignorefile, paths);
  return { contextDirectory, containerfiles, ignore: ignoreRules(ignorePatterns(ignore.text)), ignoreFile: ignore.path };
}

function directoryOf(written: string): string {
  const path = written.startsWith("/") ? written : `${process.cwd()}/${written}`;
  const clean = path.replace(/\/\.(?=\/|$)/g, "").replace(/(.)\/+$/, "$1");
  const stat = statSync(clean, { throwIfNoEntry: false });
  if (stat === undefined) throw new Fault("system.not-found", `context must be a directory: ${JSON.stringify(written)}: no such file or directory`);
  if (!stat.isDirectory()) throw new Fault("usage.invalid", `context must be a directory: ${JSON.stringify(clean)}`);
  return clean;
}

