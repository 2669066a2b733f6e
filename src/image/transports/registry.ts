// docker://: images in a registry, through registries.conf's mirrors and rewrites, with the right credentials.

import type { Digest } from "../../base/digest.ts";
import { manifestMediaTypes } from "../../base/media-types.ts";
import { newRegistryClient } from "../../registry/client.ts";
import type { RegistryClient, RegistryClientOptions } from "../../registry/client.ts";
import { findCredentials } from "../../registry/credentials.ts";
import { firstThatAnswers } from "../../registry/mirrors.ts";
import { notesOf } from "../../registry/notes.ts";
import { endpointsFor } from "../../registry/registries-conf.ts";
import type { PullEndpoint } from "../../registry/registries-conf.ts";
import { Fault } from "../../base/fault.ts";
import { blobReuse, seenBlobs } from "../blob-reuse.ts";
import { rawManifest } from "../manifest.ts";
import type { RawManifest } from "../manifest.ts";
import { referenceText, repositoryOf } from "../reference.ts";
import type { Reference } from "../reference.ts";
import { isSchema1 } from "../schema1/schema1.ts";
import { registriesOf } from "../short-names.ts";
import type { Sink, Source } from "../source.ts";
import type { ImageSystem } from "../system.ts";

/** Where a registry source reads from, once it has answered. */
export interface RegistrySource extends Source {
  readonly reference: Reference;
  readonly endpoint: PullEndpoint;
}

/** A client for one endpoint with the person's wishes. `intent` "push" asks for a token that may write. */
export async function clientFor(
  endpoint: Pick<PullEndpoint, "host" | "repository" | "insecure">,
  system: ImageSystem,
  intent: "pull" | "push",
): Promise<RegistryClient> {
  const credentials = system.credentials ?? (await findCredentials(`${endpoint.host}/${endpoint.repository}`, {
    ...(system.authFile === undefined ? {} : { authFile: system.authFile }),
    helpers: registriesOf(system).credentialHelpers,
  }));
  const key = JSON.stringify([endpoint.host, endpoint.insecure, intent, credentials]);
  const kept = system.clients?.get(key);
  if (kept) return kept;
  const insecure = system.tlsVerify === undefined ? endpoint.insecure : !system.tlsVerify;
  const client = newRegistryClient({
    host: endpoint.host,
    insecure,
    ...(insecure ? schemeMemory(endpoint.host) : {}),
    credentials,
    intent,
    ...(system.certDir === undefined ? {} : { certDir: system.certDir }),
    ...(system.registryToken === undefined ? {} : { registryToken: system.registryToken }),
    ...(system.userAgent === undefined ? {} : { userAgent: system.userAgent }),
    ...(system.signal === undefined ? {} : { signal: system.signal }),
    retry: {
      ...(system.retries === undefined ? {} : { attemptsMax: system.retries + 1, isStubborn: system.retries > 0 }),
      ...(system.retryDelayMs === undefined ? {} : { delayMs: system.retryDelayMs, isFixed: true }),
    },
  });
  system.clients?.set(key, client);
  return client;
}

/** By which scheme an insecure registry answered the last time. */
function schemeMemory(host: string): Pick<RegistryClientOptions, "wasPlain" | "onScheme"> {
  const schemes = notesOf("hosts", "schemes");
  return {
    wasPlain: schemes.values(host).includes("http"),
    onScheme(scheme) {
      if (scheme === "http") schemes.note(host, scheme);
      else schemes.forget(host, "http");
      schemes.keep();
    },
  };
}

export const whatOf = (reference: Reference): string => reference.digest ?? reference.tag ?? "latest";

/** The faults that say a source could not be opened, worded as podman does. */
export function opening(attempt: string, thrown: unknown): unknown {
  if (!(thrown instanceof Fault)) return thrown;
  return new Fault(thrown.code, `${attempt}: ${thrown.message}`, {
    cause: thrown.cause ?? thrown,
    ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
  });
}

/**
 * Opens an image by its manifest: the first endpoint that has it serves its blobs too.
 *
 * @throws Fault "registry.*" worded `initializing source docker://NAME: …`
 */
