// Trying a reference's endpoints in order, and saying what went wrong with each.
// Source: containers-registries.conf(5), "Remapping and mirroring registries".

import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import type { PullEndpoint } from "./registries-conf.ts";

/** The first answer; when none answers, the last endpoint's fault with the mirrors' in front. */
export async function firstThatAnswers<T>(
  endpoints: readonly PullEndpoint[],
  ask: (endpoint: PullEndpoint) => Promise<T>,
): Promise<T> {
  const failed: { readonly reference: string; readonly thrown: unknown }[] = [];
  for (const endpoint of endpoints) {
    log.debug(`Trying to access "${endpoint.reference}"`);
    try {
      return await ask(endpoint);
    } catch (thrown) {
      // A bug of ours is no reason to ask elsewhere; neither is a person's interrupt.
      if (!(thrown instanceof Fault)) throw thrown;
      failed.push({ reference: endpoint.reference, thrown });
    }
  }
  throw faultOfAll(failed);
}

function faultOfAll(failed: readonly { readonly reference: string; readonly thrown: unknown }[]): unknown {
  const last = failed.at(-1);
  if (!last) return new Fault("registry.unreachable", "cannot pull: no endpoint was tried");
  if (failed.length === 1) return last.thrown;
  const fault = last.thrown as Fault;
  const mirrors = failed.slice(0, -1).map(({ reference, thrown }) => `[${reference}: ${(thrown as Fault).message}]`);
  return new Fault(fault.code, `(Mirrors also failed: ${mirrors.join("\n")}): ${last.reference}: ${fault.message}`, {
    cause: fault.cause ?? fault,
    ...(fault.hint && { hint: fault.hint }),
  });
}
