// One file from a web address, as `import` takes it.

import { Fault } from "../base/fault.ts";
import { bodyOf } from "./body.ts";
import { newWire, reasonOf, shown } from "./wire.ts";
import type { Environment } from "./wire.ts";

const headMs = 60_000;
const stallMs = 60_000;

export const isWebAddress = (text: string): boolean => /^https?:\/\/[^/\s]/i.test(text);

/** The body's pieces. @throws Fault "registry.unreachable", "registry.not-found" or "registry.failed" */
export async function* download(address: string, environment: Environment = process.env): AsyncGenerator<Uint8Array> {
  const url = new URL(address);
  const insecure = url.protocol === "http:";
  const wire = newWire({ host: url.host, certHost: url.host, insecure, environment });
  try {
    const answer = await wire.send(url, { method: "GET", headers: {}, headMs });
    const { status } = answer.response;
    if (status < 200 || status > 299) {
      answer.abort();
      throw new Fault(status === 404 ? "registry.not-found" : "registry.failed", `cannot download ${shown(url)}: the server answered ${status}`);
    }
    yield* bodyOf(answer, stallMs);
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw new Fault("registry.unreachable", `cannot download ${shown(url)}: ${reasonOf(thrown, url)}`, {
      cause: thrown,
      hint: "check the address and the network",
    });
  }
}
