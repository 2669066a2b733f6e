// exec: one more process in a running container.

import type { Host } from "../host.ts";
import type { AttachedEnd } from "./attached.ts";

export interface ExecSpec {
  readonly command: readonly string[];
  readonly terminal?: boolean;
  readonly stdin?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly detachKeys?: string;
  readonly preserveFds?: number;
  readonly preserveFd?: readonly number[];
  readonly cidfile?: string;
}

export interface ExecOptions {
  readonly onWarning?: (text: string) => void;
}

/** Runs attached to our own streams. */
export async function exec(host: Host, nameOrId: string, spec: ExecSpec, options: ExecOptions = {}): Promise<AttachedEnd> {
  throw new Error("not written yet");
}

/** Runs detached; answers the session's ID. */
export async function execDetached(host: Host, nameOrId: string, spec: ExecSpec): Promise<string> {
  throw new Error("not written yet");
}
