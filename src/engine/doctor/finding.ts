// What a check of the doctor is, and what it finds: the evidence, the one next command, and what mends it where that is safe.

import { readFileSync } from "node:fs";
import type { ImageSystem } from "../../image/system.ts";
import type { Host } from "../host.ts";

/** "error": something that people do every day fails. "warning": a part does. */
export type Severity = "error" | "warning";

export interface Finding {
  /** What was seen, with the place and the words of whoever refused. */
  readonly evidence: string;
  /** One command, or one sentence where no command does it. */
  readonly next: string;
  /** Mends it without losing anything. */
  readonly fix?: () => void | Promise<void>;
  /** Where one look can find several things: its own code instead of the check's. */
  readonly code?: string;
}

export interface Scene {
  /** Opened by whoever asks first; see `configured`. */
  readonly host: Host;
  readonly modules: readonly string[];
  readonly imageSystem: ImageSystem;
  /** An ordinary user, not root. */
  readonly isUser: boolean;
  readonly env: NodeJS.ProcessEnv;
}

export interface Check {
  /** Stable: scripts may wait for it. */
  readonly code: string;
  readonly severity: Severity;
  /** What is so where nothing is found. */
  readonly holds: string;
  readonly for?: "root" | "user";
  /** Codes of earlier checks; where one of them found something, this one would only say the same again. */
  readonly needs?: readonly string[];
  look(scene: Scene): Looked | Promise<Looked>;
}

export type Looked = Finding | readonly Finding[] | undefined;

/** Where one of these found something, there is no host: whoever looks at it needs them. */
export const configured: readonly string[] = ["files.no-run-directory", "config.containers-conf", "config.storage-conf"];

const textBytesMax = 4 * 1024 * 1024;

/** The text of a small file, "" where there is none to read. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8").slice(0, textBytesMax);
  } catch {
    return "";
  }
}
