// create: completes a spec from its image and the defaults, makes the root, and writes the row.

import type { ContainerSpec } from "../../base/container-spec.ts";
import type { Host } from "../host.ts";

export interface CreateOptions {
  readonly pull?: "always" | "missing" | "never" | "newer";
  readonly replace?: boolean;
  readonly quiet?: boolean;
  /** Passed to image.pull as they are: authFile, tlsVerify, certDir, credentials, platform, onProgress, prompt, decryptionKeys. */
  readonly pullOptions?: Readonly<Record<string, unknown>>;
}

export interface Created {
  readonly id: string;
  readonly name: string;
  readonly warnings: readonly string[];
}

export async function create(host: Host, spec: ContainerSpec, options: CreateOptions = {}): Promise<Created> {
  throw new Error("not written yet");
}
