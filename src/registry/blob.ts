// Blobs: fetched as a stream that survives dropped connections, looked for, taken over from another repository.
// Source: OCI distribution-spec 1.1, "Pulling blobs", "Mounting a blob from another repository"; RFC 9110 section 14.

import { algorithmOf, loadHasher, type Digest, type Hasher } from "../base/digest.ts";
import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { bodyOf, lengthOf } from "./body.ts";
import type { BlobAnswer, BlobWish } from "./client.ts";
import { nameOf } from "./manifest.ts";
import { checkedDigest, checkedRepository, pullScope, pushScope } from "./names.ts";
import { delayBefore, pause } from "./retry.ts";
import { request, requestHead, type Reply, type Session } from "./session.ts";
import { reasonOf } from "./wire.ts";

export interface BlobName {
  readonly repository: string;
  readonly digest: Digest;
}

const resumesMax = 1000;

const pathOf = ({ repository, digest }: BlobName): string =>
  `/v2/${checkedRepository(repository)}/blobs/${checkedDigest(digest)}`;

/** The first answer is awaited, so that a blob that is not there faults here and not in the stream. */
export async function openBlob(session: Session, name: BlobName, wish: BlobWish = {}): Promise<BlobAnswer> {
  const from = wish.offset ?? 0;
  // A range that begins at the end makes some registries hang up.
  if (from > 0 && from === wish.size) return { size: wish.size, stream: nothing() };
  const first = await openAt(session, name, { at: from, ...(wish.signal && { signal: wish.signal }) });
  if (wish.size !== undefined && first.size !== undefined && first.size !== wish.size) {
    first.reply.abort();
    throw new Fault(
      "digest.mismatch",
      `fetching blob: "${name.digest}" has ${first.size} bytes in ${nameOf(session, name.repository)}, not ${wish.size}`,
    );
  }
  const size = first.size ?? wish.size;
  const isVerified = from === 0 && wish.verify !== false;
  const hasher = isVerified ? await loadHasher(algorithmOf(name.digest)) : undefined;
  return { size, stream: streamBlob(session, name, { first, from, size, hasher, signal: wish.signal }) };
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}

interface Opened {
  readonly reply: Reply;
  /** Bytes to drop first, where the registry did not heed the range. */
  readonly skip: number;
  /** Of the whole blob. */
  readonly size: number | undefined;
}

async function openAt(
  session: Session,
  name: BlobName,
  { at, signal }: { readonly at: number; readonly signal?: AbortSignal },
): Promise<Opened> {
  const reply = await request(session, {
    doing: "fetching blob",
    method: "GET",
    target: pathOf(name),
    scopes: [pullScope(name.repository)],
    ok: at > 0 ? [200, 206, 416] : [200],
    ...(at > 0 && { headers: { Range: `bytes=${at}-` } }),
    ...(signal && { signal }),
  });
  const length = lengthOf(reply.response);
  if (reply.status === 200) return { reply, skip: at, size: length };
  const [, start, total] = /^bytes (?:(\d{1,15})-\d{1,15}|\*)\/(\d{1,15}|\*)$/.exec(reply.headers.get("content-range") ?? "") ?? [];
  if (reply.status === 416 && Number(total) === at) return { reply, skip: Number.POSITIVE_INFINITY, size: at };
  if (reply.status === 206 && Number(start) === at) {
    const size = total !== undefined && total !== "*" ? Number(total) : length === undefined ? undefined : at + length;
    return { reply, skip: 0, size };
  }
  reply.abort();
  throw new Fault("registry.malformed", `fetching blob: the registry gave another range than bytes ${at} to the end`);
}

interface Streaming {
  readonly first: Opened;
  readonly from: number;
  readonly size: number | undefined;
  readonly hasher: Hasher | undefined;
  readonly signal: AbortSignal | undefined;
}

