// What a copy tells while it goes, and the plain printer that words it as podman does.

import type { Descriptor } from "../base/oci-image.ts";

/** One event of a copy. "blob" and "config" come as start, then bytes (any number), then done or reused. */
export type Progress =
  | { readonly kind: "resolved"; readonly text: string }
  | { readonly kind: "trying"; readonly reference: string }
  | { readonly kind: "signatures"; readonly list: boolean }
  | { readonly kind: "instances"; readonly chosen: number; readonly all: number }
  | { readonly kind: "instance"; readonly digest: string; readonly number: number; readonly of: number }
  | {
      readonly kind: "blob" | "config";
      readonly state: "start" | "bytes" | "done" | "reused";
      readonly descriptor: Descriptor;
      /** Bytes so far, those of an earlier, interrupted attempt included. */
      readonly bytes: number;
    }
  | { readonly kind: "manifest"; readonly list: boolean }
  | { readonly kind: "signing"; readonly text: string }
  | { readonly kind: "referrer"; readonly digest: string; readonly subject: string }
  | { readonly kind: "warning"; readonly text: string };

export interface OnProgress {
  (event: Progress): void;
  /** Bytes on their way need not be told. */
  readonly passesBytes?: boolean;
}

/** One line a step, as podman prints without a terminal; `write` gets lines without their newline. */
export function plainProgress(write: (line: string) => void): OnProgress {
  const tell = (event: Progress): void => {
    const line = plainLine(event);
    if (line !== undefined) write(line);
  };
  return Object.assign(tell, { passesBytes: true });
}

/** The line for an event, or undefined for those that only move a bar. */
export function plainLine(event: Progress): string | undefined {
  switch (event.kind) {
    case "resolved": return event.text;
    case "trying": return `Trying to pull ${event.reference}...`;
    case "signatures": return event.list ? "Getting image list signatures" : "Getting image source signatures";
    case "instances": return `Copying ${event.chosen} images generated from ${event.all} images in list`;
    case "instance": return `Copying image ${event.digest} (${event.number}/${event.of})`;
    case "config": return event.state === "start" ? `Copying config ${event.descriptor.digest}` : undefined;
    case "blob":
      if (event.state === "start") return `Copying blob ${event.descriptor.digest}`;
      return event.state === "reused" ? `Copying blob ${event.descriptor.digest} skipped: already exists` : undefined;
    case "manifest": return event.list ? "Writing manifest list to image destination" : "Writing manifest to image destination";
    case "referrer": return `Copying referrer ${event.digest}`;
    case "signing": return `Creating signature: ${event.text}`;
    case "warning": return `WARNING: ${event.text}`;
  }
}
