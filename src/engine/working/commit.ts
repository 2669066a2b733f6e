// commit: an image from a working container's changes, into the store or away by any transport.
// Source: buildah-commit(1).

import { Fault } from "../../base/fault.ts";
import type { History, ImageConfig, ImageDefaults } from "../../base/oci-image.ts";
import { nowNs, rfc3339Nano } from "../../base/time.ts";
import { assembleImage, madeSource, type MadeImage } from "../../image/assemble.ts";
import { changeDefaults } from "../../image/instructions.ts";
import type { Packing } from "../../image/pack.ts";
import type { OnProgress } from "../../image/progress.ts";
import type { CopyOptions } from "../../image/copy.ts";
import type { RawManifest } from "../../image/manifest.ts";
import type { ImageName, World } from "../../image/transport.ts";
import type { StoredImage } from "../../storage/store.ts";
import { letCodeGo } from "../containers/commit.ts";
import type { Host } from "../host.ts";
import type { SbomScan, Scanning } from "../sbom/scan.ts";
import { type LayerWishes, newLayers } from "./layers.ts";
import { withWorkingRoot } from "./mount.ts";
import type { WorkingContainer } from "./records.ts";

export interface CommitWorking extends LayerWishes {
  readonly format: "oci" | "docker";
  /** Seconds since 1970, of the image and its history; absent: now. */
  readonly createdSeconds?: number;
  readonly omitHistory?: boolean;
  readonly unsetEnv?: readonly string[];
  /** Instructions, as --change takes them. */
  readonly changes?: readonly string[];
  /** Laid over the config, field by field. */
  readonly over?: ImageDefaults;
  readonly labels?: Readonly<Record<string, string>>;
  /** "key=value" each. */
  readonly annotations?: readonly string[];
  readonly unsetAnnotations?: readonly string[];
  /** Whether the image says when it was made; default true. */
  readonly createdAnnotation?: boolean;
  /** A bill of materials is made of what is committed, with a scanner's image that may have to be pulled. */
  readonly sbom?: { readonly scan: SbomScan; readonly pull: Scanning["pull"] };
  readonly onProgress?: OnProgress;
}

/** Where an image goes that does not stay in this store. */
export interface Destination {
  readonly name: ImageName;
  readonly world: World;
  readonly packing?: Packing;
  /** Makes a signature of the manifest as it was written. */
  readonly sign?: CopyOptions["sign"];
  readonly encryption?: CopyOptions["encryption"];
}

/** Into the store, under these whole names. */
export async function commitWorking(host: Host, record: WorkingContainer, options: CommitWorking & { readonly names: readonly string[] }): Promise<StoredImage> {
  letCodeGo(host);
  using lease = host.store.lease();
  const made = await makeImage(host, record, { options, lease });
  letCodeGo(host);
  options.onProgress?.({ kind: "manifest", list: false });
  return await assembleImage(host.store, lease, { ...made, names: options.names });
}

/** Away, without a trace in the store. Answers the ID and the manifest as it was written. */
export async function sendWorking(
  host: Host, record: WorkingContainer, { options, to }: { readonly options: CommitWorking; readonly to: Destination },
): Promise<{ readonly id: string; readonly raw: RawManifest }> {
  const { copyImage } = await import("../../image/copy.ts");
  const { openSink } = await import("../../image/transport.ts");
  using lease = host.store.lease();
  const { onProgress: _silent, ...quiet } = options;
  const made = await makeImage(host, record, { options: quiet, lease });
  const { source, cargo } = madeSource(host.store, made);
  const isPlain = to.packing === undefined;
  const sink = await openSink(to.name, to.world, { called: "commit to registry at", ...(isPlain ? {} : { packsLayers: true }) });
  const { raw } = await copyImage(source, sink, {
    ...(to.packing ? { packing: to.packing } : {}),
    ...(to.sign ? { sign: to.sign } : {}),
    ...(to.encryption ? { encryption: to.encryption } : {}),
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
  });
  return { id: cargo.manifest.config.digest.replace(/^[a-z0-9]+:/, ""), raw };
}

interface Making {
  readonly options: CommitWorking;
  readonly lease: ReturnType<Host["store"]["lease"]>;
}

async function makeImage(host: Host, record: WorkingContainer, making: Making): Promise<MadeImage> {
  const { options: { sbom }, lease } = making;
  if (sbom === undefined) return makePlainImage(host, record, making);
  const { filesForImage, keepOnHost, scanRoot } = await import("../sbom/scan.ts");
  using bills = await withWorkingRoot(host, record.id, root => scanRoot(host, { ...sbom, lease, root, contexts: [] }));
  const addFiles = new Map([...(making.options.addFiles ?? []), ...filesForImage(sbom.scan, bills)]);
  const made = await makePlainImage(host, record, { lease, options: { ...making.options, addFiles } });
  keepOnHost(sbom.scan, bills);
  return made;
}

