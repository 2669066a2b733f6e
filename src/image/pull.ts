// Pulling: from a name or transport to images in the store, by podman's policies.
// Source: podman-pull(1).

import { withRetries } from "../base/retries.ts";
import { Fault } from "../base/fault.ts";
import type { Store, StoredImage } from "../storage/store.ts";
import { copyImage } from "./copy.ts";
import { readManifest } from "./manifest.ts";
import { choosePlatform, hostPlatform, isChosen, platformWarning } from "./platform.ts";
import type { OnProgress } from "./progress.ts";
import { atDockerHub, nameToGive, parseReference, referenceText, withDefaultTag, withoutTagBesideDigest } from "./reference.ts";
import type { Reference } from "./reference.ts";
import { getImage, lookupImage } from "./resolve.ts";
import type { FoundImage } from "./resolve.ts";
import { isSchema1 } from "./schema1/schema1.ts";
import { registriesOf, resolveShortName } from "./short-names.ts";
import type { Prompt } from "./short-names.ts";
import type { Source } from "./source.ts";
import { imagePlatform } from "./stored-config.ts";
import type { ImageSystem } from "./system.ts";
import { dockerReference, findImageName, openSource, splitPath } from "./transport.ts";
import type { ImageName } from "./transport.ts";
import { opening } from "./transports/registry.ts";
import { storageSink } from "./transports/storage.ts";

export const pullPolicies = ["always", "missing", "never", "newer"] as const;
export type PullPolicy = (typeof pullPolicies)[number];

export interface PullRequest {
  readonly store: Store;
  readonly system?: ImageSystem;
  readonly policy: PullPolicy;
  readonly onProgress?: OnProgress;
  /** Given only where a person can be asked. */
  readonly prompt?: Prompt;
  readonly allTags?: boolean;
  readonly removeSignatures?: boolean;
}

/** Reads --pull and --policy. @throws Fault "usage.invalid" worded `unsupported pull policy "x"` */
export function parsePullPolicy(text: string): PullPolicy {
  const known: Readonly<Record<string, PullPolicy>> = {
    "": "missing", ifmissing: "missing", true: "always", false: "missing", always: "always", missing: "missing", ifnotpresent: "missing",
    never: "never", newer: "newer", ifnewer: "newer",
  };
  const policy = Object.hasOwn(known, text.toLowerCase()) ? known[text.toLowerCase()] : undefined;
  if (policy) return policy;
  throw new Fault("usage.invalid", `unsupported pull policy ${JSON.stringify(text)}`);
}

/**
 * Pulls what `name` says: a short or whole name from registries, or any transport.
 *
 * @throws Fault "image.not-found" with policy "never"; "registry.*", "policy.rejected", "digest.mismatch", …
 */
export async function pull(name: string, request: PullRequest): Promise<StoredImage[]> {
  return withRetries(request.system?.again, () => pullOnce(name, request));
}

async function pullOnce(name: string, request: PullRequest): Promise<StoredImage[]> {
  const source = findImageName(name);
  if (source && source.transport !== "docker") {
    if (request.allTags) throw new Fault("usage.invalid", `pulling all tags is not supported for ${source.transport} transport`);
    return (await pullFrom(source, request)).map(one => one.image);
  }
  if (/^(?:sha256:[0-9a-f]*|[0-9a-f]{64})$/.test(name)) {
    if (request.policy === "always") throw byId(name);
    return [getImage(request.store, name, request.system)];
  }
  const written = source ? referenceText(dockerReference(source.rest)) : referenceText(withoutTagBesideDigest(parseReference(name)));
  if (!request.allTags) return [await pullOne(written, request)];
  const { registryTags } = await import("./transports/registry.ts");
  const { candidates } = await resolveShortName(written, registriesOf(request.system ?? {}), request.prompt);
  const { domain, path } = candidates[0]!;
  const pulled: StoredImage[] = [];
  for (const tag of await registryTags({ domain, path }, request.system)) {
    pulled.push(await pullOne(referenceText({ domain, path, tag }), request));
  }
  return pulled;
}

