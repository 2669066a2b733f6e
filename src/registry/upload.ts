// Pushing a blob: in one request, as one stream, or in chunks that are sent again after a drop.
// Source: OCI distribution-spec 1.1, "Pushing blobs".

import { loadHasher, type Digest, type Hasher } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import type { BlobSource, PushAnswer, PushWish } from "./client.ts";
import { nameOf } from "./manifest.ts";
import { checkedDigest, checkedRepository, pushScope } from "./names.ts";
import { proxyFor } from "./proxy.ts";
import { refusalOf } from "./refusal.ts";
import { delayBefore, isTransientStatus, pause } from "./retry.ts";
import { requestHead, type Reply, type Session } from "./session.ts";
import type { Body } from "./wire.ts";

interface Upload {
  readonly session: Session;
  readonly repository: string;
  readonly wish: PushWish;
  /** Counts and digests what goes out. */
  readonly tally: Tally;
}

interface Tally {
  size: number;
  /** What was to be sent could not be read: no reason to send it again. */
  hasSourceFailed: boolean;
  readonly hasher: Hasher | undefined;
}

const octets = "application/octet-stream";

/** @throws Fault "digest.mismatch" where the source is another than `wish` says; the upload is given up then */
export async function sendBlob(
  session: Session,
  repository: string,
  { source, wish }: { readonly source: BlobSource; readonly wish: PushWish },
): Promise<PushAnswer> {
  if (wish.digest !== undefined) checkedDigest(wish.digest);
  for (let attempt = 1; ; attempt++) {
    const hasher = wish.digest === undefined ? await loadHasher() : undefined;
    const upload: Upload = { session, repository, wish, tally: { size: 0, hasher, hasSourceFailed: false } };
    try {
      return await sendOnce(upload, typeof source === "function" ? await opened(source, upload) : source);
    } catch (thrown) {
      const mayRepeat = typeof source === "function" && attempt < session.retry.attemptsMax && isPassing(thrown, upload);
      if (!mayRepeat) throw thrown;
      log.debug(`Upload of ${wish.digest ?? "a blob"} failed, sending it again: ${(thrown as Error).message}`);
      await pause(delayBefore(attempt + 1, session.retry), wish.signal ?? session.signal);
    }
  }
}

async function opened(source: () => Promise<AsyncIterable<Uint8Array>>, { tally }: Upload): Promise<AsyncIterable<Uint8Array>> {
  try {
    return await source();
  } catch (thrown) {
    tally.hasSourceFailed = true;
    throw thrown;
  }
}

/** The connection dropped, or the registry was unwell for the moment. */
function isPassing(thrown: unknown, { session, wish, tally }: Upload): boolean {
  if (tally.hasSourceFailed || session.signal?.aborted || wish.signal?.aborted || !(thrown instanceof Fault)) return false;
  const refusal = refusalOf(thrown);
  return refusal ? isTransientStatus(refusal.status) : thrown.code === "registry.unreachable" && tally.size > 0;
}

async function sendOnce(upload: Upload, source: Uint8Array | AsyncIterable<Uint8Array>): Promise<PushAnswer> {
  const { session, repository, wish } = upload;
  let address = await startUpload(upload);
  try {
    const file = await wholeFile(upload, address);
    if (file) return await finish(upload, address, file);
    if (source instanceof Uint8Array && !wish.chunkBytes) return await finish(upload, address, { bytes: counted(upload, source), size: source.length });
    const chunks = source instanceof Uint8Array ? single(source) : source;
    const { digest, size, chunkBytes } = wish;
    if (!chunkBytes && digest !== undefined && size !== undefined) return await finish(upload, address, { bytes: streamOf(upload, chunks), size });
    address = wish.chunkBytes ? await sendChunks(upload, address, chunks) : await sendStream(upload, address, chunks);
    return await finish(upload, address);
  } catch (thrown) {
    await cancelUpload(session, repository, address);
    throw thrown;
  }
}

/** The blob as the system sends it by itself, which it does in plain HTTP; elsewhere it would be read into memory. */
async function wholeFile({ session, wish, tally }: Upload, address: URL): Promise<{ readonly bytes: Body; readonly size: number } | undefined> {
  const { file, digest, size, chunkBytes } = wish;
  const isPlain = "Bun" in globalThis && address.protocol === "http:" && proxyFor(address, session.environment) === undefined;
  if (!isPlain || file === undefined || digest === undefined || size === undefined || chunkBytes) return undefined;
  // What cannot be opened is met again where the blob is streamed, and reported there.
  const bytes = await (await import("node:fs")).openAsBlob(file).catch(() => undefined);
  if (bytes?.size !== size) return undefined;
  tally.size = size;
  return { bytes, size };
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes;
}

function counted({ tally }: Upload, bytes: Uint8Array): Uint8Array {
  tally.size += bytes.length;
  tally.hasher?.update(bytes);
  return bytes;
}

async function startUpload({ session, repository, wish }: Upload): Promise<URL> {
  const target = `/v2/${checkedRepository(repository)}/blobs/uploads/`;
  const reply = await requestHead(session, {
    doing: `initiating layer upload to ${target} in ${session.host}`,
    method: "POST",
    target,
    scopes: [pushScope(repository)],
    headers: { "Content-Length": "0" },
    ok: [202],
    ...(wish.signal && { signal: wish.signal }),
  });
  return uploadAddress(reply, reply.url);
}

