// One HTTP request to a registry's host and wherever it redirects to: TLS, proxy, redirects, patience.
// Source: RFC 9110 section 15.4 (redirection); containers-certs.d(5). The one place that calls fetch, or in plain HTTP what stands in for it.

import { splitUserinfo } from "../base/address.ts";
import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { log } from "../base/log.ts";
import { certDirOf, readCertificates, systemAuthorities, type Certificates } from "./certificates.ts";
import { newPlainHttp, type PlainHttp, type PlainResponse } from "./plain-http.ts";
import { proxyFor } from "./proxy.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface WireOptions {
  /** host[:port] that certificates and credentials are for. */
  readonly host: string;
  /** The host as references name it, which certs.d goes by. */
  readonly certHost: string;
  readonly insecure: boolean;
  readonly certDir?: string;
  readonly environment: Environment;
  readonly signal?: AbortSignal;
}

export type Body = Uint8Array | ReadableStream<Uint8Array> | Blob;

export interface WireRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** How long the answer's head may take; 0 is without bound, as for an upload. */
  readonly headMs: number;
  readonly signal?: AbortSignal;
}

export interface WireAnswer {
  readonly response: PlainResponse;
  /** After redirects. */
  readonly url: URL;
  /** Ends the connection of a body that is not wanted. */
  abort(reason?: unknown): void;
  /** Lets go of the signals once the body has ended. */
  release(): void;
}

export interface Wire {
  /** Whether something was sent with `insecure`: TLS unverified, http allowed. */
  readonly insecure: boolean;
  /** @throws what fetch throws (see reasonOf), or a Fault for a redirect that is not followed */
  send(url: URL, request: WireRequest): Promise<WireAnswer>;
}

/** Reads no certificate before the first https request. */
export function newWire(options: WireOptions): Wire {
  let tls: { own: object; foreign: object } | undefined;
  const plain = newPlainHttp();
  const tlsFor = (url: URL): object | undefined => {
    if (url.protocol !== "https:") return undefined;
    tls ??= tlsOptions(options);
    return url.host === options.host ? tls.own : tls.foreign;
  };
  return {
    insecure: options.insecure,
    send: (url, request) => sendFollowing(url, request, { options, tlsFor, plain }),
  };
}

interface Sending {
  readonly options: WireOptions;
  readonly tlsFor: (url: URL) => object | undefined;
  readonly plain: PlainHttp | undefined;
}

async function sendFollowing(start: URL, request: WireRequest, sending: Sending): Promise<WireAnswer> {
  let { url, headers } = withIdentity(start, request.headers);
  for (let redirects = 0; ; redirects++) {
    const answer = await sendOnce(url, { ...request, headers }, sending);
    const location = answer.response.headers.get("location");
    const status = answer.response.status;
    const isRedirect = status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
    const mayFollow = request.method === "GET" || request.method === "HEAD" || (status >= 307 && !isStream(request.body));
    if (!isRedirect || !location || !mayFollow) return answer;
    answer.abort();
    if (redirects === limits.redirectsMax) {
      throw new Fault("registry.malformed", `${quoted(request.method, start)}: stopped after ${redirects} redirects`);
    }
    const next = redirectTarget(location, url, sending.options);
    if (next.origin !== url.origin) headers = withoutCredentials(headers);
    url = next;
  }
}

/** A name and password of the address become a header, which no redirect takes elsewhere. Source: RFC 7617. */
function withIdentity(url: URL, headers: WireRequest["headers"]): { url: URL; headers: WireRequest["headers"] } {
  const asked = splitUserinfo(url.href);
  if (asked === undefined || Object.keys(headers).some(name => name.toLowerCase() === "authorization")) return { url, headers };
  const word = Buffer.from(`${asked.name}:${asked.password}`).toString("base64");
  return { url: new URL(asked.address), headers: { ...headers, Authorization: `Basic ${word}` } };
}

function redirectTarget(location: string, from: URL, options: WireOptions): URL {
  const next = URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (!next || (next.protocol !== "https:" && next.protocol !== "http:")) {
    throw new Fault("registry.malformed", `${quoted("GET", from)}: redirected to no web address`);
  }
  if (from.protocol === "https:" && next.protocol === "http:" && !options.insecure) {
    throw new Fault("registry.malformed", `${quoted("GET", from)}: redirected from https to ${shown(next)}`, {
      hint: "allow it with --tls-verify=false if you trust the network",
    });
  }
  next.username = next.password = "";
  return next;
}

const withoutCredentials = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(authorization|cookie)$/i.test(name)));

const isStream = (body: Body | undefined): boolean => body !== undefined && !(body instanceof Uint8Array);

async function sendOnce(url: URL, request: WireRequest, sending: Sending): Promise<WireAnswer> {
  const tls = sending.tlsFor(url);
  const control = new AbortController();
  const outer = [sending.options.signal, request.signal].filter(signal => signal !== undefined);
  const stop = (event: { target?: unknown }): void => control.abort((event.target as AbortSignal).reason);
  const release = (): void => outer.forEach(signal => signal.removeEventListener("abort", stop));
  for (const signal of outer) {
    if (signal.aborted) throw signal.reason;
    signal.addEventListener("abort", stop, { once: true });
  }
  const impatient = (): void => control.abort(new DOMException("i/o timeout", "TimeoutError"));
  const timer = request.headMs > 0 ? setTimeout(impatient, request.headMs) : undefined;
  log.debug(`${request.method} ${shown(url)}`);
  try {
    const response = await sendPlain(url, request, { sending, signal: control.signal }) ?? await fetch(url, fetchOptions(request, { tls, url, sending, signal: control.signal }));
    const abort = (reason?: unknown): void => {
      release();
      control.abort(reason);
    };
    return { response, url, abort, release };
  } catch (thrown) {
    release();
    throw control.signal.aborted ? control.signal.reason : thrown;
  } finally {
    clearTimeout(timer);
  }
}

