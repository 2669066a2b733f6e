// An attached container: its streams are ours, our signals are its, until it ends or the person detaches.

import type { Host } from "../host.ts";

export interface AttachOptions {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** As --detach-keys takes them; "" is none; absent is containers.conf's. */
  readonly detachKeys?: string;
  /** Default true: signals we get go to the container. */
  readonly signalProxy?: boolean;
  /** For containers with --rm where our process ends before conmon's cleanup. */
  readonly onWarning?: (text: string) => void;
}

export interface AttachedEnd {
  readonly exitCode: number;
  readonly detached: boolean;
}

/** Connects, starts, serves the streams, and answers the exit status (after cleanup, so --rm is done). */
export async function startAttached(host: Host, nameOrId: string, options: AttachOptions): Promise<AttachedEnd> {
  throw new Error("not written yet");
}

/** Attaches to a running container. */
export async function attach(host: Host, nameOrId: string, options: AttachOptions): Promise<AttachedEnd> {
  throw new Error("not written yet");
}
