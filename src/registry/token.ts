// Bearer tokens: asked for once a scope, kept until shortly before they end.
// Source: docker/distribution "Token Authentication Specification" and "OAuth2 Token Authentication".

import { Fault } from "../base/fault.ts";
import { limits } from "../base/limits.ts";
import { readBytes } from "./body.ts";
import type { Challenge } from "./challenge.ts";
import type { Credentials } from "./client.ts";
import type { PlainResponse } from "./plain-http.ts";
import { readRefusal, refusalFault } from "./refusal.ts";
import { quoted, reasonOf, shown, type Wire } from "./wire.ts";

/** "repository:library/alpine:pull"; several are asked for together. */
export type Scope = string;

export interface TokenOptions {
  readonly wire: Wire;
  readonly credentials: Credentials;
  readonly registryToken?: string;
  readonly userAgent: string;
  /** Whether the registry itself is spoken to in plain HTTP. */
  readonly isPlain: () => boolean;
  readonly headMs: number;
}

export interface Tokens {
  /** The Authorization header for `scopes`, or undefined to send none. */
  authorization(challenges: readonly Challenge[], scopes: readonly Scope[]): Promise<string | undefined>;
  /** Drops what was kept: the registry took a kept token no longer. Says whether there was any. */
  forget(): boolean;
}

interface Kept {
  readonly header: Promise<string>;
  endsMs: number;
}

const lifetimeSecondsMin = 60;

export function newTokens(options: TokenOptions): Tokens {
  const kept = new Map<string, Kept>();
  return {
    async authorization(challenges, scopes) {
      for (const challenge of challenges) {
        if (challenge.scheme === "basic") return basic(options.credentials);
        if (challenge.scheme !== "bearer") continue;
        if (options.registryToken) return `Bearer ${options.registryToken}`;
        return keptOrAsked(kept, challenge, { scopes, options });
      }
      return undefined;
    },
    forget() {
      const any = kept.size > 0;
      kept.clear();
      return any;
    },
  };
}

/** The Basic header, or undefined without a name. */
export function basic({ username, password }: Credentials): string | undefined {
  if (!username) return undefined;
  return `Basic ${Buffer.from(`${username}:${password ?? ""}`, "utf8").toString("base64")}`;
}

interface Asking {
  readonly scopes: readonly Scope[];
  readonly options: TokenOptions;
}

async function keptOrAsked(kept: Map<string, Kept>, challenge: Challenge, asking: Asking): Promise<string> {
  const key = [...asking.scopes].sort().join(" ");
  const known = kept.get(key);
  if (known && known.endsMs > Date.now()) return known.header;
  const asked = askForToken(challenge, asking);
  // Until the answer says more, everyone who asks meanwhile waits for this one.
  const entry: Kept = { header: asked.then(token => `Bearer ${token.text}`), endsMs: Number.POSITIVE_INFINITY };
  kept.set(key, entry);
  try {
    entry.endsMs = (await asked).endsMs;
  } catch (thrown) {
    if (kept.get(key) === entry) kept.delete(key);
    entry.header.catch(() => undefined);
    throw thrown;
  }
  return entry.header;
}

interface Token {
  readonly text: string;
  readonly endsMs: number;
}

async function askForToken(challenge: Challenge, { scopes, options }: Asking): Promise<Token> {
  const realm = realmOf(challenge, options);
  const isRefresh = Boolean(options.credentials.identityToken);
  const doing = isRefresh ? "Trying to obtain access token" : "Requesting bearer token";
  const query = tokenQuery(challenge, scopes, options.credentials);
  const headers: Record<string, string> = { "User-Agent": options.userAgent, Accept: "application/json" };
  if (isRefresh) {
    headers["Content-Type"] = "application/x-www-form-urlencoded";
  } else {
    for (const [name, value] of query) realm.searchParams.append(name, value);
    const authorization = options.credentials.password ? basic(options.credentials) : undefined;
    if (authorization) headers["Authorization"] = authorization;
  }
  const method = isRefresh ? "POST" : "GET";
  const body = isRefresh ? new TextEncoder().encode(query.toString()) : undefined;
  const answer = await options.wire
    .send(realm, { method, headers, headMs: options.headMs, ...(body && { body }) })
    .catch((thrown: unknown) => {
      if (thrown instanceof Fault) throw thrown;
      const text = `${doing}: ${quoted(method, realm)}: ${reasonOf(thrown, realm)}`;
      throw new Fault("registry.unreachable", text, { cause: thrown });
    });
  const bytes = await readBytes(answer, { bytesMax: limits.tokenBytesMax, stallMs: options.headMs, doing });
  const text = new TextDecoder().decode(bytes);
  if (answer.response.status !== 200) throw refusedToken(doing, answer.response, text);
  return readToken(text, realm);
}

function refusedToken(doing: string, response: PlainResponse, text: string): Fault {
  const refusal = readRefusal(response.status, response.statusText, text.slice(0, limits.errorBodyBytesMax));
  const isWrong = response.status === 401;
  return refusalFault(isWrong ? "unable to retrieve auth token: invalid username/password" : doing, refusal);
}

function realmOf(challenge: Challenge, options: TokenOptions): URL {
  const text = challenge.parameters["realm"];
  if (!text) throw new Fault("registry.malformed", "missing realm in bearer auth challenge");
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (!realm || (realm.protocol !== "https:" && realm.protocol !== "http:")) {
    throw new Fault("registry.malformed", `cannot ask ${JSON.stringify(text.slice(0, 160))} for a token: no web address`);
  }
  const hasSecret = Boolean(options.credentials.password || options.credentials.identityToken);
  if (realm.protocol === "http:" && hasSecret && !options.isPlain() && !options.wire.insecure) {
    throw new Fault("registry.denied", `cannot ask "${shown(realm)}" for a token: credentials would go unencrypted`, {
      hint: "allow it with --tls-verify=false if you trust the network",
    });
  }
  return realm;
}

function tokenQuery(challenge: Challenge, scopes: readonly Scope[], credentials: Credentials): URLSearchParams {
  const query = new URLSearchParams();
  if (!credentials.identityToken && credentials.username) query.append("account", credentials.username);
  const service = challenge.parameters["service"];
  if (service) query.append("service", service);
  for (const scope of scopes) query.append("scope", scope);
  if (credentials.identityToken) {
    query.append("grant_type", "refresh_token");
    query.append("refresh_token", credentials.identityToken);
    query.append("client_id", "coracle");
  }
  return query;
}

function readToken(text: string, realm: URL): Token {
  let sent: Record<string, unknown>;
  try {
    sent = JSON.parse(text) as Record<string, unknown>;
  } catch (thrown) {
    throw new Fault("registry.malformed", `decoding bearer token (last URL "${shown(realm)}"): not JSON`, { cause: thrown });
  }
  const token = sent?.["token"] || sent?.["access_token"];
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    throw new Fault("registry.malformed", `decoding bearer token (last URL "${shown(realm)}"): no token in the answer`);
  }
  const expires = sent["expires_in"];
  const seconds = Math.max(typeof expires === "number" ? expires : 0, lifetimeSecondsMin);
  const issued = typeof sent["issued_at"] === "string" ? Date.parse(sent["issued_at"]) : Number.NaN;
  const fromMs = Number.isNaN(issued) ? Date.now() : Math.min(issued, Date.now());
  return { text: token, endsMs: fromMs + seconds * 1000 - 5_000 };
}