const byId = (name: string): Fault =>
  new Fault("usage.invalid", `pull policy is always but image has been referred to by ID (${name})`);

function effectivePolicy({ policy, system }: PullRequest): PullPolicy {
  // What is here may lie about its platform, so a wish for one always asks the registry.
  return isChosen(system?.platform) && policy === "missing" ? "newer" : policy;
}

/** A platform that is this machine's own is no reason to doubt what is here. */
function lookupSystem(system: ImageSystem = {}): ImageSystem {
  const { os, architecture, variant } = system.platform ?? {};
  const host = hostPlatform();
  const platform = {
    ...(os && os !== host.os ? { os } : {}),
    ...(architecture && architecture !== host.architecture ? { architecture } : {}),
    ...(variant ? { variant } : {}),
  };
  return { ...system, platform };
}

async function pullOne(written: string, request: PullRequest): Promise<StoredImage> {
  const { store, system = {} } = request;
  const policy = effectivePolicy(request);
  const local = lookupImage(store, written, lookupSystem(system));
  if (policy === "never" && !local) {
    throw new Fault("image.not-found", `${written}: image not known`);
  }
  if (local && (policy === "never" || policy === "missing")) return local.image;
  if (local?.image.id.startsWith(written)) {
    if (policy === "always") throw byId(written);
    return local.image;
  }
  const wanted = local && !isChosen(system.platform) ? local.name : written;
  return fromRegistries(wanted, local, { ...request, policy });
}

async function fromRegistries(name: string, local: FoundImage | undefined, request: PullRequest): Promise<StoredImage> {
  const keepsLocal = local !== undefined && request.policy === "newer";
  const resolved = await resolveShortName(name, registriesOf(request.system ?? {}), request.prompt).catch((thrown: unknown) => {
    if (keepsLocal) return undefined;
    throw thrown;
  });
  if (!resolved) return local!.image;
  const faults: Fault[] = [];
  let described = false;
  const announce = (candidate: Reference): void => {
    if (!described && resolved.description) request.onProgress?.({ kind: "resolved", text: resolved.description });
    described = true;
    request.onProgress?.({ kind: "trying", reference: referenceText(candidate) });
  };
  for (const candidate of resolved.candidates) {
    try {
      const image = await pullCandidate(candidate, { request, local: keepsLocal ? local : undefined, announce: () => announce(candidate) });
      if (image === undefined) continue;
      resolved.record?.();
      return image;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      faults.push(thrown);
    }
  }
  if (keepsLocal) return local.image;
  throw oneFault(faults);
}