/** Where the upload goes on. A proxy's "http:" for the host we reach by https is read as https. */
export function uploadAddress(reply: Reply, base: URL): URL {
  const location = reply.headers.get("location");
  if (!location || !URL.canParse(location, base)) {
    throw new Fault("registry.malformed", "determining upload URL: the registry gave no address");
  }
  const url = new URL(location, base);
  if (base.protocol === "https:" && url.protocol === "http:" && url.hostname === base.hostname) {
    return new URL(`https://${base.host}${url.pathname}${url.search}`);
  }
  if (url.protocol !== "https:" && url.protocol !== base.protocol) {
    throw new Fault("registry.malformed", "determining upload URL: the registry leads away from https");
  }
  return url;
}

async function sendStream(upload: Upload, address: URL, chunks: AsyncIterable<Uint8Array>): Promise<URL> {
  const { session, repository, wish } = upload;
  const reply = await requestHead(session, {
    doing: "uploading layer chunked",
    method: "PATCH",
    target: address,
    scopes: [pushScope(repository)],
    headers: { "Content-Type": octets },
    body: streamOf(upload, chunks),
    ok: [202],
    ...(wish.signal && { signal: wish.signal }),
  });
  return uploadAddress(reply, address);
}

function streamOf(upload: Upload, chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await iterator.next();
        if (done) {
          checkSize(upload);
          controller.close();
        } else controller.enqueue(counted(upload, value));
      } catch (thrown) {
        upload.tally.hasSourceFailed = true;
        controller.error(thrown);
      }
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

async function sendChunks(upload: Upload, start: URL, chunks: AsyncIterable<Uint8Array>): Promise<URL> {
  let address = start;
  for await (const chunk of regrouped(chunks, upload.wish.chunkBytes!)) {
    address = await sendChunk(upload, address, counted(upload, chunk));
  }
  return address;
}

async function sendChunk(upload: Upload, start: URL, chunk: Uint8Array): Promise<URL> {
  const { session, repository, wish, tally } = upload;
  const first = tally.size - chunk.length;
  let address = start;
  let sent = 0;
  for (let attempt = 1; sent < chunk.length; attempt++) {
    const rest = chunk.subarray(sent);
    try {
      const reply = await requestHead(session, {
        doing: "uploading layer chunked",
        method: "PATCH",
        target: address,
        scopes: [pushScope(repository)],
        headers: { "Content-Type": octets, "Content-Range": `${first + sent}-${first + chunk.length - 1}` },
        body: rest,
        ok: [202],
        once: true,
        ...(wish.signal && { signal: wish.signal }),
      });
      return uploadAddress(reply, address);
    } catch (thrown) {
      const isDrop = thrown instanceof Fault && thrown.code === "registry.unreachable";
      if (!isDrop || attempt >= session.retry.attemptsMax) throw thrown;
      await pause(delayBefore(attempt + 1, session.retry), wish.signal ?? session.signal);
      const state = await uploadState(upload, address);
      address = state.address;
      sent = Math.max(0, Math.min(chunk.length, state.size - first));
    }
  }
  return address;
}

/** How much of the upload has arrived. */
async function uploadState({ session, repository, wish }: Upload, address: URL): Promise<{ address: URL; size: number }> {
  const reply = await requestHead(session, {
    doing: "uploading layer chunked",
    method: "GET",
    target: address,
    scopes: [pushScope(repository)],
    ok: [204, 202, 200],
    ...(wish.signal && { signal: wish.signal }),
  });
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(reply.headers.get("range") ?? "")?.[1];
  const next = reply.headers.has("location") ? uploadAddress(reply, address) : address;
  // "0-0" is both one byte and none; sending one byte twice is refused with 416, sending from 0 is not.
  return { address: next, size: last === undefined || last === "0" ? 0 : Number(last) + 1 };
}

async function* regrouped(chunks: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array, void, void> {
  let group = new Uint8Array(bytes);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + bytes - filled);
      group.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled === bytes) {
        yield group;
        group = new Uint8Array(bytes);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield group.subarray(0, filled);
}

/** Closes an upload; with a body, it is the whole blob, whose size the registry is told first. */
async function finish(upload: Upload, address: URL, body?: { readonly bytes: Body; readonly size: number }): Promise<PushAnswer> {
  const { session, repository, wish, tally } = upload;
  if (!body || body.bytes instanceof Uint8Array) checkSize(upload);
  const digest: Digest = wish.digest ?? tally.hasher!.digest();
  const target = new URL(address);
  target.searchParams.append("digest", digest);
  await requestHead(session, {
    doing: `uploading layer to ${nameOf(session, repository)}`,
    method: "PUT",
    target,
    scopes: [pushScope(repository)],
    headers: { "Content-Type": octets, ...(body && { "Content-Length": String(body.size) }) },
    body: body?.bytes ?? new Uint8Array(0),
    ok: [201],
    ...(wish.signal && { signal: wish.signal }),
  });
  return { digest, size: tally.size };
}

function checkSize({ session, repository, wish, tally }: Upload): void {
  if (wish.size === undefined || tally.size === wish.size) return;
  throw new Fault("digest.mismatch", `uploading layer to ${nameOf(session, repository)}: ${tally.size} bytes, not ${wish.size}`);
}

/** Tells the registry to forget an upload; it does so by itself after a time, so failing is no failure. */
export async function cancelUpload(session: Session, repository: string, address: URL): Promise<void> {
  await requestHead(session, {
    doing: "giving up an upload",
    method: "DELETE",
    target: address,
    scopes: [pushScope(repository)],
    ok: [200, 202, 204, 404],
    once: true,
  }).catch(() => undefined);
}
