// podman build, buildah build: an image from a Containerfile.
// Source: podman-build(1), buildah-build(1).

import { existsSync, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { ignorePatterns, ignoreRules } from "../../build/ignore.ts";
import { files } from "../../cli/complete.ts";
import type { Host } from "../../engine/host.ts";
import { imageEvent } from "../../engine/images.ts";
import { atMost } from "../../cli/operands.ts";
import { readOutput, writeOutput, type BuildOutput } from "../../build/output.ts";
import type { PlatformChoice } from "../../image/platform.ts";
import type { StoredImage } from "../../storage/store.ts";
import { refuse } from "../container/written/refuse.ts";
import { scratch, type Scratch } from "../../base/scratch.ts";
import { signalNumber } from "../../base/signals.ts";
import { log } from "../../base/log.ts";
import { push } from "../../image/push.ts";
import type { BuildRequest } from "../../build/request.ts";
import { plainProgress } from "../../image/progress.ts";
import { isRemoteContext } from "../../build/git-source.ts";
import { checkAuthFile } from "../pulling.ts";
import { signNames } from "../signing.ts";
import { verb, type VerbCall } from "../verb.ts";
import { findContainerfiles, readContainerfile, readIgnoreFile, type ReadContainerfile } from "./containerfiles.ts";
import { buildFlags, type BuildFlags } from "./flags.ts";
import { isElsewhere, platformsOf, readBuildArgs, requestOf, webOf, type BuildFiles } from "./request-of-line.ts";

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
  run: call => runBuild(call),
});

export async function runBuild(call: VerbCall<typeof buildFlags>): Promise<void> {
  const scratch = new ScratchWhenNeeded();
  const interruption = new Interruption();
  try {
    await buildIn(call, scratch, interruption.signal);
  } finally {
    interruption.end();
    scratch.remove();
  }
}

/** Ends the build in order when a signal asks for it; the second signal ends us at once. */
class Interruption {
  readonly #controller = new AbortController();
  readonly #handlers = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map(name => {
    const handle = (): void => this.#controller.abort(new Fault("build.failed", `interrupted by ${name}`, { exit: 128 + signalNumber(name)! }));
    process.once(name, handle);
    return { name, handle };
  });

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    for (const { name, handle } of this.#handlers) process.removeListener(name, handle);
  }
}

/** A directory for what is brought from elsewhere; made when it is needed. */
class ScratchWhenNeeded {
  #made: Scratch | undefined;

