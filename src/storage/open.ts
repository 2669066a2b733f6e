// Opening a store: its database, its rooms on first use, and the sweep of what dead processes left.

import type { Store, StoreOptions } from "./store.ts";

export function openStore(options: StoreOptions): Store {
  throw new Error(`not yet: ${options.root}`);
}