/** undefined where that is for fetch to do. */
function sendPlain(url: URL, { method, headers, body }: WireRequest, { sending, signal }: { sending: Sending; signal: AbortSignal }): Promise<PlainResponse> | undefined {
  const isPlain = url.protocol === "http:" && (body === undefined || body instanceof Uint8Array);
  if (!isPlain || proxyFor(url, sending.options.environment) !== undefined) return undefined;
  return sending.plain?.send(url, { method, headers, signal, ...(body ? { body } : {}) });
}

interface Fetching {
  readonly url: URL;
  readonly sending: Sending;
  readonly tls: object | undefined;
  readonly signal: AbortSignal;
}

function fetchOptions({ method, headers, body }: WireRequest, { url, sending, tls, signal }: Fetching): RequestInit {
  const ofBun = { tls, proxy: proxyFor(url, sending.options.environment) ?? false, timeout: false };
  const init = { method, headers, redirect: "manual", signal, ...(body !== undefined && { body, duplex: "half" }), ...("Bun" in globalThis && ofBun) };
  return init as RequestInit;
}

/** What Bun's fetch takes; elsewhere nothing can be set, so anything set is refused. */
function tlsOptions(options: WireOptions): { own: object; foreign: object } {
  const directory = options.certDir ?? certDirOf(options.certHost, options.environment);
  const certificates: Certificates = directory ? readCertificates(directory) : { authorities: [], pairs: [] };
  if (!("Bun" in globalThis)) return refuseTls(options, certificates);
  const system = options.insecure ? undefined : systemAuthorities(options.environment);
  const ca = [...(system ? [system] : []), ...certificates.authorities];
  const foreign = {
    rejectUnauthorized: !options.insecure,
    ...(ca.length > 0 && !options.insecure && { ca }),
  };
  const pair = certificates.pairs[0];
  return { own: pair ? { ...foreign, cert: pair.cert, key: pair.key } : foreign, foreign };
}

function refuseTls(options: WireOptions, certificates: Certificates): { own: object; foreign: object } {
  if (certificates.authorities.length === 0 && certificates.pairs.length === 0) return { own: {}, foreign: {} };
  throw new Fault(
    "usage.unsupported",
    `cannot use the certificates of "${options.host}": fetch of this JavaScript runtime takes none`,
    { hint: "run under Bun, or name the authority's file in NODE_EXTRA_CA_CERTS and leave certs.d" },
  );
}

/** A URL for a person's eyes: no credentials, and no query, which holds signatures on content networks. */
export const shown = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`;

/** As Go words the start of a failed request: `Get "https://reg.test/v2/"`. */
export const quoted = (method: string, url: URL): string =>
  `${method.charAt(0)}${method.slice(1).toLowerCase()} ${JSON.stringify(shown(url))}`;

const reasons: Readonly<Record<string, string>> = {
  ECONNRESET: "read: connection reset by peer",
  ConnectionClosed: "EOF",
  ERR_SOCKET_CLOSED: "EOF",
  UND_ERR_SOCKET: "EOF",
  EPIPE: "write: broken pipe",
  ETIMEDOUT: "dial tcp: i/o timeout",
  UND_ERR_CONNECT_TIMEOUT: "dial tcp: i/o timeout",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  CERT_HAS_EXPIRED: "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
  CERT_NOT_YET_VALID: "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
};

function addressOf({ hostname, port, protocol }: URL): string {
  return `${hostname === "localhost" ? "127.0.0.1" : hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
}

/** Why a request failed, in the words podman's users know. */
export function reasonOf(thrown: unknown, url: URL): string {
  if (thrown instanceof Fault) return thrown.message;
  const { code: own, cause, message, name } = (thrown ?? {}) as Record<string, unknown>;
  const code = String(own ?? (cause as { code?: unknown } | undefined)?.code ?? "");
  const proxy = proxyFor(url, process.env);
  if (code === "ECONNREFUSED" || code === "ConnectionRefused") {
    return `${proxy ? "proxyconnect tcp: " : ""}dial tcp ${addressOf(proxy ? new URL(proxy) : url)}: connect: connection refused`;
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `dial tcp: lookup ${url.hostname}: no such host`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `tls: failed to verify certificate: x509: certificate is not valid for ${url.hostname}`;
  }
  if (isUnknownAuthority(code)) return "tls: failed to verify certificate: x509: certificate signed by unknown authority";
  if (isNoTls(code)) return "tls: handshake failure";
  if (name === "TimeoutError") return "i/o timeout";
  if (Object.hasOwn(reasons, code)) return reasons[code]!;
  const inner = (cause as { message?: unknown } | undefined)?.message;
  return String(inner ?? message ?? thrown).split("\n")[0]!;
}

/** Whether the far side did not speak TLS, so that it may speak plain HTTP. */
export const isNoTls = (code: string): boolean =>
  /^(EPROTO|ERR_SSL_|ERR_OSSL_)/.test(code) && !/CERT/.test(code);

const isUnknownAuthority = (code: string): boolean =>
  /^(UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)|(DEPTH_ZERO_)?SELF_SIGNED_CERT(_IN_CHAIN)?)$/.test(code);

/** The error code of what fetch threw, "" when it has none. */
export function codeOf(thrown: unknown): string {
  const { code, cause } = (thrown ?? {}) as { code?: unknown; cause?: { code?: unknown } };
  return String(code ?? cause?.code ?? "");
}