  get path(): string {
    return (this.#made ??= scratch()).path;
  }

  remove(): void {
    this.#made?.remove();
  }
}

async function buildIn(call: VerbCall<typeof buildFlags>, scratch: ScratchWhenNeeded, signal: AbortSignal): Promise<void> {
  const { context, flags, given } = call;
  if (flags.authfile && given.has("authfile")) checkAuthFile(flags.authfile);
  const asked = platformsOf(flags, given);
  const source = await filesOf(call, scratch);
  const called = flags.check ? "check" : flags.call;
  if (called !== "build") return callOther(call, source, called);
  const { build } = await import("../../build/build.ts");
  if (given.has("retry") || given.has("retryDelay")) log.debug(`Setting MaxPullPushRetries to ${flags.retry ?? 3} and PullPushRetryDelay to ${flags.retryDelay ?? "2s"}`);
  const outputs = flags.output.map(readOutput);
  const platforms = flags.allPlatforms ? await allPlatforms(call, source, scratch) : asked;
  if (platforms.length > 1 && flags.iidfile) throw refuse(`building multiple images, but iidfile ${JSON.stringify(flags.iidfile)} can only be used to store one image ID`);
  const built: BuiltImage[] = [];
  for (const platform of platforms) {
    const logPrefix = platforms.length > 1 ? `[${platformText(platform)}] ` : "";
    const request = logged(call, { ...(await requestOf(call, source, { platform, scratch: () => scratch.path })), logPrefix, signal }, platform);
    const image = await build(hostFor(call), request);
    if (image === undefined) continue;
    imageEvent(context.host, "build", { name: image.id, id: image.id });
    if (flags.blobCache) await (await import("../../image/blob-cache.ts")).keepStored(context.host.store, image, flags.blobCache);
    built.push({ image, request });
  }
  for (const one of built) await deliver(call, one, outputs);
  if (flags.manifest === undefined || built.length === 0) return;
  const { addToManifest } = await import("../../build/manifest.ts");
  await addToManifest(context.host, flags.manifest, { images: built.map(({ image }) => image), system: context.host.imageSystem });
}

async function allPlatforms(call: VerbCall<typeof buildFlags>, source: BuildFiles, scratch: ScratchWhenNeeded): Promise<PlatformChoice[]> {
  if (call.flags.platform.length > 0) throw refuse("--all-platforms cannot be used with --platform");
  const { platformsOfBases } = await import("../../build/base-platforms.ts");
  return platformsOfBases(call.context.host, await requestOf(call, source, { platform: undefined, scratch: () => scratch.path }));
}

interface BuiltImage {
  readonly image: StoredImage;
  readonly request: BuildRequest;
}

/** Puts the image where it was asked to go, and says which it is. */
async function deliver({ context, flags }: VerbCall<typeof buildFlags>, { image, request }: BuiltImage, outputs: readonly BuildOutput[]): Promise<void> {
  const send = (name: string, destination: string) =>
    push(name, destination, {
      store: context.host.store, system: request.system, onProgress: request.onProgress, ...(flags.disableCompression ? {} : { packing: { isForced: true } }),
    });
  await signNames(context.host.store, image, request.tags, flags.signBy);
  for (const destination of flags.tag.filter(isElsewhere)) await send(image.id, destination);
  const writing = { out: (data: Uint8Array) => context.write(data), push: send, seconds: request.timestamp ?? request.sourceDateEpoch };
  for (const output of outputs) await writeOutput(context.host, image, output, writing);
  if (flags.push) for (const name of image.names) await send(image.id, `docker://${name}`);
  if (flags.metadataFile) writeFileSync(flags.metadataFile, metadataOf(image));
  if (outputs.some(({ dest }) => dest === "-")) return;
  for (const name of image.names) request.out(`Successfully tagged ${name}\n`);
  if (flags.iidfile) writeFileSync(flags.iidfile, `sha256:${image.id}`);
  else if (flags.logfile === undefined) context.out(image.id);
  else request.out(`${image.id}\n`);
}

/** What was built, with the keys of Docker's buildx. */
function metadataOf(image: StoredImage): string {
  const { digest, mediaType } = image.manifest;
  return `${JSON.stringify({
    "containerimage.config.digest": image.config, "containerimage.digest": digest, "containerimage.descriptor": { mediaType, digest }, "image.name": image.names.join(","),
  }, null, 2)}\n`;
}

/** --check, --call: what can be said of a Containerfile without building it. */
async function callOther({ context, flags }: VerbCall<typeof buildFlags>, source: BuildFiles, called: string): Promise<void> {
  const { answerCall } = await import("../../build/call.ts");
  const { text, status } = answerCall(called, { ...source, buildArgs: readBuildArgs(flags) });
  context.write(text);
  context.exitStatus = status;
}

const platformText = (platform: PlatformChoice | undefined): string => [platform?.os, platform?.architecture, platform?.variant].filter(Boolean).join("/");

/** With --logfile all that is said goes there. */
function logged({ flags }: VerbCall<typeof buildFlags>, request: BuildRequest, platform: PlatformChoice | undefined): BuildRequest {
  const { logfile, logsplit } = flags;
  if (logfile === undefined) return request;
  const name = logsplit && platform ? `${logfile}_${platform.os ?? "linux"}_${platform.architecture ?? ""}` : logfile;
  const fd = openSync(name, request.logPrefix === "" || logsplit ? "w" : "a", 0o600);
  const put = (data: string | Uint8Array): void => void writeSync(fd, data as string);
  return { ...request, out: put, err: put, warn: message => put(`${message}\n`), onProgress: plainProgress(line => put(`${line}\n`)) };
}

/** With the flags for the runtime that this line gives. */
function hostFor({ context: { host }, flags, given }: VerbCall<typeof buildFlags>): Host {
  if (!given.has("runtimeFlag") && !given.has("hooksDir") && flags.runtime === undefined) return host;
  const options = {
    ...host.options, runtimeFlags: flags.runtimeFlag,
    ...(flags.runtime ? { runtime: flags.runtime } : {}),
    ...(given.has("hooksDir") ? { hooksDirs: flags.hooksDir } : {}),
  };
  return Object.create(host, { options: { value: options } }) as Host;
}

async function filesOf(call: VerbCall<typeof buildFlags>, scratch: ScratchWhenNeeded): Promise<BuildFiles> {
  const { flags, operands } = call;
  const [written = besideFirst(flags.file)] = operands;
  const web = webOf(call);
  const isElsewhere = written === "-" || isRemoteContext(written);
  const lone = isElsewhere || flags.file.length > 0 ? undefined : fileOf(written);
  const bring = async (): Promise<string> => (await import("../../build/remote.ts")).bringContext(written, scratch.path, web);
  const besides = lone?.slice(0, lone.lastIndexOf("/")) || "/";
  const contextDirectory = lone !== undefined ? besides : isElsewhere ? await bring() : directoryOf(written);
  const paths = lone !== undefined ? [lone] : await findContainerfiles(contextDirectory, flags.file, call.context.persona);
  const how = { context: contextDirectory, cppFlags: flags.cppFlag, scratch: () => scratch.path, web };
  const containerfiles: ReadContainerfile[] = [];
  for (const path of paths) containerfiles.push(await readContainerfile(path, how));
  const ignore = readIgnoreFile(contextDirectory, flags.ignorefile, paths);
  return { contextDirectory, containerfiles, ignore: ignoreRules(ignorePatterns(ignore.text)), ignoreFile: ignore.path };
}

/** Where no context is named, the directory of the first Containerfile is it. */
function besideFirst(files: readonly string[]): string {
  const [first] = files;
  if (first === undefined || first === "-" || isRemoteContext(first) || !existsSync(first)) return ".";
  return first.includes("/") ? first.slice(0, first.lastIndexOf("/")) || "/" : ".";
}

/** A file in the place of the context is the Containerfile. */
function fileOf(written: string): string | undefined {
  const path = written.startsWith("/") ? written : `${process.cwd()}/${written}`;
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}

function directoryOf(written: string): string {
  const path = written.startsWith("/") ? written : `${process.cwd()}/${written}`;
  const clean = path.replace(/\/\.(?=\/|$)/g, "").replace(/(.)\/+$/, "$1");
  const stat = statSync(clean, { throwIfNoEntry: false });
  if (stat === undefined) throw new Fault("system.not-found", `context must be a directory: ${JSON.stringify(written)}: no such file or directory`);
  if (!stat.isDirectory()) throw new Fault("usage.invalid", `context must be a directory: ${JSON.stringify(clean)}`);
  return clean;
}

