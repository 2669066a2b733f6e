// One registry, spoken to by the distribution protocol: what a client can do, and how one is made.
// Source: OCI distribution-spec 1.1. Portable: web fetch and node:fs only.

import type { Digest } from "../base/digest.ts";
import type { Descriptor } from "../base/oci-image.ts";
import { findBlob, openBlob, takeBlob } from "./blob.ts";
import { fetchManifest, fetchManifestHead, removeManifest, storeManifest, type ManifestWish } from "./manifest.ts";
import { refusalOf } from "./refusal.ts";
import type { FoundRepository } from "./search.ts";
import { newSession, requestHead, type Session } from "./session.ts";

/** What a person proves himself with; all absent is anonymous. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  /** An OAuth2 refresh token (auth.json's "identitytoken"). */
  readonly identityToken?: string;
}

export interface RetryPolicy {
  /** Of one request, the first included. */
  readonly attemptsMax: number;
  /** Doubles with each attempt; a Retry-After of the registry comes first. */
  readonly delayMs: number;
  readonly delayMaxMs: number;
  /** Every delay is `delayMs`. */
  readonly isFixed?: boolean;
  /** A closed port and an unknown name are tried again too, as where a person has asked for retries. */
  readonly isStubborn?: boolean;
}

export interface RegistryClientOptions {
  /** host[:port] as in references, such as "docker.io" or "localhost:5000". */
  readonly host: string;
  /** Absent: https, and http after it when `insecure`. */
  readonly scheme?: "https" | "http";
  /** Spoke plain HTTP the last time: with `insecure` it is asked so first. */
  readonly wasPlain?: boolean;
  /** Told once by which scheme an insecure registry answers. */
  readonly onScheme?: (scheme: "https" | "http") => void;
  /** Certificates are not verified and plain HTTP is tried (--tls-verify=false, insecure = true). */
  readonly insecure?: boolean;
  /** The directory with *.crt, *.cert and *.key itself (--cert-dir). Absent: the host's in certs.d. */
  readonly certDir?: string;
  readonly credentials?: Credentials;
  /** A bearer token used as it is (--registry-token). */
  readonly registryToken?: string;
  /** What tokens are asked for; writes ask for "push" in any case. */
  readonly intent?: "pull" | "push";
  readonly userAgent?: string;
  readonly retry?: Partial<RetryPolicy>;
  /** A body that gives no byte for so long counts as dropped. */
  readonly stallMs?: number;
  /** Ends everything the client does. */
  readonly signal?: AbortSignal;
  /** HTTP_PROXY, NO_PROXY, HOME and SSL_CERT_FILE are read from it; absent: the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Gets each Warning header once. */
  readonly warn?: (text: string) => void;
}

export interface ManifestAnswer {
  /** Exactly as the registry sent them; verified against a digest that was asked for. */
  readonly bytes: Uint8Array;
  /** Without parameters, lower case. */
  readonly mediaType: string;
  readonly digest: Digest;
}

export interface ManifestHead {
  readonly mediaType: string;
  /** As the registry says, when it says. */
  readonly digest?: Digest;
  readonly size?: number;
}

export interface BlobWish {
  /** First byte wanted, to go on after an interruption. */
  readonly offset?: number;
  /** From the descriptor; more bytes than that are refused. */
  readonly size?: number;
  /** Verify the digest while streaming (default true when `offset` is 0); false where the sink does it. */
  readonly verify?: boolean;
  readonly signal?: AbortSignal;
}

export interface BlobAnswer {
  /** From `offset` on. Resumes by Range when the connection drops; throws a Fault when it cannot. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** Of the whole blob; undefined when the registry did not say. */
  readonly size: number | undefined;
}

/** A function opens the blob from its start, anew for each attempt; a stream is sent once, whatever happens. */
export type BlobSource = Uint8Array | AsyncIterable<Uint8Array> | (() => Promise<AsyncIterable<Uint8Array>>);

export interface PushWish {
  /** Absent: computed while streaming. */
  readonly digest?: Digest;
  readonly size?: number;
  /** Holds the same, of known digest and size: sent by the system where that is possible, and nothing is counted. */
  readonly file?: string;
  /** Bytes of one PATCH; absent: one request for all. Chunks are sent again after a drop, a stream is not. */
  readonly chunkBytes?: number;
  readonly signal?: AbortSignal;
}

