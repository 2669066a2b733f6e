// Sending again what failed for the moment, and saying why it failed for good.
// Source: RFC 9110 section 9.2.2 (idempotent methods); the words are podman's.

import { Fault } from "../base/fault.ts";
import { delayBefore, isTransientStatus, pause } from "./retry.ts";
import type { Session } from "./session.ts";
import { codeOf, isNoTls, quoted, reasonOf, type WireAnswer } from "./wire.ts";

export interface Trying {
  readonly doing: string;
  readonly method: string;
  readonly url: URL;
  readonly once?: boolean;
  /** How often it was already sent. */
  readonly tried?: number;
  readonly signal?: AbortSignal;
}

/** Runs `send` until it gives an answer worth giving on: drops and transient statuses are tried again. */
export async function repeated(session: Session, trying: Trying, send: () => Promise<WireAnswer>): Promise<WireAnswer> {
  const attemptsMax = trying.once ? 1 : session.retry.attemptsMax;
  for (let attempt = 1 + (trying.tried ?? 0); ; attempt++) {
    let after: string | null = null;
    try {
      const answer = await send();
      if (!isTransientStatus(answer.response.status) || attempt >= attemptsMax) return answer;
      after = answer.response.headers.get("retry-after");
      answer.abort();
    } catch (thrown) {
      session.signal?.throwIfAborted();
      trying.signal?.throwIfAborted();
      if (attempt >= attemptsMax || !isWorthAnother(thrown, session.retry.isStubborn)) throw await unreachable(session, trying, thrown);
    }
    await pause(delayBefore(attempt + 1, session.retry, after), trying.signal ?? session.signal);
  }
}

/** A drop may heal within the moment; a closed port, an unknown name or a bad certificate will not. */
function isWorthAnother(thrown: unknown, isStubborn = false): boolean {
  if (thrown instanceof Fault) return false;
  const code = codeOf(thrown);
  if (code === "") return (thrown as Error | undefined)?.name === "TimeoutError";
  if (isStubborn && /^(ECONNREFUSED|ConnectionRefused|ENOTFOUND)$/.test(code)) return true;
  return !isNoTls(code) && !/^(ECONNREFUSED|ConnectionRefused|ENOTFOUND|ERR_TLS_|UNABLE_TO_|DEPTH_|SELF_|CERT_)/.test(code);
}

/** The fault for what a request threw. */
export async function unreachable(session: Session, { doing, method, url }: Trying, thrown: unknown): Promise<Fault> {
  if (thrown instanceof Fault) {
    return new Fault(thrown.code, `${doing}: ${thrown.message}`, { cause: thrown, ...(thrown.hint && { hint: thrown.hint }) });
  }
  const code = codeOf(thrown);
  const isPlain = url.protocol === "https:" && !session.wire.insecure && isNoTls(code) && (await answersPlainly(session, url));
  const reason = isPlain ? "http: server gave HTTP response to HTTPS client" : reasonOf(thrown, url);
  const hint = isPlain
    ? "reach a registry without TLS with --tls-verify=false, or set insecure = true for it in registries.conf"
    : /x509/.test(reason)
      ? `put the authority's certificate into /etc/containers/certs.d/${session.host}/ca.crt, or use --tls-verify=false`
      : undefined;
  return new Fault("registry.unreachable", `${doing}: ${quoted(method, url)}: ${reason}`, { cause: thrown, ...(hint && { hint }) });
}

/** Whether the port speaks plain HTTP: only asked to say why TLS failed, with nothing secret in it. */
async function answersPlainly(session: Session, url: URL): Promise<boolean> {
  const plain = new URL(`http://${url.host}/v2/`);
  try {
    const answer = await session.wire.send(plain, { method: "HEAD", headers: {}, headMs: 5_000 });
    answer.abort();
    return true;
  } catch {
    return false;
  }
}