async function makePlainImage(host: Host, record: WorkingContainer, { options, lease }: Making): Promise<MadeImage> {
  const created = rfc3339Nano(options.createdSeconds === undefined ? nowNs() : BigInt(options.createdSeconds) * 1_000_000_000n, "utc");
  const { layers, extra } = await newLayers(host, record, { wishes: options, lease });
  return {
    format: options.format,
    config: configOf(record, { options, created, extra }),
    layers,
    names: [],
    ...(options.format === "oci" ? { annotations: annotationsOf(record, options, created) } : {}),
  };
}

function annotationsOf({ annotations }: WorkingContainer, options: CommitWorking, created: string): Record<string, string> {
  const all = new Map(Object.entries(annotations));
  const key = "org.opencontainers.image.created";
  if (options.createdAnnotation ?? true) all.set(key, created);
  else all.delete(key);
  for (const name of options.unsetAnnotations ?? []) all.delete(name);
  for (const text of options.annotations ?? []) {
    const equals = text.indexOf("=");
    all.set(equals < 0 ? text : text.slice(0, equals), equals < 0 ? "" : text.slice(equals + 1));
  }
  return Object.fromEntries([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface Facts {
  readonly options: CommitWorking;
  readonly created: string;
  /** Digest of the layer of added files, where there is one. */
  readonly extra: string | undefined;
}

function configOf(record: WorkingContainer, facts: Facts): Omit<ImageConfig, "rootfs"> {
  const { options, created } = facts;
  const { rootfs: _rootfs, history: _history, config = {}, comment, container: _container, docker_version: _version, ...rest } = record.config;
  const isDocker = options.format === "docker";
  const history = historyOf(record, facts);
  return {
    created,
    ...omitCreated(rest),
    ...(isDocker && options.createdSeconds === undefined ? { container: record.id } : {}),
    ...(isDocker && comment ? { comment } : {}),
    config: defaultsOf(config, options, isDocker),
    ...(history.length > 0 ? { history } : {}),
  };
}

function omitCreated<T extends { created?: string }>({ created: _created, ...rest }: T): Omit<T, "created"> {
  return rest;
}

/** What OCI's config does not know of is Docker's alone. */
function defaultsOf(base: ImageDefaults, options: CommitWorking, isDocker: boolean): ImageDefaults {
  const labels = { ...base.Labels, ...options.labels };
  const changed = changeDefaults({ ...base, Labels: labels }, options.changes ?? []);
  const isKept = (variable: string): boolean => !(options.unsetEnv ?? []).includes(variable.split("=", 1)[0]!);
  const whole: ImageDefaults = { ...changed, ...options.over, ...(changed.Env ? { Env: changed.Env.filter(isKept) } : {}), ...overEnv(options.over, isKept) };
  const { Hostname: _h, Domainname: _d, Healthcheck: _c, Shell: _s, OnBuild: _o, ...plain } = whole;
  return withoutEmpty(isDocker ? whole : plain);
}

const overEnv = (over: ImageDefaults | undefined, isKept: (variable: string) => boolean): ImageDefaults =>
  over?.Env ? { Env: over.Env.filter(isKept) } : {};

function withoutEmpty(defaults: ImageDefaults): ImageDefaults {
  const isFull = (value: unknown) => value !== "" && (typeof value !== "object" || value === null || Object.keys(value).length > 0);
  return Object.fromEntries(Object.entries(defaults).filter(([, value]) => isFull(value)));
}

function historyOf(record: WorkingContainer, { options, created, extra }: Facts): History[] {
  const { imageId, imageName, config } = record;
  const base = options.squash || options.omitHistory ? [] : (config.history ?? []);
  // A base with layers but without history would make ours speak of the wrong ones.
  const isMute = imageId !== "" && (config.history ?? []).length === 0 && config.rootfs.diff_ids.length > 0;
  if (options.omitHistory || (isMute && !options.squash)) return [];
  const author = config.author ? { author: config.author } : {};
  const own: History[] = [
    ...(record.prepended ?? []).map(entry => ({ ...entry, ...(options.createdSeconds === undefined ? {} : { created }), empty_layer: true })),
    { created, created_by: record.createdBy || config.config?.Shell?.join(" ") || "/bin/sh", ...author, ...(record.historyComment ? { comment: record.historyComment } : {}) },
    ...(extra === undefined ? [] : [{ created, created_by: `/bin/sh -c #(nop) ADD dir:${extra} in /",` }]),
    ...(record.links ?? []).map(({ createdBy }) => ({ created, created_by: createdBy })),
  ];
  const isById = imageName === "" || imageId.startsWith(imageName);
  if (!isById) own[0] = { ...own[0], comment: [own[0]!.comment, `FROM ${imageName}`].filter(Boolean).join(" ") };
  return [...base, ...own];
}

/** The config in a file, as Docker's or OCI's "config" object. @throws Fault "input.malformed" */
export async function readOverride(file: string): Promise<ImageDefaults> {
  const { readDefaults } = await import("../../image/config.ts");
  const { readFileSync } = await import("node:fs");
  try {
    return readDefaults(JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>);
  } catch (cause) {
    throw new Fault("input.malformed", `parsing configuration blob from ${JSON.stringify(file)}: ${(cause as Error).message}`, { cause });
  }
}
