// Images on demand for another program over a socket pair, as ostree and bootc fetch them.
// Source: skopeo's docs-experimental, "skopeo-experimental-image-proxy", protocol 0.2.8.

import { algorithmOf, isDigest, newHasher } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import type { PlatformChoice } from "../../image/platform.ts";
import type { Source } from "../../image/source.ts";
import { closeQuietly } from "../../kernel/data.ts";
import { openedImage } from "./opened-image.ts";
import type { OpenedImage } from "./opened-image.ts";
import { needSocket, readRequest, requestsFrom, sendPacket } from "./packets.ts";
import { fillPipe, once, PipeClosed } from "./pipes.ts";
import type { Filling } from "./pipes.ts";

export interface ProxyWorld {
  /** Opens an image by its transport and name. */
  open(name: string): Promise<Source>;
  /** Whether what `open` threw means that there is no such image. */
  isMissing(thrown: unknown): boolean;
  readonly platform?: PlatformChoice;
}

const protocolVersion = "0.2.8";
const imagesMax = 1024;
const pipesMax = 256;

interface Served {
  readonly world: ProxyWorld;
  readonly images: Map<number, OpenedImage>;
  readonly pipes: Map<number, Filling>;
  isInitialized: boolean;
  /** Of images and pipes alike, never 0 and never given twice. */
  serial: number;
}

interface Answer {
  readonly value?: unknown;
  readonly pipeId?: number;
  /** Reading ends, closed once they were sent. */
  readonly handles?: readonly number[];
}

type Method = (served: Served, args: readonly unknown[]) => Answer | Promise<Answer>;

/** Serves until the peer says so or closes. @throws Fault "usage.invalid" where `fd` is no socket */
export async function serveImageProxy(fd: number, world: ProxyWorld): Promise<void> {
  needSocket(fd);
  const served: Served = { world, images: new Map(), pipes: new Map(), isInitialized: false, serial: 0 };
  try {
    for await (const packet of requestsFrom(fd)) if (!(await serveOne(fd, served, packet))) break;
  } finally {
    await Promise.allSettled([...[...served.pipes.values()].map(pipe => pipe.close()), ...[...served.images.values()].map(image => image.source.close())]);
  }
}

/** False where nothing more is to be served. */
async function serveOne(fd: number, served: Served, packet: Uint8Array): Promise<boolean> {
  let answer: Answer = {};
  let failed = {};
  try {
    const { method, args } = readRequest(packet);
    if (method === "Shutdown") return false;
    log.debug(`Executing method ${method}`);
    if (!Object.hasOwn(methods, method)) throw refuse(`unknown method: ${method.slice(0, 64)}`);
    if (method !== "Initialize" && !served.isInitialized) throw refuse("client error: must invoke Initialize");
    answer = await methods[method]!(served, args);
  } catch (thrown) {
    failed = { error_code: codeOf(thrown), error: (thrown as Error).message };
  }
  const handles = answer.handles ?? [];
  try {
    const isDone = !("error" in failed);
    sendPacket(fd, { fields: { success: isDone, value: answer.value ?? null, pipeid: answer.pipeId ?? 0, error_code: "", error: "", ...failed }, handles });
  } finally {
    handles.forEach(closeQuietly);
  }
  return true;
}

const refuse = (message: string): Fault => new Fault("usage.invalid", message);

/** What a client may act on without reading the message. */
function codeOf(thrown: unknown): "EPIPE" | "retryable" | "other" {
  if (thrown instanceof PipeClosed) return "EPIPE";
  return thrown instanceof Fault && (thrown.code === "registry.unreachable" || thrown.code === "registry.failed") ? "retryable" : "other";
}

const methods: Readonly<Record<string, Method>> = {
  Initialize(served, args) {
    if (args.length > 0) throw refuse("invalid request, expecting zero arguments");
    if (served.isInitialized) throw refuse("already initialized");
    served.isInitialized = true;
    return { value: protocolVersion };
  },
  OpenImage: (served, args) => openImage(served, args, false),
  OpenImageOptional: (served, args) => openImage(served, args, true),
  async CloseImage(served, args) {
    const [id, image] = imageOf(served, args, "imgid");
    served.images.delete(id);
    await image.source.close();
    return {};
  },
  async GetManifest(served, args) {
    const { digest, bytes } = await imageOf(served, args, "imgid")[1].manifest();
    return piped(served, once(bytes), digest);
  },
  GetFullConfig: async (served, args) => pipedJson(served, await imageOf(served, args, "imgid")[1].config()),
  async GetConfig(served, args) {
    const config = (await imageOf(served, args, "imgid")[1].config()) as { readonly config: object };
    return pipedJson(served, config.config);
  },
  GetLayerInfo: async (served, args) => ({ value: await imageOf(served, args, "imgid")[1].layers() }),
  GetLayerInfoPiped: async (served, args) => pipedJson(served, await imageOf(served, args, "imgid")[1].layers()),
  GetBlob: getBlob,
  GetRawBlob: getRawBlob,
  async FinishPipe(served, args) {
    const id = wholeOf(args[0]);
    const pipe = served.pipes.get(id);
    if (!pipe) throw refuse(`finishpipe: no active pipe ${id}`);
    served.pipes.delete(id);
    try {
      await pipe.filled;
    } finally {
      await pipe.close();
    }
    return {};
  },
};