/** As podman lists them when several registries were tried. */
function oneFault(faults: readonly Fault[]): Fault {
  const [first] = faults;
  if (!first) return new Fault("registry.failed", "cannot pull: no image was pulled");
  if (faults.length === 1) return first;
  return new Fault(first.code, `${faults.length} errors occurred while pulling:\n * ${faults.map(fault => fault.message).join("\n * ")}`, {
    cause: first,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

interface Attempt {
  readonly request: PullRequest;
  /** Of policy "newer": what is here. */
  readonly local: FoundImage | undefined;
  readonly announce: () => void;
}

/** undefined where the registry has nothing newer. */
async function pullCandidate(candidate: Reference, { request, local, announce }: Attempt): Promise<StoredImage | undefined> {
  const name: ImageName = { transport: "docker", rest: referenceText(candidate) };
  if (local === undefined) announce();
  const source = await openSource(name, worldOf(request)).catch((thrown: unknown) => {
    throw unable(`docker://${name.rest}`, thrown);
  });
  if (local !== undefined) {
    if (await isSame(source, local.image, request)) {
      await source.close();
      return undefined;
    }
    announce();
  }
  return intoStore(source, [referenceText(candidate)], request);
}

const worldOf = ({ store, system }: PullRequest) => ({ store, trustsStore: true, ...(system ? { system } : {}) });

const unable = (source: string, thrown: unknown): unknown => opening(`unable to copy from source ${source}`, thrown);

async function isSame(source: Source, image: StoredImage, { store, system }: PullRequest): Promise<boolean> {
  const raw = await source.manifest();
  if (isSchema1(raw)) return false;
  const top = readManifest(raw);
  const has = (digest: string) => image.manifests.some(one => one.digest === digest);
  if (top.kind === "image") return has(top.raw.digest);
  return has(choosePlatform(top.index, { ...imagePlatform(store, image), ...system?.platform }).digest);
}

async function intoStore(source: Source, names: readonly string[], request: PullRequest): Promise<StoredImage> {
  const { store, system = {}, onProgress } = request;
  const openers = system.decryptionKeys && (await import("./encryption/keys.ts")).readOpeners(system.decryptionKeys);
  const sink = storageSink(store, names);
  try {
    await copyImage(source, sink, {
      ...(openers ? { openers } : {}),
      ...(request.removeSignatures ? { removeSignatures: true } : {}),
      ...(system.platform ? { platform: system.platform } : {}),
      ...(system.layersInParallel === undefined ? {} : { parallel: system.layersInParallel }),
      ...(system.signal ? { signal: system.signal } : {}),
      ...(onProgress ? { onProgress } : {}),
    });
  } catch (thrown) {
    throw unable(source.name, thrown);
  }
  const image = sink.stored();
  if (system.blobCache !== undefined) await (await import("./blob-cache.ts")).keepStored(store, image, system.blobCache);
  const warning = platformWarning(sink.platform(), system.platform);
  if (warning) onProgress?.({ kind: "warning", text: warning });
  return image;
}

export interface LoadedImage {
  readonly image: StoredImage;
  /** Whole names it got, or "sha256:ID" where the source names none. */
  readonly names: readonly string[];
}

/** From a transport that is no registry. A docker-archive may give several images where no name chooses one. */
export async function pullFrom(name: ImageName, request: PullRequest): Promise<LoadedImage[]> {
  if (name.transport === "docker-archive") return fromDockerArchive(name, request);
  const source = await openSource(name, worldOf(request));
  let names: string[];
  try {
    names = givenNames(name, source);
  } catch (thrown) {
    await source.close();
    throw thrown;
  }
  return [loaded(await intoStore(source, names, request), names)];
}

const loaded = (image: StoredImage, names: readonly string[]): LoadedImage =>
  ({ image, names: names.length > 0 ? names : [`sha256:${image.id}`] });

function givenNames(name: ImageName, source: Source): string[] {
  if (name.transport === "oci") {
    const ref = splitPath(name.rest).name;
    return ref === "" || ref.startsWith("@") ? [] : [referenceText(withDefaultTag(atDockerHub(parseReference(ref))))];
  }
  if (name.transport === "containers-storage") {
    const written = name.rest.replace(/^\[[^\]]*\]/, "");
    return written.startsWith("@") ? [] : [referenceText(nameToGive(written))];
  }
  const annotations = "entry" in source ? (source as { entry: { annotations?: Record<string, string> } }).entry.annotations : undefined;
  const given = annotations?.["io.containerd.image.name"] || annotations?.["org.opencontainers.image.ref.name"];
  return given ? [referenceText(nameToGive(given))] : [];
}

async function fromDockerArchive({ rest }: ImageName, request: PullRequest): Promise<LoadedImage[]> {
  const { archivedImages, dockerArchiveSource } = await import("./transports/docker-archive.ts");
  const { openArchive } = await import("./archive.ts");
  const { enforcePolicy, readPolicy, rejected } = await import("./policy.ts");
  const { path, name } = splitPath(rest);
  const policy = request.system?.policy ?? readPolicy(request.system?.signaturePolicy);
  if (enforcePolicy(policy, { transport: "docker-archive", path }).length > 0) {
    throw rejected(policy, `docker-archive:${path} must be signed, and archives hold no signatures`);
  }
  const tree = await openArchive(path, request.system?.tmpDir);
  try {
    const places = name === "" ? archivedImages(tree).map((_, place) => `@${place}`) : [name];
    const done: LoadedImage[] = [];
    for (const place of places) {
      const source = await dockerArchiveSource(path, place, { tree });
      const { names } = source.image;
      done.push(loaded(await intoStore(source, names, request), names));
    }
    return done;
  } finally {
    tree.close();
  }
}
