// From a transport name such as "oci-archive:FILE:REF" to a source or a sink.
// Source: containers-transports(5).

import { isDigest } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import type { Store } from "../storage/store.ts";
import { acceptsAnything } from "./no-policy.ts";
import type { Policy, PolicyRequirement, PolicySubject } from "./policy.ts";
import { atDockerHub, findReference, parseReference, referenceText, withDefaultTag } from "./reference.ts";
import { allowedSystem } from "./registry-sources.ts";
import type { Reference } from "./reference.ts";
import type { FoundImage } from "./resolve.ts";
import type { Sink, Source } from "./source.ts";
import type { ImageSystem } from "./system.ts";

export const transportNames = [
  "containers-storage", "dir", "docker", "docker-archive", "docker-daemon", "oci", "oci-archive", "sif", "tarball",
] as const;
export type TransportName = (typeof transportNames)[number];

/** Known to others, not to us yet. */
const otherTransports: readonly string[] = ["ostree", "atomic"];

export interface ImageName {
  readonly transport: TransportName;
  /** What follows the colon ("//" removed for docker). */
  readonly rest: string;
}

/** What the world offers to transports. */
export interface World {
  readonly system?: ImageSystem;
  readonly store?: Store;
  /** Opens the store that `containers-storage:[driver@root+runroot]…` names. */
  readonly openStore?: (places: { readonly root: string; readonly runroot: string | undefined }) => Store | Promise<Store>;
  /** Whether what is in the store was let in when it came, so that no policy is asked again. */
  readonly trustsStore?: boolean;
  /** Opens the machine's own store, where `store` is not given. */
  readonly findStore?: () => Store | Promise<Store>;
}

/**
 * undefined where the text does not begin with a transport, as a plain image name.
 *
 * @throws Fault "usage.invalid" for a transport without its path or name, "usage.unsupported" for one we do not have
 */
export function findImageName(text: string): ImageName | undefined {
  const colon = text.indexOf(":");
  const scheme = text.slice(0, Math.max(colon, 0));
  if (otherTransports.includes(scheme)) {
    throw new Fault("usage.unsupported", `cannot use ${JSON.stringify(text)}: transport "${scheme}" is not supported`, {
      hint: `use one of: ${transportNames.join(", ")}`,
    });
  }
  const transport = transportNames.find(name => name === scheme);
  if (transport === undefined) return undefined;
  const rest = text.slice(colon + 1);
  if (transport === "docker") return rest.startsWith("//") ? { transport, rest: rest.slice(2) } : undefined;
  if (rest === "") throw new Fault("usage.invalid", `invalid reference ${JSON.stringify(text)}: nothing after the transport`);
  return { transport, rest };
}

/** @throws Fault "usage.invalid" where there is no transport, worded as skopeo does */
export function parseImageName(text: string): ImageName {
  const name = findImageName(text);
  if (name) return name;
  const colon = text.indexOf(":");
  throw new Fault("usage.invalid", colon < 0
    ? `Invalid image name ${JSON.stringify(text)}, expected colon-separated transport:reference`
    : `Invalid image name ${JSON.stringify(text)}, unknown transport ${JSON.stringify(text.slice(0, colon))}`, {
    hint: `write TRANSPORT:NAME with one of: ${transportNames.join(", ")}, such as docker://${text}`,
  });
}

/** Splits "PATH[:NAME]" at the first colon, as paths of these transports cannot hold one. */
export function splitPath(rest: string): { readonly path: string; readonly name: string } {
  const colon = rest.indexOf(":");
  return colon < 0 ? { path: rest, name: "" } : { path: rest.slice(0, colon), name: rest.slice(colon + 1) };
}

/** A reference of docker://, read as Docker does. */
export const dockerReference = (rest: string): Reference => withDefaultTag(atDockerHub(parseReference(rest)));

/** @throws Fault "policy.rejected" before anything is read but the manifest */
export async function openSource(name: ImageName, world: World): Promise<Source> {
  if (name.transport === "containers-storage") return openStored(name, world);
  const { system = {} } = world;
  const asked = await askPolicy(system, () => subjectOf(name));
  const source = await open(name, world);
  const cached = system.blobCache === undefined ? source : (await import("./blob-cache.ts")).readingCache(source, system.blobCache);
  return admitted(cached, asked);
}

