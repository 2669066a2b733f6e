// First contact with a registry: by which scheme it answers, and what proof it asks for.
// Source: OCI distribution-spec 1.1, "Determining Support"; containers-registries.conf(5), "insecure".

import { limits } from "../base/limits.ts";
import { log } from "../base/log.ts";
import { readStart } from "./body.ts";
import { readChallenges } from "./challenge.ts";
import { proxyFor } from "./proxy.ts";
import { readRefusal, refusalFault } from "./refusal.ts";
import { repeated } from "./repeat.ts";
import { headMs, type Contact, type Session } from "./session.ts";

/** Pings; an insecure registry by https, then by http. */
export async function makeContact(session: Session, apiHost: string, scheme?: "https" | "http"): Promise<Contact> {
  const plain = scheme === undefined && session.wire.insecure ? await findPlain(session, apiHost) : undefined;
  if (plain) {
    session.scheme = "http";
    return plain;
  }
  const schemes = scheme ? [scheme] : session.wire.insecure ? (["https", "http"] as const) : (["https"] as const);
  let first: unknown;
  for (const tried of schemes) {
    try {
      const contact = await ping(session, new URL(`${tried}://${apiHost}/v2/`));
      session.scheme = tried;
      return contact;
    } catch (thrown) {
      session.signal?.throwIfAborted();
      log.debug(`Ping ${tried}://${apiHost}/v2/: ${(thrown as Error).message}`);
      // Where neither scheme answers, podman reports the last.
      first = thrown;
    }
  }
  throw first;
}

const plainAnswerMs = 1_000;

/** Of a port of its own, which speaks one of both: asked in plain HTTP first, since setting TLS up in vain costs more. */
async function findPlain(session: Session, apiHost: string): Promise<Contact | undefined> {
  const url = new URL(`http://${apiHost}/v2/`);
  if (url.port === "" || proxyFor(url, session.environment) !== undefined) return undefined;
  try {
    const answer = await session.wire.send(url, { method: "GET", headers: { "User-Agent": session.userAgent }, headMs: plainAnswerMs });
    const { status } = answer.response;
    if (answer.url.protocol !== "http:" || (status !== 200 && status !== 401)) return void answer.abort();
    await readStart(answer, limits.errorBodyBytesMax, session.stallMs);
    return contactOf(url, answer.response.headers);
  } catch (thrown) {
    session.signal?.throwIfAborted();
    log.debug(`Ping ${url}: ${(thrown as Error).message}`);
    return undefined;
  }
}

const contactOf = (base: URL, headers: Headers): Contact => {
  const header = headers.get("www-authenticate");
  return { base, challenges: header ? readChallenges(header) : [] };
};

async function ping(session: Session, url: URL): Promise<Contact> {
  const doing = `pinging container registry ${url.host}`;
  const answer = await repeated(session, { doing, method: "GET", url }, () =>
    session.wire.send(url, { method: "GET", headers: { "User-Agent": session.userAgent }, headMs }),
  );
  const { status, statusText, headers } = answer.response;
  const text = await readStart(answer, limits.errorBodyBytesMax, session.stallMs);
  if (status !== 200 && status !== 401) throw refusalFault(doing, readRefusal(status, statusText, text));
  return contactOf(url, headers);
}
