// A file of the web, fetched whole into a file: what ADD and build contexts name by URL.
// Source: RFC 9110.

import { openSync, closeSync, writeSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { withRetries, type Retries } from "../base/retries.ts";
import { bodyOf } from "./body.ts";
import { newWire, reasonOf, shown } from "./wire.ts";

export interface WebFileOptions {
  readonly insecure?: boolean;
  readonly certDir?: string;
  readonly signal?: AbortSignal;
  /** Default 64 GiB. */
  readonly bytesMax?: number;
  /** Default: none. */
  readonly retries?: Retries;
}

export interface WebFile {
  readonly bytes: number;
  /** Seconds since 1970, of Last-Modified. */
  readonly modified: number | undefined;
}

const bytesMaxDefault = 64 * 1024 ** 3;
const stallMs = 60_000;
const headMs = 60_000;

/** @throws Fault "registry.failed" worded `invalid response status N`, "registry.unreachable" */
export async function fetchToFile(address: string, path: string, options: WebFileOptions = {}): Promise<WebFile> {
  return withRetries(options.retries ?? { times: 0 }, () => fetchOnce(address, path, options));
}

async function fetchOnce(address: string, path: string, options: WebFileOptions): Promise<WebFile> {
  if (!URL.canParse(address)) throw new Fault("usage.invalid", `cannot fetch ${JSON.stringify(address.slice(0, 300))}: not a URL`);
  const url = new URL(address);
  const wire = newWire({
    host: url.host, certHost: url.host, insecure: options.insecure ?? false, environment: process.env,
    ...(options.certDir ? { certDir: options.certDir } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  try {
    const answer = await wire.send(url, { method: "GET", headers: { "User-Agent": "coracle", "Accept-Encoding": "identity" }, headMs });
    const { status, headers } = answer.response;
    if (status < 200 || status >= 400) {
      answer.abort();
      throw new Fault("registry.failed", `invalid response status ${status}`, { hint: `see whether ${shown(url)} is there` });
    }
    const bytes = await keep(bodyOf(answer, stallMs), path, options.bytesMax ?? bytesMaxDefault);
    const modified = Date.parse(headers.get("last-modified") ?? "");
    return { bytes, modified: Number.isNaN(modified) ? undefined : Math.floor(modified / 1000) };
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw new Fault("registry.unreachable", `Get ${JSON.stringify(shown(url))}: ${reasonOf(thrown, url)}`, { cause: thrown });
  }
}

async function keep(body: AsyncIterable<Uint8Array>, path: string, bytesMax: number): Promise<number> {
  const fd = openSync(path, "w", 0o600);
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw new Fault("input.too-large", `cannot fetch the file: it is larger than ${bytesMax} bytes`);
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}
