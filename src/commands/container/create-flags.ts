// Every option of create and run, beside the field of the spec it sets.
// Source: podman-create(1), podman-run(1).

import type { FlagTable, Values } from "../../cli/flag.ts";
import { healthFlags } from "./health-flags.ts";
import { imageFlags } from "./image-flags.ts";
import { limitFlags } from "./limit-flags.ts";
import { networkFlags } from "./network-flags.ts";
import { processFlags } from "./process-flags.ts";
import { securityFlags } from "./security-flags.ts";
import { storageFlags } from "./storage-flags.ts";

/** Shared by create, run, and what takes over their options. */
export const createFlags = {
  ...healthFlags,
  ...imageFlags,
  ...limitFlags,
  ...networkFlags,
  ...processFlags,
  ...securityFlags,
  ...storageFlags,
} as const satisfies FlagTable;

export type CreateFlags = Values<typeof createFlags>;