function subjectOf({ transport, rest }: ImageName): PolicySubject {
  const { path, name: image } = splitPath(rest);
  switch (transport) {
    case "docker": return { transport, reference: dockerReference(rest) };
    case "docker-daemon": return { transport, path: rest, ...(isDigest(rest) ? {} : { reference: dockerReference(rest) }) };
    case "oci": return { transport, path, image };
    case "oci-archive":
    case "docker-archive": return { transport, path };
    default: return { transport, path: rest };
  }
}

interface Asked {
  readonly policy: Policy;
  readonly requirements: readonly PolicyRequirement[];
  readonly subject: PolicySubject;
}

/** undefined where nothing is asked. @throws Fault "policy.rejected" */
async function askPolicy(system: ImageSystem, subjectOf: () => PolicySubject): Promise<Asked | undefined> {
  if (system.policy && acceptsAnything(system.policy)) return undefined;
  const { enforcePolicy, readPolicy } = await import("./policy.ts");
  const policy = system.policy ?? readPolicy(system.signaturePolicy);
  if (acceptsAnything(policy)) return undefined;
  const subject = subjectOf();
  return { policy, requirements: enforcePolicy(policy, subject), subject };
}

async function admitted(source: Source, asked: Asked | undefined): Promise<Source> {
  if (asked === undefined || asked.requirements.length === 0) return source;
  const { admission } = await import("./signature/admission.ts");
  return { ...source, admit: admission({ ...asked, source }) };
}

/** What a stored image is called is known once it is found; nothing of it is read before the policy has spoken. */
async function openStored(name: ImageName, world: World): Promise<Source> {
  const { system = {} } = world;
  if (world.trustsStore) return open(name, world);
  const storeRoot = (await findPodmanStorage(name.rest))?.root ?? (await storeNamed(name.rest, world)).store.root;
  const source = await open(name, world);
  const { reference } = source;
  const subject: PolicySubject = { transport: "containers-storage", path: name.rest, storeRoot, ...(reference ? { reference } : {}) };
  return admitted(source, await askPolicy(system, () => subject));
}

async function open({ transport, rest }: ImageName, world: World): Promise<Source> {
  const system = world.system ?? {};
  const { path, name } = splitPath(rest);
  switch (transport) {
    case "docker": return (await import("./transports/registry.ts")).registrySource(dockerReference(rest), allowedSystem(system, dockerReference(rest), "registry"));
    case "containers-storage": {
      const podmans = await findPodmanStorage(rest);
      if (podmans) return (await import("./transports/podman-storage.ts")).podmanStorageSource(podmans.root, podmans.text);
      const { store, text } = await storeNamed(rest, world);
      const found = await findStored(store, text, system);
      const reference = findReference(found.name);
      const source = (await import("./transports/storage.ts")).storageSource(store, found.image, found.name);
      return reference === undefined || reference.domain === "" ? source : { ...source, reference };
    }
    case "oci": return (await import("./transports/oci.ts")).ociSource(path, name, system.sharedBlobDir);
    case "oci-archive": return (await import("./transports/oci-archive.ts")).ociArchiveSource(path, name, system.tmpDir);
    case "docker-archive": return (await import("./transports/docker-archive.ts")).dockerArchiveSource(path, name, system);
    case "docker-daemon": return (await import("./transports/daemon.ts")).daemonSource(rest, system);
    case "tarball": return (await import("./transports/tarball.ts")).tarballSource(rest, system);
    case "sif": return (await import("./transports/sif.ts")).sifSource(rest, system);
    case "dir": return (await import("./transports/dir.ts")).dirSource(rest);
  }
}

async function findStored(store: Store, text: string, system: ImageSystem): Promise<FoundImage> {
  const { getFound } = await import("./resolve.ts");
  try {
    return getFound(store, text, system);
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== "image.not-found") throw cause;
    const name = findReference(text);
    const whole = name === undefined ? `@${text}` : referenceText(withDefaultTag(atDockerHub(name)));
    throw new Fault("image.not-found", `reference "[overlay@${store.root}]${whole}" does not resolve to an image ID`, { cause });
  }
}

export interface SinkOptions {
  /** What a refusal by BUILD_REGISTRY_SOURCES calls the registry. */
  readonly called?: string;
  readonly layers?: "uncompressed";
  /** True: a dir gets its layers compressed. False: an image layout gets plain layers as they are. Absent: the transport's way. */
  readonly packsLayers?: boolean;
  /** For docker-archive: names beside the one in the path. */
  readonly additionalNames?: readonly string[];
}

