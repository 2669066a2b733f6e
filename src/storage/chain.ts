// Chain IDs: the name of a layer together with all layers below it.
// Source: OCI image-spec config.md, "Layer ChainID".

import { digestOf, type Digest } from "../base/digest.ts";

/** The chain ID of each layer, from the base up. */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`));
  }
  return chain;
}