export async function registrySource(reference: Reference, system: ImageSystem = {}): Promise<RegistrySource> {
  const name = `docker://${referenceText(reference)}`;
  try {
    const endpoints = endpointsFor(registriesOf(system), referenceText(reference));
    return await firstThatAnswers(endpoints, async endpoint => {
      const client = await clientFor(endpoint, system, "pull");
      const { bytes, mediaType } = await client.manifest(endpoint.repository, whatOf(reference), manifestMediaTypes);
      const top = rawManifest(bytes, mediaType);
      // The client leaves this to us where signatures inside are not part of what is digested.
      if (isSchema1(top) && reference.digest !== undefined && top.digest !== reference.digest) {
        throw new Fault("digest.mismatch", `manifest has digest ${top.digest}, not ${reference.digest}`);
      }
      return sourceAt({ name, reference, endpoint, client, top, system });
    });
  } catch (thrown) {
    throw opening(`initializing source ${name}`, thrown);
  }
}

interface Opened {
  readonly name: string;
  readonly reference: Reference;
  readonly endpoint: PullEndpoint;
  readonly client: RegistryClient;
  readonly top: RawManifest;
  readonly system: ImageSystem;
}

function sourceAt({ name, reference, endpoint, client, top, system }: Opened): RegistrySource {
  const seen = seenBlobs(endpoint.host);
  return {
    name,
    reference,
    endpoint,
    async manifest(instance?: Digest) {
      if (instance === undefined) return top;
      const { bytes, mediaType } = await client.manifest(endpoint.repository, instance, manifestMediaTypes);
      return rawManifest(bytes, mediaType);
    },
    // The sink hashes every blob; hashing here too would cost a third of the time.
    async blob({ digest, size }, offset = 0) {
      const answer = await client.blob(endpoint.repository, digest, { offset, verify: false, ...(size < 0 ? {} : { size }) });
      seen.note(digest, endpoint.repository);
      return answer;
    },
    referrers: subject => client.referrers(endpoint.repository, subject),
    async signatures(instance?: Digest) {
      const { readBesideRegistry } = await import("../signature/registry-signatures.ts");
      return readBesideRegistry({ reference, shelf: { client, repository: endpoint.repository }, system }, instance ?? top.digest);
    },
    close: async () => seen.keep(),
  };
}

const isRegistrySource = (source: Source): source is RegistrySource => "endpoint" in source;

/** Writes to the registry the name leads to, mirrors left aside. */
export async function registrySink(reference: Reference, system: ImageSystem = {}): Promise<Sink> {
  const name = `docker://${referenceText(reference)}`;
  const endpoint = endpointsFor(registriesOf(system), referenceText(reference)).filter(one => !one.isMirror).at(-1);
  if (!endpoint) throw new Fault("registry.unreachable", `initializing destination ${name}: no registry to write to`);
  const client = await clientFor(endpoint, system, "push");
  const { repository } = endpoint;
  const reuse = blobReuse({ client, host: endpoint.host, repository });
  return {
    name,
    takesIndex: true,
    anyConfig: true,
    packsLayers: true,
    async holds({ digest, mediaType }) {
      const head = await client.headManifest(repository, whatOf(reference), [mediaType]);
      return head?.digest === digest;
    },
    async putSignatures(signatures, raw) {
      const { writeBesideRegistry } = await import("../signature/registry-signatures.ts");
      await writeBesideRegistry({ reference, shelf: { client, repository }, system }, raw.digest, signatures);
    },
    async has({ digest }, _place, _cargo, source) {
      const isNeighbour = isRegistrySource(source) && source.endpoint.host === endpoint.host;
      return reuse.has(digest, isNeighbour ? source.endpoint.repository : undefined);
    },
    async put({ digest, size }, _place, _cargo, content) {
      const { file } = content;
      const pushed = await client.pushBlob(repository, () => content.open(0), {
        digest, ...(size < 0 ? {} : { size }), ...(file ? { file: file.path, signal: file.signal } : {}),
      });
      reuse.note(digest);
      return pushed.size;
    },
    async finish({ raw }, member) {
      await client.putManifest(repository, member ? raw.digest : whatOf(reference), raw);
    },
    async putReferrer(raw) {
      await client.putManifest(repository, raw.digest, raw);
    },
    async finishIndex(raw) {
      await client.putManifest(repository, whatOf(reference), raw);
    },
    close: async () => reuse.keep(),
  };
}

/** All tags of a repository. */
export async function registryTags(reference: Reference, system: ImageSystem = {}): Promise<string[]> {
  const endpoints = endpointsFor(registriesOf(system), repositoryOf(reference));
  return firstThatAnswers(endpoints, async endpoint => (await clientFor(endpoint, system, "pull")).tags(endpoint.repository));
}

