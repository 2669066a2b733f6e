// First contact with a registry: by which scheme it answers, and what proof it asks for.
// Source: OCI distribution-spec 1.1, "Determining Support"; containers-registries.conf(5), "insecure".

import { limits } from "../base/limits.ts";
import { log } from "../base/log.ts";
import { readStart } from "./body.ts";
import { readChallenges } from "./challenge.ts";
import { speaksPlainly } from "./hello.ts";
import { proxyFor } from "./proxy.ts";
import { readRefusal, refusalFault } from "./refusal.ts";
import { repeated } from "./repeat.ts";
import { headMs, type Contact, type Session } from "./session.ts";

/** Pings; an insecure registry by https, then by http. */
export async function makeContact(session: Session, apiHost: string, scheme?: "https" | "http"): Promise<Contact> {
  const schemes = scheme ? [scheme] : session.wire.insecure ? await insecureSchemes(session, apiHost) : (["https"] as const);
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

/** https first, unless its port says at once that it speaks nothing but http: setting TLS up costs more than asking. */
async function insecureSchemes(session: Session, apiHost: string): Promise<readonly ("https" | "http")[]> {
  const url = new URL(`https://${apiHost}/v2/`);
  const isDirect = url.port !== "" && proxyFor(url, session.environment) === undefined;
  return isDirect && (await speaksPlainly(url, session.signal)) ? ["http"] : ["https", "http"];
}

async function ping(session: Session, url: URL): Promise<Contact> {
  const doing = `pinging container registry ${url.host}`;
  const answer = await repeated(session, { doing, method: "GET", url }, () =>
    session.wire.send(url, { method: "GET", headers: { "User-Agent": session.userAgent }, headMs }),
  );
  const { status, statusText, headers } = answer.response;
  const text = await readStart(answer, limits.errorBodyBytesMax, session.stallMs);
  if (status !== 200 && status !== 401) throw refusalFault(doing, readRefusal(status, statusText, text));
  const header = headers.get("www-authenticate");
  return { base: url, challenges: header ? readChallenges(header) : [] };
}
