// buildah commit: an image from a working container.
// Source: buildah-commit(1).

import { statSync, writeFileSync } from "node:fs";
import { errnoOf, Fault } from "../../base/fault.ts";
import { files } from "../../cli/complete.ts";
import { list, text, texts, toggle, whole } from "../../cli/flag.ts";
import { nameForNew } from "../../engine/images-name.ts";
import { type CommitWorking, commitWorking, readOverride, sendWorking } from "../../engine/working/commit.ts";
import { getWorking, type WorkingContainer } from "../../engine/working/records.ts";
import { removeWorking } from "../../engine/working/remove.ts";
import { atDockerHub, parseReference, referenceText, withDefaultTag } from "../../image/reference.ts";
import type { ImageSystem } from "../../image/system.ts";
import { dockerReference, findImageName, type ImageName } from "../../image/transport.ts";
import { refuse } from "../container/written/refuse.ts";
import { encryptionOf } from "../layer-encryption.ts";
import { progressOf } from "../pulling.ts";
import { signerOf, signNames } from "../signing.ts";
import { readScan, sbomFlags } from "../build/sbom-flags.ts";
import { verb, type Invocation, type VerbCall } from "../verb.ts";
import { compatibleBuildah } from "../version.ts";
import { blobCache } from "../shared-flags.ts";
import { inFront, ordered, workingNames } from "./operands.ts";
import { formatOf, pullPolicyOf, registryFlags, systemOf } from "./registry-flags.ts";

const flags = {
  ...registryFlags,
  ...sbomFlags,
  encryptLayer: list({ value: "ints", help: "layers to encrypt, 0-indexed layer indices with support for negative indexing (e.g. 0 is the first layer, -1 is the last layer). If not defined, will encrypt all layers if encryption-key flag is specified" }),
  encryptionKey: list({ help: "key with the encryption protocol to use needed to encrypt the image (e.g. jwe:/path/to/key.pem)" }),
  addFile: texts({ value: "source:destination", help: "add contents of a file to the image at a specified path (source:destination)" }),
  annotation: texts({ help: "set metadata for an image (default [])" }),
  blobCache,
  change: texts({ short: "c", value: "instruction", help: "apply containerfile instructions to the committed image" }),
  cw: text({ refused: "confidential workloads are not supported", value: "options", help: "confidential workload options" }),
  config: text({ value: "file", help: "apply configuration JSON file to the committed image", complete: files }),
  createdAnnotation: toggle({ help: 'set an "org.opencontainers.image.created" annotation in the image', fallback: true }),
  disableCompression: toggle({ short: "D", help: "don't compress layers", fallback: true }),
  format: text({ short: "f", value: "format", help: "format of the image manifest and metadata", shown: '"oci"' }),
  identityLabel: toggle({ help: "add default builder label (default true)", fallback: true }),
  iidfile: text({ value: "file", help: "write the image ID to the file", complete: files }),
  manifest: text({ help: "adds created image to the specified manifest list. Creates manifest list if it does not exist" }),
  omitHistory: toggle({ help: "omit build history information from the built image (default false)" }),
  omitTimestamp: toggle({ help: "set created timestamp to epoch 0 to allow for deterministic builds", hidden: true }),
  pull: text({ help: "pull SBOM scanner images from the registry if newer or not present in store", fallback: "true", bare: "true" }),
  pullAlways: toggle({ help: "pull the image even if the named image is present in store", hidden: true }),
  pullNever: toggle({ help: "do not pull the image, use the image present in store if available", hidden: true }),
  quiet: toggle({ short: "q", help: "don't output progress information when writing images" }),
  referenceTime: text({ value: "file", help: "set the timestamp on the image to match the named file", hidden: true }),
  rewriteTimestamp: toggle({ help: "set timestamps in layer to no later than the value for --source-date-epoch" }),
  rm: toggle({ help: "remove the container and its content after committing it to an image. Default leaves the container and its content in place." }),
  signBy: text({ value: "FINGERPRINT", help: "sign the image using a GPG key with the specified FINGERPRINT" }),
  sourceDateEpoch: text({ value: "seconds", help: "set new timestamps in image info to seconds after the epoch, defaults to current time" }),
  squash: toggle({ help: "produce an image with only one layer" }),
  timestamp: whole({ value: "seconds", help: "set new timestamps in image info and layer to seconds after the epoch, defaults to current times" }),
  unsetannotation: list({ help: "unset annotation when inheriting annotations from base image" }),
  unsetenv: list({ help: "unset env from final image" }),
} as const;
type Line = VerbCall<typeof flags>;

