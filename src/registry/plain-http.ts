// Requests over plain HTTP on connections of our own, without the thread and the buffers that web fetch starts for them.
// Source: RFC 9110, RFC 9112. Of Bun alone; TLS, proxies and streamed bodies go by fetch.

import { AnswerReader, type AnswerHead } from "./answer-reader.ts";

/** What of a web Response is read here. */
export interface PlainResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly body: { getReader(): PieceReader } | null;
}

export interface PieceReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

export interface PlainRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Ends the connection, also while the body is read. */
  readonly signal: AbortSignal;
}

export interface PlainHttp {
  /** @throws Error with the codes of fetch: ECONNREFUSED, ENOTFOUND, ECONNRESET, ConnectionClosed; what the signal gives as its reason */
  send(url: URL, request: PlainRequest): Promise<PlainResponse>;
}

interface Socket {
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  terminate(): void;
  ref(): void;
  unref(): void;
}

interface Handlers {
  data(socket: Socket, bytes: Uint8Array): void;
  drain(): void;
  end(): void;
  close(socket: Socket, error?: unknown): void;
  error(socket: Socket, error: unknown): void;
}

type Connect = (options: { readonly hostname: string; readonly port: number; readonly socket: Handlers }) => Promise<Socket>;

/** Pieces that wait for their reader before the far side has to. */
const waitingBytesMax = 1024 * 1024;
const idleMax = 8;
const idleMsMax = 10_000;

export function newPlainHttp(): PlainHttp | undefined {
  const connect = (globalThis as { Bun?: { connect?: Connect } }).Bun?.connect;
  if (connect === undefined) return undefined;
  const idle = new Map<string, Connection[]>();
  const rest = (connection: Connection): void => {
    const others = (idle.get(connection.origin) ?? []).filter(one => one.isFresh);
    if (others.length >= idleMax) return connection.terminate();
    idle.set(connection.origin, [...others, connection]);
  };
  const exchange = (connection: Connection, request: PlainRequest, head: string): Promise<PlainResponse> =>
    new Exchange(connection, request, () => rest(connection)).begin(head);
  return {
    async send(url, request) {
      request.signal.throwIfAborted();
      const head = requestHead(url, request);
      const kept = idle.get(url.host)?.pop();
      if (kept?.isFresh) {
        try {
          return await exchange(kept, request, head);
        } catch (thrown) {
          // The far side may close what is idle at any moment. What has an effect is for the caller to repeat.
          const mayRepeat = (request.method === "GET" || request.method === "HEAD") && !kept.hasAnswered && !request.signal.aborted;
          if (!mayRepeat) throw thrown;
        }
      }
      return exchange(await opened(connect, url, request.signal), request, head);
    },
  };
}

