// One file from a web address, as `import` takes it.

import { Fault } from "../base/fault.ts";
import { newWire, reasonOf, shown } from "./wire.ts";
import type { Environment } from "./wire.ts";

const headMs = 60_000;

export const isWebAddress = (text: string): boolean => /^https?:\/\/[^/\s]/i.test(text);

/** The body's pieces. @throws Fault "registry.unreachable", "registry.not-found" or "registry.failed" */
export async function* download(address: string, environment: Environment = process.env): AsyncGenerator<Uint8Array> {
  const url = new URL(address);
  const insecure = url.protocol === "http:";
  const wire = newWire({ host: url.host, certHost: url.host, insecure, environment });
  try {
    const { response, release } = await wire.send(url, { method: "GET", headers: {}, headMs });
    try {
      yield* piecesOf(response, url);
    } finally {
      release();
    }
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw new Fault("registry.unreachable", `cannot download ${shown(url)}: ${reasonOf(thrown, url)}`, {
      cause: thrown,
      hint: "check the address and the network",
    });
  }
}

async function* piecesOf(response: Response, url: URL): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!response.ok || reader === undefined) {
    await reader?.cancel();
    const code = response.status === 404 ? "registry.not-found" : "registry.failed";
    throw new Fault(code, `cannot download ${shown(url)}: the server answered ${response.status}`);
  }
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