export default verb({
  usage: "[flags] CONTAINER [IMAGE]",
  about: "\n  Writes a new image using the container's read-write layer and, if it is based\n  on an image, the layers of that image.",
  operands: ordered({ missing: "container ID must be specified", most: 2, complete: workingNames }),
  interspersed: false,
  flags,
  examples: ["buildah commit containerID", "buildah commit containerID newImageName", "buildah commit containerID docker://localhost:5000/imageId"],
  async run(line) {
    const { context, flags: asked, given, operands } = line;
    const [name, image = ""] = operands as [string, string?];
    const record = recordNamed(context, name);
    const system = systemOf(context, asked, given);
    const wishes = await wishesOf(line, system);
    let id: string;
    try {
      id = await committed(line, { record, image, system, wishes });
    } catch (thrown) {
      throw inFront(`committing container ${JSON.stringify(record.name)} to ${JSON.stringify(image)}`, thrown);
    }
    if (asked.iidfile) writeFileSync(asked.iidfile, `sha256:${id}`, { mode: 0o644 });
    else context.out(id);
    if (asked.manifest) await addToList(context, asked.manifest, id);
    if (asked.rm) await removeWorking(context.host, record);
  },
});

function recordNamed({ host }: Invocation, name: string): WorkingContainer {
  try {
    return getWorking(host, name);
  } catch (thrown) {
    throw inFront(`reading build container ${JSON.stringify(name)}`, thrown);
  }
}

interface Committing {
  readonly record: WorkingContainer;
  readonly image: string;
  readonly system: ImageSystem;
  readonly wishes: CommitWorking;
}

async function committed({ context, flags: asked }: Line, { record, image, system, wishes }: Committing): Promise<string> {
  const { host } = context;
  const to = image === "" ? undefined : findImageName(image);
  const own = ownName(to);
  if (to === undefined || own !== undefined) {
    const names = own !== undefined ? [own] : image === "" ? [] : [nameForNew(host, image)];
    const made = await commitWorking(host, record, { ...wishes, names });
    if (system.blobCache !== undefined) await (await import("../../image/blob-cache.ts")).keepStored(host.store, made, system.blobCache);
    await signNames(host.store, made, names, asked.signBy);
    return made.id;
  }
  const { openHost } = await import("../../engine/host.ts");
  const { id } = await sendWorking(host, record, {
    options: wishes,
    to: {
      name: to,
      world: { store: host.store, system, openStore: ({ root, runroot }) => openHost({ root, ...(runroot === undefined ? {} : { runroot }) }).store },
      ...(asked.disableCompression && to.transport !== "docker" ? {} : { packing: { format: "gzip" as const } }),
      ...(await encryptionOf(asked)),
      ...(await signerOf({ signBy: asked.signBy }, to.transport === "docker" ? dockerReference(to.rest) : undefined)),
    },
  });
  return id;
}

/** "containers-storage:NAME" is this store, unless it names another. */
function ownName(to: ImageName | undefined): string | undefined {
  if (to?.transport !== "containers-storage" || to.rest.startsWith("[")) return undefined;
  return referenceText(withDefaultTag(atDockerHub(parseReference(to.rest))));
}

