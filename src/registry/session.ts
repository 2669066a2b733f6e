// The conversation with one registry that all requests share: first contact, authorization, retries, faults.
// Source: OCI distribution-spec 1.1, "Determining Support"; docker/distribution token authentication.

import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { readBytes, readStart } from "./body.ts";
import { readChallenges, type Challenge } from "./challenge.ts";
import type { RegistryClientOptions, RetryPolicy } from "./client.ts";
import { makeContact } from "./contact.ts";
import type { PlainResponse } from "./plain-http.ts";
import { readRefusal, refusalFault } from "./refusal.ts";
import { repeated, unreachable } from "./repeat.ts";
import { delayBefore, isTransientStatus, pause, retryDefaults } from "./retry.ts";
import { newTokens, type Scope, type Tokens } from "./token.ts";
import { newWire, type Body, type Environment, type Wire, type WireAnswer } from "./wire.ts";

export interface Session {
  /** As the caller named it. */
  readonly host: string;
  readonly intent: "pull" | "push";
  readonly retry: RetryPolicy;
  readonly stallMs: number;
  scheme: "https" | "http" | undefined;
  /** Where requests go: known by configuration and not tried yet, or greeted. */
  open(): Promise<Contact>;
  /** Pings once; everyone waits for the one ping. */
  greet(): Promise<Contact>;
  readonly wire: Wire;
  readonly tokens: Tokens;
  readonly userAgent: string;
  readonly environment: Environment;
  readonly signal: AbortSignal | undefined;
  readonly warn: (text: string) => void;
}

/** What the first contact taught. */
export interface Contact {
  readonly base: URL;
  /** Of the ping; of the first 401 where a registry lets everyone ping. */
  challenges: readonly Challenge[];
  /** Nothing has answered there yet, and no credentials are kept for it: the first request is the greeting. */
  isPresumed?: boolean;
}