async function openImage(served: Served, args: readonly unknown[], mayMiss: boolean): Promise<Answer> {
  const { world, images } = served;
  if (args.length !== 1) throw refuse("invalid request, expecting one argument");
  const [name] = args;
  if (typeof name !== "string") throw refuse(`expecting string imageref, not ${typeof name}`);
  if (images.size >= imagesMax) throw refuse(`too many images are open: ${imagesMax}`);
  let source: Source;
  try {
    source = await world.open(name);
  } catch (thrown) {
    if (mayMiss && world.isMissing(thrown)) return { value: 0 };
    throw thrown;
  }
  try {
    images.set(++served.serial, await openedImage(source, world.platform));
  } catch (thrown) {
    await source.close();
    throw thrown;
  }
  return { value: served.serial };
}

/** A number that JSON and JavaScript hold exactly. */
function wholeOf(value: unknown): number {
  if (typeof value !== "number") throw refuse(`expecting numeric, not ${typeof value}`);
  if (!Number.isSafeInteger(value) || value < 0) throw refuse(`out of range integer for numeric ${value}`);
  return value;
}

function imageOf({ images }: Served, args: readonly unknown[], expected: string): [number, OpenedImage] {
  const count = expected.split(", ").length;
  if (args.length !== count) throw refuse(`found ${args.length} args, expecting (${expected})`);
  const id = wholeOf(args[0]);
  if (id === 0) throw refuse("Invalid imageid value of zero");
  const image = images.get(id);
  if (!image) throw refuse(`no image ${id}`);
  return [id, image];
}

function piped(served: Served, bytes: AsyncIterable<Uint8Array>, value: unknown): Answer {
  if (served.pipes.size >= pipesMax) throw refuse(`too many pipes are open: ${pipesMax}`);
  const pipe = fillPipe(bytes);
  served.pipes.set(++served.serial, pipe);
  return { value, pipeId: served.serial, handles: [pipe.reading] };
}

const pipedJson = (served: Served, value: object): Answer => piped(served, once(new TextEncoder().encode(JSON.stringify(value))), null);

function digestAt(value: unknown): Digest {
  if (typeof value !== "string") throw refuse("expecting string blobid");
  if (isDigest(value)) return value;
  throw refuse(`invalid digest ${JSON.stringify(value.slice(0, 160))}`);
}

async function getBlob(served: Served, args: readonly unknown[]): Promise<Answer> {
  const [, image] = imageOf(served, args, "imgid, digest, size");
  const [digest, size] = [digestAt(args[1]), wholeOf(args[2])];
  const blob = await image.source.blob({ mediaType: "", digest, size });
  return piped(served, verified(blob.stream, digest, size), blob.size ?? -1);
}

/** Unverified, and with the error in a pipe of its own: nothing is to be finished. */
async function getRawBlob(served: Served, args: readonly unknown[]): Promise<Answer> {
  const [, image] = imageOf(served, args, "imgid, digest");
  const blob = await image.source.blob({ mediaType: "", digest: digestAt(args[1]), size: -1 });
  const data = fillPipe(blob.stream);
  const errors = fillPipe(errorOf(data.filled));
  void data.filled.catch(() => undefined).then(() => data.close());
  void errors.filled.catch(() => undefined).then(() => errors.close());
  return { value: blob.size ?? -1, handles: [data.reading, errors.reading] };
}

async function* errorOf(filled: Promise<void>): AsyncGenerator<Uint8Array, void, void> {
  try {
    await filled;
  } catch (thrown) {
    yield new TextEncoder().encode(JSON.stringify({ code: codeOf(thrown), message: (thrown as Error).message }));
  }
}

async function* verified(stream: AsyncIterable<Uint8Array>, digest: Digest, size: number): AsyncGenerator<Uint8Array, void, void> {
  const hasher = newHasher(algorithmOf(digest));
  let bytes = 0;
  for await (const piece of stream) {
    bytes += piece.length;
    hasher.update(piece);
    yield piece;
  }
  if (bytes !== size) throw new Fault("digest.mismatch", `expected ${size} bytes in blob, got ${bytes}`);
  if (hasher.digest() !== digest) throw new Fault("digest.mismatch", `corrupted blob, expecting ${digest}`);
}
