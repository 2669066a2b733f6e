// SkopeoInvocation: what skopeo's verbs run with, and `verb` that declares one.

import { verbsOf, type Contents as ContentsOf } from "../../cli/command.ts";
import type { Values } from "../../cli/flag.ts";
import type { Policy } from "../../image/policy.ts";
import type { World } from "../../image/transport.ts";
import type { SkopeoGlobals } from "./globals.ts";

export interface SkopeoInvocation {
  readonly globals: Values<SkopeoGlobals>;
  readonly globalsGiven: ReadonlySet<string>;
  /** Ends what takes longer than --command-timeout. */
  readonly signal: AbortSignal | undefined;
  /** By --policy and --insecure-policy. @throws Fault worded `Error loading trust policy: …` */
  policy(): Promise<Policy>;
  /** Stores for containers-storage: names, the machine's own opened when a name needs it. */
  readonly stores: Pick<World, "findStore" | "openStore">;
  exitStatus: number;
  out(line: string): void;
  write(data: string | Uint8Array): void;
  err(line: string): void;
}

export type SkopeoContents = ContentsOf<SkopeoInvocation>;

export const verb = verbsOf<SkopeoInvocation>();