export interface PushAnswer {
  readonly digest: Digest;
  readonly size: number;
}

/** All methods throw Fault "registry.*" with podman's wording; `repository` is a path such as "library/alpine". */
export interface RegistryClient {
  /** As the caller named it. */
  readonly host: string;
  /** The scheme that answered, once something was sent. */
  readonly scheme: "https" | "http" | undefined;
  /** @throws Fault "registry.unreachable" worded `pinging container registry HOST: …` */
  ping(): Promise<void>;
  /** Whether the credentials are taken; false on 401. */
  login(): Promise<boolean>;
  /** @param accept media types, most wanted first; absent: all that are known */
  manifest(repository: string, reference: string, accept?: readonly string[]): Promise<ManifestAnswer>;
  headManifest(repository: string, reference: string, accept?: readonly string[]): Promise<ManifestHead | undefined>;
  blob(repository: string, digest: Digest, wish?: BlobWish): Promise<BlobAnswer>;
  /** The blob's size, -1 when it is there with unknown size, undefined when it is not. */
  hasBlob(repository: string, digest: Digest): Promise<number | undefined>;
  /** Whether the registry took the blob over from `from`. */
  mountBlob(repository: string, digest: Digest, from: string): Promise<boolean>;
  pushBlob(repository: string, source: BlobSource, wish?: PushWish): Promise<PushAnswer>;
  putManifest(repository: string, reference: string, manifest: Omit<ManifestAnswer, "digest">): Promise<Digest>;
  tags(repository: string): Promise<string[]>;
  /** Repository names, at most `limit`. */
  catalog(limit: number): Promise<string[]>;
  /** Repositories found by a term, by Docker's old search where the registry has it, else by looking through its catalog. */
  search(term: string, limit: number): Promise<FoundRepository[]>;
  referrers(repository: string, digest: Digest, artifactType?: string): Promise<Descriptor[]>;
  /** By digest; a tag is resolved first. */
  deleteManifest(repository: string, reference: string): Promise<Digest>;
}

/** Opens nothing yet: the first request pings. What a look at an image does not need is loaded when it is first called. @throws Fault "usage.invalid" for a host that is none */
export function newRegistryClient(options: RegistryClientOptions): RegistryClient {
  const session = newSession(options);
  return {
    host: session.host,
    get scheme() {
      return session.scheme;
    },
    ping: async () => void (await session.greet()),
    login: () => checkLogin(session),
    manifest: (repository, reference, accept) => fetchManifest(session, { repository, reference, ...(accept && { accept }) }),
    headManifest: (repository, reference, accept) =>
      fetchManifestHead(session, { repository, reference, ...(accept && { accept }) }),
    blob: (repository, digest, wish) => openBlob(session, { repository, digest }, wish),
    hasBlob: (repository, digest) => findBlob(session, { repository, digest }),
    mountBlob: (repository, digest, from) => takeBlob(session, { repository, digest }, from),
    pushBlob: async (repository, source, wish = {}) => (await import("./upload.ts")).sendBlob(session, repository, { source, wish }),
    putManifest: (repository, reference, manifest) => putListed(session, { repository, reference }, manifest),
    tags: async repository => (await import("./tags.ts")).listTags(session, repository),
    catalog: async limit => (await import("./tags.ts")).listRepositories(session, limit),
    search: async (term, limit) => (await import("./search.ts")).searchRepositories(session, term, limit),
    referrers: async (repository, digest, artifactType) =>
      (await import("./referrers.ts")).listReferrers(session, { repository, digest, ...(artifactType && { artifactType }) }),
    deleteManifest: (repository, reference) => removeManifest(session, { repository, reference }),
  };
}

/** A registry without the referrers API has its lists kept by whoever pushes. */
async function putListed(session: Session, name: ManifestWish, manifest: Omit<ManifestAnswer, "digest">): Promise<Digest> {
  const { digest, isListed } = await storeManifest(session, name, manifest);
  if (!isListed) await (await import("./referrers.ts")).noteReferrer(session, name.repository, { ...manifest, digest });
  return digest;
}

async function checkLogin(session: Session): Promise<boolean> {
  try {
    await requestHead(session, { doing: "checking credentials", method: "GET", target: "/v2/", scopes: [], ok: [200] });
    return true;
  } catch (thrown) {
    if (refusalOf(thrown)?.status === 401) return false;
    throw thrown;
  }
}