async function* streamBlob(session: Session, name: BlobName, streaming: Streaming): AsyncGenerator<Uint8Array, void, void> {
  const { from, size, hasher, signal } = streaming;
  let opened = streaming.first;
  let at = from;
  let fruitless = 0;
  for (let resumes = 0; ; resumes++) {
    const start = at;
    let dropped: unknown;
    try {
      for await (const chunk of skipping(bodyOf(opened.reply, session.stallMs), opened.skip)) {
        at += chunk.length;
        if (size !== undefined && at > size) throw tooLong(name, size);
        hasher?.update(chunk);
        yield chunk;
      }
      if (size === undefined || at === size) break;
      dropped = Object.assign(new Error("unexpected EOF"), { code: "ConnectionClosed" });
    } catch (thrown) {
      if (thrown instanceof Fault) throw thrown;
      session.signal?.throwIfAborted();
      signal?.throwIfAborted();
      dropped = thrown;
    }
    fruitless = at > start ? 0 : fruitless + 1;
    if (fruitless >= session.retry.attemptsMax || resumes >= resumesMax) throw lost(name, opened.reply, dropped);
    log.debug(`Reading blob body of ${name.digest} dropped at byte ${at}, reconnecting`);
    await pause(delayBefore(fruitless + 2, session.retry), signal ?? session.signal);
    opened = await openAt(session, name, { at, ...(signal && { signal }) });
    if (size !== undefined && opened.size !== undefined && opened.size !== size) throw tooLong(name, size);
  }
  if (hasher) checkDigest(name, hasher);
}

async function* skipping(chunks: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array, void, void> {
  let left = bytes;
  for await (const chunk of chunks) {
    if (left >= chunk.length) {
      left -= chunk.length;
    } else {
      yield left > 0 ? chunk.subarray(left) : chunk;
      left = 0;
    }
  }
}

function checkDigest({ digest }: BlobName, hasher: Hasher): void {
  const found = hasher.digest();
  if (found === digest) return;
  throw new Fault("digest.mismatch", `fetching blob: expected digest ${digest}, got ${found}`, {
    hint: "the registry or something on the way changed it: pull from another place, and do not trust this one",
  });
}

const tooLong = ({ digest }: BlobName, size: number): Fault =>
  new Fault("digest.mismatch", `fetching blob: "${digest}" is not the ${size} bytes that were announced`);

const lost = ({ digest }: BlobName, reply: Reply, thrown: unknown): Fault =>
  new Fault("registry.unreachable", `fetching blob: "${digest}": ${reasonOf(thrown, reply.url)}`, {
    hint: "try again: what has arrived is kept and the rest is asked for",
    cause: thrown,
  });

/** The size, -1 when unknown, undefined when the blob is not there. */
export async function findBlob(session: Session, name: BlobName): Promise<number | undefined> {
  const reply = await request(session, {
    doing: `checking whether a blob ${name.digest} exists in ${nameOf(session, name.repository)}`,
    method: "HEAD",
    target: pathOf(name),
    scopes: [session.intent === "push" ? pushScope(name.repository) : pullScope(name.repository)],
    ok: [200, 404],
  });
  reply.release();
  return reply.status === 404 ? undefined : (lengthOf(reply.response) ?? -1);
}

/** Whether the registry took the blob over; where it opened an upload instead, that is given up. */
export async function takeBlob(session: Session, name: BlobName, from: string): Promise<boolean> {
  const query = new URLSearchParams({ mount: checkedDigest(name.digest), from: checkedRepository(from) });
  const reply = await requestHead(session, {
    doing: `mounting ${name.digest} from ${nameOf(session, from)} to ${nameOf(session, name.repository)}`,
    method: "POST",
    target: `/v2/${checkedRepository(name.repository)}/blobs/uploads/?${query}`,
    scopes: [pushScope(name.repository), pullScope(from)],
    ok: [201, 202],
  });
  if (reply.status === 201) return true;
  const { cancelUpload, uploadAddress } = await import("./upload.ts");
  await cancelUpload(session, name.repository, uploadAddress(reply, reply.url));
  return false;
}
