// logs: what conmon wrote of a container's output, read back, tailed and followed.

import type { Host } from "../host.ts";

export interface LogOptions {
  readonly follow?: boolean;
  /** Lines; absent or -1 is all. */
  readonly tail?: number;
  /** RFC 3339, Unix seconds or a duration such as "10m", as written. */
  readonly since?: string;
  readonly until?: string;
}

export interface LogLine {
  readonly id: string;
  readonly name: string;
  readonly stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds and zone, as conmon wrote it. */
  readonly time: string;
  /** Without its newline. */
  readonly text: string;
  /** The newline was the container's own (not a cut line). */
  readonly full: boolean;
}

/** Lines in time order of one container, or interleaved of several as they come. */
export async function* logs(host: Host, namesOrIds: readonly string[], options: LogOptions = {}): AsyncGenerator<LogLine> {
  throw new Error("not written yet");
}
