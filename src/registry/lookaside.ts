// Small files beside a registry, such as signatures, fetched from a web server by their addresses.
// Source: containers-registries.d(5), "lookaside".

import { Fault } from "../base/fault.ts";

const answerMs = 60_000;

/** undefined where there is none. @throws Fault "registry.*" */
export async function fetchBeside(address: string, bytesMax: number): Promise<Uint8Array | undefined> {
  const doing = `cannot read ${JSON.stringify(address)}`;
  const response = await fetch(address, { signal: AbortSignal.timeout(answerMs) }).catch((cause: unknown) => {
    throw new Fault("registry.unreachable", `${doing}: ${(cause as Error).message}`, { cause });
  });
  if (response.status === 404) return undefined;
  if (response.status !== 200 || !response.body) throw new Fault("registry.failed", `${doing}: status ${response.status}`);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += piece.length;
    if (size > bytesMax) throw new Fault("input.too-large", `${doing}: larger than ${bytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
