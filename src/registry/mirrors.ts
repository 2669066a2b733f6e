// Trying a reference's endpoints in order, and saying what went wrong with each.
// Source: containers-registries.conf(5), "Remapping and mirroring registries".

import type { PullEndpoint } from "./registries-conf.ts";

/** The first answer; when none answers, the last endpoint's fault with the mirrors' in front. */
export async function firstThatAnswers<T>(
  endpoints: readonly PullEndpoint[],
  ask: (endpoint: PullEndpoint) => Promise<T>,
): Promise<T> {
  throw new Error(`not written yet: ${endpoints.length} ${ask}`);
}