/** One request, and what is expected of its answer. */
export interface Ask {
  /** Starts the message of every fault. */
  readonly doing: string;
  readonly method: string;
  /** A path such as "/v2/a/tags/list", or an upload's whole address. */
  readonly target: string | URL;
  readonly scopes: readonly Scope[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Every other status is a refusal. */
  readonly ok: readonly number[];
  readonly signal?: AbortSignal;
  /** A failed try is not repeated, as where it could have taken effect. */
  readonly once?: boolean;
}

export interface Reply extends WireAnswer {
  readonly status: number;
  readonly headers: Headers;
}

const stallDefaultMs = 60_000;
/** How long the head of an answer may take. */
export const headMs = 60_000;

/** @throws Fault "usage.invalid" for a host that is none */
export function newSession(options: RegistryClientOptions): Session {
  const { host } = options;
  if (host.length > 300 || !/^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.test(host)) {
    throw new Fault("usage.invalid", `cannot speak to registry ${JSON.stringify(host.slice(0, 300))}: not HOST[:PORT]`);
  }
  const apiHost = host === "docker.io" ? "registry-1.docker.io" : host;
  const environment: Environment = options.environment ?? process.env;
  const insecure = options.insecure ?? false;
  const userAgent = options.userAgent ?? "coracle";
  const wire = newWire({
    host: apiHost, certHost: host, insecure, environment,
    ...(options.certDir && { certDir: options.certDir }),
    ...(options.signal && { signal: options.signal }),
  });
  let contact: Promise<Contact> | undefined;
  let greeting: Promise<Contact> | undefined;
  const warned = new Set<string>();
  const session: Session = {
    host, wire, userAgent, environment,
    intent: options.intent ?? "pull",
    retry: { ...retryDefaults, ...options.retry },
    stallMs: options.stallMs ?? stallDefaultMs,
    scheme: options.scheme,
    signal: options.signal,
    tokens: newTokens({
      wire, userAgent, headMs,
      credentials: options.credentials ?? {},
      isPlain: () => session.scheme === "http",
      ...(options.registryToken && { registryToken: options.registryToken }),
    }),
    async open() {
      contact ??= presumedContact(options, apiHost) ?? session.greet();
      return contact;
    },
    greet() {
      greeting ??= makeContact(session, apiHost, options.scheme).then(made => {
        if (insecure && options.scheme === undefined) options.onScheme?.(session.scheme!);
        return made;
      }).catch((thrown: unknown) => {
        greeting = contact = undefined;
        throw thrown;
      });
      return (contact = greeting);
    },
    warn(text) {
      if (warned.size >= 100 || warned.has(text)) return;
      warned.add(text);
      options.warn?.(text);
    },
  };
  return session;
}

/** Who has credentials greets first: a registry may show less to strangers without saying so. So does who may ask only once. */
function presumedContact({ scheme, insecure, wasPlain, credentials, registryToken, retry }: RegistryClientOptions, apiHost: string): Promise<Contact> | undefined {
  if (credentials?.username || credentials?.identityToken || registryToken || (retry?.attemptsMax ?? 2) < 2) return undefined;
  const known = scheme ?? (insecure ? (wasPlain ? "http" : undefined) : "https");
  if (known === undefined) return undefined;
  return Promise.resolve({ base: new URL(`${known}://${apiHost}/v2/`), challenges: [], isPresumed: true });
}

const isReplayable = ({ once, body }: Ask): boolean => !once && (body === undefined || body instanceof Uint8Array);

/** Sends `ask` with authorization; gives an answer whose status is among `ok`, its body unread. */
export async function request(session: Session, ask: Ask): Promise<Reply> {
  const contact = await session.open();
  if (!contact.isPresumed) return requestAt(session, ask, contact);
  const reply = isReplayable(ask) ? await greetByAsking(session, ask, contact) : undefined;
  return reply ?? requestAt(session, ask, contact.isPresumed ? await session.greet() : contact);
}

/** The first request as the greeting; undefined where its answer leaves open what is there, or asks for proof. */
async function greetByAsking(session: Session, ask: Ask, contact: Contact): Promise<Reply | undefined> {
  const url = ask.target instanceof URL ? ask.target : new URL(ask.target, contact.base);
  let answer: WireAnswer;
  try {
    answer = await sendAuthorized(session, { ask, url, contact, scopes: [] });
  } catch (thrown) {
    session.signal?.throwIfAborted();
    ask.signal?.throwIfAborted();
    if (thrown instanceof Fault) throw await unreachable(session, { doing: ask.doing, method: ask.method, url }, thrown);
    return undefined;
  }
  const { status, headers } = answer.response;
  const isTaken = status < 300 && ask.ok.includes(status);
  const challenge = status === 401 ? headers.get("www-authenticate") : null;
  if (isTaken || challenge) {
    session.scheme = contact.base.protocol === "http:" ? "http" : "https";
    contact.isPresumed = false;
  }
  if (isTaken) {
    noteWarning(session, answer.response);
    return { ...answer, status, headers };
  }
  if (challenge) contact.challenges = readChallenges(challenge);
  answer.abort();
  if (!isTransientStatus(status)) return undefined;
  await pause(delayBefore(2, session.retry, headers.get("retry-after")), ask.signal ?? session.signal);
  return requestAt(session, ask, await session.greet(), 1);
}

/** @param tried how often it was already sent */
async function requestAt(session: Session, ask: Ask, contact: Contact, tried = 0): Promise<Reply> {
  const url = ask.target instanceof URL ? ask.target : new URL(ask.target, contact.base);
  const trying = { doing: ask.doing, method: ask.method, url, tried, once: !isReplayable(ask), ...(ask.signal && { signal: ask.signal }) };
  let scopes = ask.scopes;
  for (let round = 1; ; round++) {
    const answer = await repeated(session, trying, () => sendAuthorized(session, { ask, url, contact, scopes }));
    noteWarning(session, answer.response);
    const mayAskAgain = answer.response.status === 401 && isReplayable(ask) && round === 1;
    const wider = mayAskAgain && retryScopes(session, answer.response, { contact, scopes });
    if (wider) {
      answer.abort();
      scopes = wider;
      continue;
    }
    if (ask.ok.includes(answer.response.status)) {
      return { ...answer, status: answer.response.status, headers: answer.response.headers };
    }
    const { status, statusText } = answer.response;
    const text = await readStart(answer, limits.errorBodyBytesMax, session.stallMs);
    throw refusalFault(ask.doing, readRefusal(status, statusText, text));
  }
}

/** As `request`, where the body says nothing: it is read and dropped, so that the connection serves again. */
export async function requestHead(session: Session, ask: Ask): Promise<Reply> {
  const reply = await request(session, ask);
  await readStart(reply, limits.errorBodyBytesMax, session.stallMs);
  return reply;
}

/** As `request`, with the whole body; a drop within the body repeats the request. */
export async function requestWhole(session: Session, ask: Ask, bytesMax: number): Promise<Reply & { bytes: Uint8Array }> {
  for (let attempt = 1; ; attempt++) {
    const reply = await request(session, ask);
    try {
      return { ...reply, bytes: await readBytes(reply, { bytesMax, stallMs: session.stallMs, doing: ask.doing }) };
    } catch (thrown) {
      reply.abort();
      session.signal?.throwIfAborted();
      if (thrown instanceof Fault) throw thrown;
      if (ask.once || attempt >= session.retry.attemptsMax) {
        const trying = { doing: ask.doing, method: ask.method, url: reply.url };
        throw await unreachable(session, trying, thrown);
      }
      await pause(delayBefore(attempt + 1, session.retry), session.signal);
    }
  }
}

interface Sent {
  readonly ask: Ask;
  readonly url: URL;
  readonly contact: Contact;
  readonly scopes: readonly Scope[];
}

async function sendAuthorized(session: Session, { ask, url, contact, scopes }: Sent): Promise<WireAnswer> {
  const isOurs = url.origin === contact.base.origin;
  const authorization = isOurs ? await session.tokens.authorization(contact.challenges, scopes) : undefined;
  const headers = {
    "User-Agent": session.userAgent,
    // Blobs and manifests are digested as sent: nothing on the way may compress them.
    "Accept-Encoding": "identity",
    ...ask.headers,
    ...(authorization && { Authorization: authorization }),
  };
  return session.wire.send(url, {
    method: ask.method,
    headers,
    headMs: ask.body === undefined ? headMs : 0,
    ...(ask.body !== undefined && { body: ask.body }),
    ...(ask.signal && { signal: ask.signal }),
  });
}

/** What to ask with after a 401: the scope the registry misses, or the same with fresh tokens; undefined to give up. */
function retryScopes(
  session: Session,
  response: PlainResponse,
  { contact, scopes }: { readonly contact: Contact; readonly scopes: readonly Scope[] },
): readonly Scope[] | undefined {
  const header = response.headers.get("www-authenticate");
  const challenges = header ? readChallenges(header) : [];
  if (contact.challenges.length === 0 && challenges.length > 0) {
    contact.challenges = challenges;
    return scopes;
  }
  const bearer = challenges.find(challenge => challenge.scheme === "bearer");
  const missing = bearer?.parameters["error"] === "insufficient_scope" ? bearer.parameters["scope"] : undefined;
  if (missing && missing.length <= 1024 && /^[a-z]+:[^:\s]+(?::\d+[^:\s]*)?:[a-z*,]+$/.test(missing)) {
    return scopes.includes(missing) ? undefined : [...scopes, missing];
  }
  return session.tokens.forget() ? scopes : undefined;
}

function noteWarning(session: Session, response: PlainResponse): void {
  const found = /^299 - "((?:[^"\\\u0000-\u001f\u007f]|\\.)*)"/.exec(response.headers.get("warning") ?? "");
  if (found) session.warn(`Warning from registry ${session.host}: ${found[1]!.replace(/\\(.)/g, "$1")}`);
}