async function wishesOf({ context, flags: asked, given }: Line, system: ImageSystem): Promise<CommitWorking> {
  const { createdSeconds, isEpoch } = createdOf(asked, given);
  const isTimed = createdSeconds !== undefined;
  const label = given.has("identityLabel") ? asked.identityLabel : !isTimed;
  const format = formatOf(asked.format);
  const scan = readScan(asked, given);
  const policy = given.has("pull") || given.has("pullAlways") || given.has("pullNever") ? pullPolicyOf(asked, given) : "newer";
  return {
    format,
    ...(isTimed ? { createdSeconds } : {}),
    ...(isTimed && !isEpoch ? { fileSeconds: createdSeconds } : {}),
    ...(isTimed && isEpoch && asked.rewriteTimestamp ? { latestSeconds: createdSeconds } : {}),
    squash: asked.squash,
    omitHistory: asked.omitHistory,
    compress: !asked.disableCompression,
    addFiles: addFilesOf(asked.addFile),
    unsetEnv: asked.unsetenv,
    changes: asked.change,
    ...(asked.config ? { over: await readOverride(asked.config) } : {}),
    ...(label ? { labels: { "io.buildah.version": compatibleBuildah } } : {}),
    annotations: asked.annotation,
    unsetAnnotations: asked.unsetannotation,
    createdAnnotation: asked.createdAnnotation,
    ...(scan ? { sbom: { scan, pull: { system, policy, onProgress: progressOf(context, asked.quiet) } } } : {}),
    onProgress: progressOf(context, asked.quiet),
  };
}

function createdOf(asked: Line["flags"], given: ReadonlySet<string>): { createdSeconds: number | undefined; isEpoch: boolean } {
  const epoch = asked.sourceDateEpoch ?? process.env["SOURCE_DATE_EPOCH"] ?? "";
  const found: { seconds: number; isEpoch: boolean }[] = [];
  if (given.has("referenceTime")) found.push({ seconds: fileTime(asked.referenceTime ?? ""), isEpoch: false });
  if (epoch !== "") found.push({ seconds: readEpoch(epoch), isEpoch: true });
  if (given.has("timestamp")) found.push({ seconds: asked.timestamp ?? 0, isEpoch: false });
  if (asked.omitTimestamp) found.push({ seconds: 0, isEpoch: false });
  if (found.length > 1) throw refuse("cannot use more then one timestamp option at at time");
  return { createdSeconds: found[0]?.seconds, isEpoch: found[0]?.isEpoch ?? false };
}

function readEpoch(written: string): number {
  if (/^-?\d{1,15}$/.test(written)) return Number(written);
  throw refuse(`parsing source date epoch ${JSON.stringify(written)}: strconv.ParseInt: parsing ${JSON.stringify(written)}: invalid syntax`);
}

function fileTime(file: string): number {
  try {
    return Math.floor(statSync(file).mtimeMs / 1000);
  } catch (cause) {
    throw new Fault("system.not-found", `reading timestamp of file ${JSON.stringify(file)}: stat ${file}: no such file or directory`, { cause });
  }
}

/** By path in the image. */
function addFilesOf(written: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const spec of written) {
    const colon = spec.indexOf(":");
    const source = colon < 0 ? spec : spec.slice(0, colon);
    try {
      if (statSync(source).isDirectory()) throw refuse(`parsing add-file argument ${JSON.stringify(spec)}: source ${JSON.stringify(source)} is not a regular file`);
    } catch (cause) {
      if (errnoOf(cause) !== "ENOENT") throw cause;
      throw new Fault("system.not-found", `parsing add-file argument ${JSON.stringify(spec)}: source ${JSON.stringify(source)}: stat ${source}: no such file or directory`, { cause });
    }
    found.set(colon < 0 ? spec : spec.slice(colon + 1), source);
  }
  return found;
}

async function addToList({ host }: Invocation, name: string, id: string): Promise<void> {
  const [{ createList, findList, write }, { addToList: add }] = await Promise.all([import("../../image/manifest-list.ts"), import("../../image/manifest-list-add.ts")]);
  const list = findList(host.store, name, host.imageSystem) ?? createList(host.store, name);
  write(host.store, (await add(list, id, { store: host.store, system: host.imageSystem })).list);
}