export async function openSink(name: ImageName, world: World, options: SinkOptions = {}): Promise<Sink> {
  const sink = await openPlainSink(name, world, options);
  const directory = world.system?.blobCache;
  return directory === undefined ? sink : (await import("./blob-cache.ts")).keepingCache(sink, directory);
}

async function openPlainSink({ transport, rest }: ImageName, world: World, options: SinkOptions): Promise<Sink> {
  const system = world.system ?? {};
  const { path, name } = splitPath(rest);
  const plain = {
    ...(options.layers ? { layers: options.layers } : {}),
    ...(options.packsLayers === undefined ? {} : { packsLayers: options.packsLayers }),
  };
  switch (transport) {
    case "docker": return (await import("./transports/registry.ts")).registrySink(dockerReference(rest), allowedSystem(system, dockerReference(rest), options.called ?? "registry"));
    case "containers-storage": {
      const { store, text } = await storeNamed(rest, world);
      const names = text === "" || text.startsWith("@") ? [] : [referenceText(withDefaultTag(atDockerHub(parseReference(text))))];
      return (await import("./transports/storage.ts")).storageSink(store, names);
    }
    case "oci": return (await import("./transports/oci.ts")).ociSink(path, name, {
      ...plain,
      ...(system.sharedBlobDir === undefined ? {} : { sharedBlobDir: system.sharedBlobDir }),
    });
    case "oci-archive":
      return (await import("./transports/oci-archive.ts")).ociArchiveSink(path, name, {
        ...plain,
        ...(system.tmpDir === undefined ? {} : { tmpDir: system.tmpDir }),
      });
    case "docker-archive": {
      const { dockerArchiveWriter } = await import("./transports/docker-archive.ts");
      const writer = dockerArchiveWriter(path, system);
      const given = name === "" ? [] : [referenceText(withDefaultTag(atDockerHub(parseReference(name))))];
      const sink = writer.sink([...new Set([...given, ...(options.additionalNames ?? [])])]);
      return { ...sink, close: ok => writer.close(ok) };
    }
    case "dir": return (await import("./transports/dir.ts")).dirSink(rest, plain);
    case "docker-daemon": return (await import("./transports/daemon.ts")).daemonSink(rest, system);
    case "sif":
    case "tarball": throw new Fault("usage.unsupported", `"${transport}:" locations can only be read from, not written to`);
  }
}

/** Root and name, where the brackets lead to a store of Podman's own. */
async function findPodmanStorage(rest: string): Promise<{ readonly root: string; readonly text: string } | undefined> {
  const match = /^\[(?:[a-z0-9]+@)?(\/[^+:\]]*)[^\]]*\]@?(.*)$/s.exec(rest);
  if (!match) return undefined;
  const { isPodmanStorage } = await import("./transports/podman-storage.ts");
  return isPodmanStorage(match[1]!) ? { root: match[1]!, text: match[2]! } : undefined;
}

/** "[driver@root+runroot:options]NAME", every part of the brackets but the root optional. */
export async function storeNamed(rest: string, world: World): Promise<{ store: Store; text: string }> {
  const podmans = await findPodmanStorage(rest);
  if (podmans) {
    throw new Fault("usage.unsupported", `cannot write to ${JSON.stringify(podmans.root)}: it is a store of Podman's, which is only read`, {
      hint: "name another root, or leave it out for this machine's own store",
    });
  }
  const match = /^\[([^\]]*)\](.*)$/s.exec(rest);
  const text = (match ? match[2]! : rest).replace(/^@(?=[0-9a-f]{64}$)/, "");
  if (!match) {
    const store = world.store ?? (await world.findStore?.());
    if (store) return { store, text };
    throw new Fault("usage.invalid", "cannot use containers-storage: no store is open");
  }
  const [place = ""] = match[1]!.split(":");
  const [root = "", runroot] = place.replace(/^[a-z0-9]+@/, "").split("+");
  if (!root.startsWith("/")) {
    throw new Fault("usage.invalid", `cannot use "containers-storage:${rest}": the store's root is not an absolute path`);
  }
  if (world.store && world.store.root === root) return { store: world.store, text };
  if (!world.openStore) throw new Fault("usage.unsupported", `cannot open the store at ${JSON.stringify(root)} here`);
  return { store: await world.openStore({ root, runroot }), text };
}
