// From a line of build to what the build room is asked for.
// Source: podman-build(1), buildah-build(1).

import { readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { ContainerSpec } from "../../base/container-spec.ts";
import { parseGoDuration } from "../../base/duration.ts";
import { errnoOf, Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { isRemoteContext } from "../../build/git-source.ts";
import { cacheRepository } from "../../build/remote-cache.ts";
import { bringContext } from "../../build/remote.ts";
import { ignorePatterns, ignoreRules, type IgnoreRules } from "../../build/ignore.ts";
import { settleUsers } from "../../engine/users/settle.ts";
import type { BuildRequest, BuildSecret, BuildSsh, NamedContext } from "../../build/request.ts";
import { fill } from "../../cli/flag.ts";
import { isTerminal } from "../../cli/prompt.ts";
import { writeErr, writeOut } from "../../cli/output.ts";
import { hostPlatform, isArchitecture, normalArchitecture, parsePlatform, type PlatformChoice } from "../../image/platform.ts";
import { plainProgress } from "../../image/progress.ts";
import { findImageName } from "../../image/transport.ts";
import { nameToGive, referenceText } from "../../image/reference.ts";
import { addConfiguredForSteps } from "../container/configured.ts";
import { readVariables } from "../container/written/environment.ts";
import { readNetworks } from "../container/written/networks.ts";
import { cut, refuse } from "../container/written/refuse.ts";
import { readVolume } from "../container/written/volumes.ts";
import { imageSystem, progressOf, readPullPolicy, retriesOf } from "../pulling.ts";
import { prompter } from "../short-name-prompt.ts";
import { printed, promptOn, screenOf, warningsOn } from "./screen-of-line.ts";
import type { Invocation } from "../verb.ts";
import { compatibleBuildah } from "../version.ts";
import { warn } from "../warnings.ts";
import { runFlags, type BuildFlags } from "./flags.ts";
import { readScan } from "./sbom-flags.ts";

export interface BuildLine {
  readonly context: Invocation;
  readonly flags: BuildFlags;
  readonly given: ReadonlySet<string>;
}

export interface BuildFiles {
  readonly contextDirectory: string;
  readonly containerfiles: BuildRequest["containerfiles"];
  readonly ignore: IgnoreRules;
  readonly ignoreFile: string | undefined;
}

/** @throws Fault "usage.invalid" */
export async function requestOf(line: BuildLine, files: BuildFiles, { platform, scratch }: { platform: PlatformChoice | undefined; scratch: () => string }): Promise<BuildRequest> {
  const { context, flags, given } = line;
  const [first] = flags.tag;
  const isQuiet = flags.quiet || flags.progress === "quiet";
  const drawing = screenOf(line);
  const prompt = drawing === undefined ? prompter() : promptOn(drawing);
  const sbom = readScan(flags, given);
  return {
    contextDirectory: files.contextDirectory,
    containerfiles: files.containerfiles,
    ignore: files.ignore,
    ...(files.ignoreFile ? { ignoreFile: files.ignoreFile } : {}),
    tags: flags.tag.filter(tag => !isElsewhere(tag)).map(tagName),
    ...(first === undefined ? {} : { shownTag: first }),
    format: readFormat(flags.format ?? process.env["BUILDAH_FORMAT"] ?? "oci"),
    buildArgs: readBuildArgs(flags),
    contexts: await readContexts(flags.buildContext, value => bringContext(value, scratch(), webOf(line))),
    secrets: readSecrets(flags.secret),
    ssh: readSsh(flags.ssh),
    ...(flags.target ? { target: flags.target } : {}),
    ...(flags.from ? { from: flags.from } : {}),
    ...(platform ? { platform } : {}),
    pull: flags.pullAlways ? "always" : flags.pullNever ? "never" : flags.pull === "true" ? "always" : readPullPolicy(flags.pull),
    system: imageSystem(context, { ...flags, platform: undefined, os: undefined, arch: undefined, variant: undefined }, given),
    ...(prompt ? { prompt } : {}),
    onProgress: drawing === undefined ? progressOf(context, isQuiet) : plainProgress(text => drawing.print(`${text}\n`)),
    ...cacheOf(line),
    ...contentOf(line),
    ...timesOf(flags, given),
    spec: settleUsers(context.host, specOf(line)),
    web: webOf(line),
    stdin: flags.stdin,
    builderVersion: compatibleBuildah,
    planOnly: flags.plan,
    quiet: isQuiet,
    logPrefix: "",
    showsStepId: !given.has("iidfile"),
    warn: drawing === undefined ? warn : warningsOn(drawing),
    // Standard output is the archive's where one goes there.
    out: isQuiet ? () => {} : drawing !== undefined ? printed(drawing) : flags.output.some(one => one === "-" || /(^|,)dest=-(,|$)/.test(one)) ? toErr : printer(flags.progress),
    err: drawing === undefined ? toErr : printed(drawing),
    ...(drawing === undefined ? {} : { drawing }),
    compatVolumes: flags.compatVolumes,
    ...(sbom ? { sbom } : {}),
    onFail: readOnFail(flags.onFail),
    keeps: flags.rm ? (flags.forceRm ? "none" : "failed") : "all",
    hasTerminal: isTerminal(0) && isTerminal(1),
  };
}

/** --progress: plain lines, or one JSON object for each piece of what is said. */
function printer(progress: string): (data: string | Uint8Array) => void {
  if (["auto", "plain", "tty", "quiet"].includes(progress)) return writeOut;
  if (progress !== "rawjson") throw refuse(`unrecognized --progress ${JSON.stringify(progress)}`, "use auto, plain, tty, quiet or rawjson");
  return data => writeOut(`${JSON.stringify({ time: new Date().toISOString(), text: typeof data === "string" ? data : new TextDecoder().decode(data) })}\n`);
}

const toErr = (data: string | Uint8Array): void => writeErr(typeof data === "string" ? data : new TextDecoder().decode(data));

function readOnFail(written: string): BuildRequest["onFail"] {
  if (written === "stop" || written === "shell") return written;
  throw refuse(`unrecognized --on-fail ${JSON.stringify(written)}`, "use stop or shell");
}

/** How what lies elsewhere is fetched. */
export const webOf = (line: BuildLine): BuildRequest["web"] => ({
  insecure: line.given.has("tlsVerify") && !line.flags.tlsVerify,
  retries: retriesOf(line),
  ...(line.flags.certDir ? { certDir: line.flags.certDir } : {}),
});

/** A tag with a transport other than the store's: the image is copied there. */
export const isElsewhere = (tag: string): boolean => !["containers-storage", undefined].includes(findImageName(tag)?.transport);

function tagName(written: string): string {
  if (written === "") throw refuse("tag : invalid reference format");
  try {
    return referenceText(nameToGive(written));
  } catch (cause) {
    throw cause instanceof Fault ? new Fault(cause.code, `tag ${written}: invalid reference format${cause.message.replace(/^parsing reference "[^"]*": (invalid reference format)?(: )?/, ": ").replace(/: $/, "")}`, { cause }) : cause;
  }
}

function readFormat(written: string): "oci" | "docker" {
  if (written === "oci" || written === "docker") return written;
  throw refuse(`unrecognized image type ${JSON.stringify(written)}`, "use oci or docker");
}

function cacheOf({ context, flags, given }: BuildLine): Pick<BuildRequest, "layers" | "useCache" | "noCacheStages" | "cacheFrom" | "cacheTo" | "cacheTtlMs" | "squash" | "skipUnusedStages" | "jobs"> {
  const byEnv = process.env["BUILDAH_LAYERS"]?.toLowerCase();
  const isPodman = context.persona !== "buildah";
  const layers = given.has("layers") ? flags.layers : byEnv === undefined || byEnv === "" ? isPodman : byEnv === "true" || byEnv === "1";
  const squashesAll = flags.squashAll || (flags.squash && !isPodman);
  if (flags.squash && flags.squashAll) throw refuse("cannot specify --squash-all with --squash");
  const ttl = flags.cacheTtl === undefined ? undefined : parseGoDuration(flags.cacheTtl) / 1e6;
  if (ttl === 0) log.debug("Setting --no-cache=true since --cache-ttl was set to 0 which effectively means user wants to ignore cache");
  return {
    layers: flags.plan || (layers && !(flags.squash && isPodman)),
    useCache: !flags.noCache && ttl !== 0,
    noCacheStages: flags.noCacheFilter,
    cacheFrom: flags.cacheFrom.map(cacheRepository),
    cacheTo: flags.cacheTo.map(cacheRepository),
    ...(ttl ? { cacheTtlMs: ttl } : {}),
    squash: squashesAll ? "all" : flags.squash ? "new" : "no",
    skipUnusedStages: flags.skipUnusedStages,
    jobs: given.has("jobs") ? flags.jobs ?? 0 : availableParallelism(),
  };
}

type Content = Pick<BuildRequest, "labels" | "layerLabels" | "annotations" | "env" | "unsetEnv" | "unsetLabels" | "unsetAnnotations" | "inheritLabels" |
  "inheritAnnotations" | "identityLabel" | "createdAnnotation" | "omitHistory" | "osVersion" | "osFeatures">;

function contentOf({ flags, given }: BuildLine): Content {
  return {
    labels: flags.label,
    layerLabels: flags.layerLabel,
    annotations: flags.annotation,
    env: Object.entries(readVariables(flags.env)).map(([name, value]) => `${name}=${value}`),
    unsetEnv: flags.unsetenv,
    unsetLabels: flags.unsetlabel,
    unsetAnnotations: flags.unsetannotation,
    inheritLabels: flags.inheritLabels,
    inheritAnnotations: flags.inheritAnnotations,
    ...(given.has("identityLabel") ? { identityLabel: flags.identityLabel } : {}),
    createdAnnotation: flags.createdAnnotation,
    omitHistory: flags.omitHistory,
    ...(flags.osVersion ? { osVersion: flags.osVersion } : {}),
    osFeatures: flags.osFeature,
  };
}

function timesOf(flags: BuildFlags, given: ReadonlySet<string>): Pick<BuildRequest, "timestamp" | "sourceDateEpoch" | "rewriteTimestamp"> {
  const args = readBuildArgs(flags);
  const written = flags.sourceDateEpoch ?? process.env["SOURCE_DATE_EPOCH"] ?? args.get("SOURCE_DATE_EPOCH");
  const epoch = written === undefined || written === "" ? undefined : secondsOf(written);
  if (given.has("timestamp") && given.has("sourceDateEpoch")) throw refuse("timestamp and source-date-epoch would be ambiguous if allowed together");
  return {
    ...(flags.timestamp === undefined ? {} : { timestamp: flags.timestamp }),
    ...(epoch === undefined || flags.timestamp !== undefined ? {} : { sourceDateEpoch: epoch }),
    rewriteTimestamp: flags.rewriteTimestamp,
  };
}

function secondsOf(written: string): number {
  if (!/^-?\d{1,12}$/.test(written)) throw refuse(`parsing source-date-epoch ${JSON.stringify(written)}: invalid syntax`);
  return Number(written);
}

/** Later ones win; a name alone takes our environment's value. */
export function readBuildArgs(flags: Pick<BuildFlags, "buildArg" | "buildArgFile" | "sourceDateEpoch">): Map<string, string> {
  const args = new Map<string, string>();
  const put = (written: string): void => {
    const [name, value] = cut(written);
    const own = value ?? process.env[name];
    if (own === undefined) args.delete(name);
    else args.set(name, own);
  };
  for (const file of flags.buildArgFile) {
    for (const line of readText(file, "reading build arg file").split("\n")) if (line.trim() !== "" && !line.trim().startsWith("#")) put(line.trim());
  }
  for (const written of flags.buildArg) put(written);
  const epoch = flags.sourceDateEpoch ?? process.env["SOURCE_DATE_EPOCH"];
  if (epoch && !args.has("SOURCE_DATE_EPOCH")) args.set("SOURCE_DATE_EPOCH", epoch);
  return args;
}

export function readText(file: string, attempt: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const reason = errnoOf(cause) === "ENOENT" ? "no such file or directory" : (cause as Error).message;
    throw new Fault("system.not-found", `${attempt}: open ${file}: ${reason}`, { cause });
  }
}

async function readContexts(written: readonly string[], bring: (value: string) => Promise<string>): Promise<Map<string, NamedContext>> {
  const contexts = new Map<string, NamedContext>();
  for (const one of written) {
    const [name, value] = cut(one);
    if (!value) throw refuse(`while parsing build context: expected name=value, got ${JSON.stringify(one)}`);
    contexts.set(name, isRemoteContext(value) ? { kind: "directory", value: await bring(value) } : contextOf(value));
  }
  return contexts;
}

function contextOf(value: string): NamedContext {
  for (const prefix of ["docker-image://", "container-image://", "docker://"]) if (value.startsWith(prefix)) return { kind: "image", value: value.slice(prefix.length) };
  const path = value.startsWith("/") ? value : `${process.cwd()}/${value}`;
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Fault("system.not-found", `cannot use build context ${JSON.stringify(value)}: no such directory`);
  const ignore = [".containerignore", ".dockerignore"].map(name => `${path}/${name}`).find(file => statSync(file, { throwIfNoEntry: false })?.isFile());
  return { kind: "directory", value: path, ...(ignore ? { ignore: ignoreRules(ignorePatterns(readText(ignore, "reading ignore file"))) } : {}) };
}

/** --secret id=ID[,src=FILE|env=NAME][,type=file|env]. */
function readSecrets(written: readonly string[]): Map<string, BuildSecret> {
  return new Map(written.map(one => {
    const fields = new Map(one.split(",").map(field => cut(field)).map(([key, value]) => [key, value ?? ""]));
    const id = fields.get("id");
    const syntax = `incorrect secret flag format: should be --secret id=foo,src=bar[,env=ENV][,type=file|env]`;
    if (!id) throw refuse(syntax);
    for (const key of fields.keys()) if (!["id", "src", "source", "env", "type"].includes(key)) throw refuse(syntax);
    const file = fields.get("src") ?? fields.get("source");
    const env = fields.get("env") ?? (fields.get("type") === "env" ? file ?? id : undefined);
    if (env !== undefined) return [id, secretOfEnv(id, env)];
    if (file === undefined && process.env[id] !== undefined && fields.get("type") !== "file") return [id, secretOfEnv(id, id)];
    if (!file) throw refuse(syntax);
    const path = file.startsWith("/") ? file : `${process.cwd()}/${file}`;
    if (statSync(path, { throwIfNoEntry: false }) === undefined) throw new Fault("system.not-found", `could not parse secrets: stat ${file}: no such file or directory`);
    return [id, { id, read: () => readFileSync(path) }];
  }));
}

function secretOfEnv(id: string, name: string): BuildSecret {
  const value = process.env[name];
  if (value === undefined) throw refuse(`could not parse secrets: environment variable ${JSON.stringify(name)} is not set`);
  return { id, read: () => Buffer.from(value) };
}

function readSsh(written: readonly string[]): Map<string, BuildSsh> {
  return new Map(written.map(one => {
    const [id, paths] = cut(one);
    return [id || "default", { id: id || "default", paths: paths ? paths.split(",") : [] }];
  }));
}

/** What every RUN has. */
function specOf({ context, flags, given }: BuildLine): ContainerSpec {
  const spec: ContainerSpec = {};
  checkNetwork(flags, given);
  if (flags.noHosts && given.has("addHost")) throw refuse("--no-hosts and --add-host conflict, can not be used together");
  fill(runFlags, { flags, given }, spec);
  // A network that no container has yet is a new one.
  if (flags.network.length > 0) spec.network = readNetworks(flags.network.map(one => (one === "container" ? "private" : one)));
  if (flags.volume.length > 0) spec.mounts = flags.volume.map(written => readVolume(written));
  addConfiguredForSteps(spec, context.host);
  const isolation = flags.isolation ?? process.env["BUILDAH_ISOLATION"] ?? "oci";
  if (!["oci", "rootless", "chroot", "default", ""].includes(isolation)) throw refuse(`unrecognized isolation type ${JSON.stringify(isolation)}`);
  // A chroot shares all of the host's namespaces but that of mounts.
  if (isolation === "chroot") {
    spec.network = { mode: "host" };
    spec.namespaces = { ...spec.namespaces, pid: { kind: "host" }, ipc: { kind: "host" }, uts: { kind: "host" } };
  }
  return spec;
}

function checkNetwork(flags: BuildFlags, given: ReadonlySet<string>): void {
  const isNone = flags.network.at(-1) === "none";
  for (const [key, name] of [["dns", "dns"], ["dnsOption", "dns-option"], ["dnsSearch", "dns-search"]] as const) {
    if (isNone && given.has(key)) throw refuse(`the --${name} option cannot be used with --network=none`);
  }
  const network = flags.network.at(-1) ?? "host";
  if (flags.isolation === "chroot" && !["host", "private", "default", ""].includes(network)) {
    throw refuse(`cannot set --network other than host with --isolation chroot`);
  }
}

/** Parts that are left empty are this machine's. */
function readPlatform(written: string): PlatformChoice | undefined {
  const [os = "", architecture = "", ...rest] = written.split("/");
  if ((os === "" && architecture === "") || written === "local") return undefined;
  // An architecture alone is one of this system.
  if (!written.includes("/")) return isArchitecture(os) ? { os: "linux", architecture: normalArchitecture(os) } : parsePlatform(written);
  return parsePlatform([os || "linux", architecture, ...rest].join("/"));
}

/** --platform, or --os, --arch and --variant; one build each. */
export function platformsOf(flags: BuildFlags, given: ReadonlySet<string>): (PlatformChoice | undefined)[] {
  if (given.has("platform") && (given.has("os") || given.has("arch") || given.has("variant"))) {
    throw refuse("invalid --platform may not be used with --os, --arch, or --variant");
  }
  if (flags.platform.length > 0) return flags.platform.map(readPlatform);
  if (!flags.os && !flags.arch && !flags.variant) return [undefined];
  const arch = flags.arch ?? (flags.variant ? hostPlatform().architecture : undefined);
  const { os, architecture, variant } = parsePlatform([flags.os ?? "linux", arch, flags.variant].filter(Boolean).join("/"));
  return [{ ...(os ? { os } : {}), ...(architecture ? { architecture } : {}), ...(variant ? { variant } : {}) }];
}