/** As fetch does it for a name and password in the address. */
function authorizationOf({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { Authorization: `Basic ${Buffer.from(plain, "utf8").toString("base64")}` };
}

/** @throws Error for a header that would end its line */
function requestHead(url: URL, { method, headers, body }: PlainRequest): string {
  const named = { Host: url.host, ...authorizationOf(url), ...headers, ...(body === undefined ? {} : { "Content-Length": String(body.length) }) };
  const lines = Object.entries(named).map(([name, value]) => {
    if (/[\r\n\0]/.test(name + value)) throw new Error(`invalid header field value for ${JSON.stringify(name)}`);
    return `${name}: ${value}\r\n`;
  });
  return `${method} ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

async function opened(connect: Connect, url: URL, signal: AbortSignal): Promise<Connection> {
  const connection = new Connection(url.host);
  const stopped = Promise.withResolvers<never>();
  const stop = (): void => stopped.reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const opening = connect({ hostname: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 80), socket: connection.handlers });
    opening.then(socket => connection.settle(socket, signal.aborted), () => undefined);
    await Promise.race([opening, stopped.promise]);
    return connection;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** One socket, and whose answer comes on it. */
class Connection {
  readonly origin: string;
  exchange: Exchange | undefined;
  isUsable = true;
  /** Of the exchange that has it. */
  hasAnswered = false;
  readonly handlers: Handlers;
  #socket: Socket | undefined;
  #unsent: Uint8Array | undefined;
  #usedMs = Date.now();

  constructor(origin: string) {
    this.origin = origin;
    this.handlers = {
      data: (_, bytes) => {
        this.hasAnswered = true;
        if (this.exchange) this.exchange.take(bytes);
        else this.terminate();
      },
      drain: () => this.#flush(),
      end: () => this.lost(),
      close: (_, error) => this.lost(error),
      error: (_, error) => this.lost(error),
    };
  }

  settle(socket: Socket, isUnwanted: boolean): void {
    this.#socket = socket;
    if (isUnwanted) this.terminate();
  }

  get isFresh(): boolean {
    return this.isUsable && Date.now() - this.#usedMs < idleMsMax;
  }

  /** Not where an answer came before all was sent. */
  get mayRest(): boolean {
    return this.isUsable && this.#unsent === undefined;
  }

  begin(exchange: Exchange, bytes: Uint8Array): void {
    this.exchange = exchange;
    this.hasAnswered = false;
    this.#socket!.ref();
    this.#unsent = bytes;
    this.#flush();
  }

  /** Idle, it keeps no process alive. */
  rest(): void {
    this.exchange = undefined;
    this.#usedMs = Date.now();
    this.#socket!.unref();
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#socket?.pause();
    else this.#socket?.resume();
  }

  terminate(): void {
    this.isUsable = false;
    this.#socket?.terminate();
  }

  lost(error?: unknown): void {
    this.isUsable = false;
    const { exchange } = this;
    this.exchange = undefined;
    exchange?.lost(error);
  }

  #flush(): void {
    while (this.#unsent && this.isUsable) {
      const sent = this.#socket!.write(this.#unsent);
      if (sent <= 0) return;
      this.#unsent = sent < this.#unsent.length ? this.#unsent.subarray(sent) : undefined;
    }
  }
}

/** One request and its answer. */
class Exchange {
  readonly #connection: Connection;
  readonly #request: PlainRequest;
  readonly #atRest: () => void;
  readonly #reader: AnswerReader;
  readonly #head = Promise.withResolvers<PlainResponse>();
  readonly #pieces: Uint8Array[] = [];
  #waiting = 0;
  #isHeld = false;
  #isDone = false;
  #failure: { readonly reason: unknown } | undefined;
  #reading: (() => void) | undefined;

  constructor(connection: Connection, request: PlainRequest, atRest: () => void) {
    this.#connection = connection;
    this.#request = request;
    this.#atRest = atRest;
    this.#reader = new AnswerReader(request.method, {
      onHead: head => this.#head.resolve(this.#responseOf(head)),
      onPiece: piece => this.#keep(piece),
      onEnd: () => this.#finish(),
    });
  }

  begin(head: string): Promise<PlainResponse> {
    const { signal, body } = this.#request;
    signal.addEventListener("abort", this.#stop, { once: true });
    const start = Buffer.from(head, "utf8");
    this.#connection.begin(this, body?.length ? Buffer.concat([start, body]) : start);
    return this.#head.promise;
  }

  take(bytes: Uint8Array): void {
    try {
      this.#reader.push(bytes);
      if (this.#isDone && !this.#reader.keepsAlive) this.#connection.terminate();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  lost(error?: unknown): void {
    if (this.#isDone) return;
    try {
      if (error) throw error;
      this.#reader.end();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  readonly #stop = (): void => this.#fail(this.#request.signal.reason);

  #responseOf({ status, statusText, headers, hasBody }: AnswerHead): PlainResponse {
    return { status, statusText, headers, body: hasBody ? { getReader: () => ({ read: () => this.#read() }) } : null };
  }

  #keep(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#waiting += piece.length;
    this.#hold();
    this.#wake();
  }

  async #read(): ReturnType<PieceReader["read"]> {
    while (this.#pieces.length === 0 && !this.#isDone && !this.#failure) await new Promise<void>(wake => (this.#reading = wake));
    const value = this.#pieces.shift();
    if (value === undefined && this.#failure) throw this.#failure.reason;
    if (value === undefined) return { done: true };
    this.#waiting -= value.length;
    this.#hold();
    return { done: false, value };
  }

  #hold(): void {
    const isHeld = this.#waiting > waitingBytesMax && !this.#isDone;
    if (isHeld !== this.#isHeld) this.#connection.hold((this.#isHeld = isHeld));
  }

  #finish(): void {
    this.#isDone = true;
    this.#hold();
    this.#leave();
    if (this.#reader.keepsAlive && this.#connection.mayRest) {
      this.#connection.rest();
      this.#atRest();
    } else this.#connection.terminate();
    this.#wake();
  }

  #fail(reason: unknown): void {
    if (this.#isDone || this.#failure) return;
    this.#failure = { reason };
    this.#leave();
    this.#connection.terminate();
    this.#head.reject(reason);
    this.#wake();
  }

  #leave(): void {
    this.#request.signal.removeEventListener("abort", this.#stop);
    this.#connection.exchange = undefined;
  }

  #wake(): void {
    const wake = this.#reading;
    this.#reading = undefined;
    wake?.();
  }
}
