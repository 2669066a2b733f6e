// What a copy tells on standard error: bars on a terminal, plain lines with one now and then otherwise, or JSON for machines.

import { humanBinarySize } from "../../base/bytes.ts";
import { text } from "../../cli/flag.ts";
import { newProgress } from "../../cli/progress.ts";
import { isTerminal } from "../../cli/prompt.ts";
import { plainLine } from "../../image/progress.ts";
import type { OnProgress, Progress } from "../../image/progress.ts";
import { refuse } from "../container/written/refuse.ts";
import type { SkopeoInvocation } from "./verb.ts";

export const progress = text({
  value: "HOW", help: "How progress is shown: auto, plain, json (one object a line on standard error)", complete: () => ["auto", "plain", "json"],
});

export interface CopyProgress {
  readonly onProgress: OnProgress;
  /** Draws the last state; to be called however the copy ends. */
  end(): void;
}

const tellMs = 10_000;
const jsonMs = 200;

/** @throws Fault "usage.invalid" for a way that is none */
export function copyProgress(context: Pick<SkopeoInvocation, "err">, how: string | undefined): CopyProgress {
  if (how !== undefined && !["", "auto", "plain", "json"].includes(how)) {
    throw refuse(`unknown progress ${JSON.stringify(how)}. Choose one of: 'auto', 'plain', 'json'`);
  }
  if (how === "json") return { onProgress: throttled(jsonMs, event => context.err(JSON.stringify(jsonOf(event)))), end() {} };
  if (how !== "plain" && isTerminal(2)) return onBars();
  return { onProgress: throttled(tellMs, event => {
    const line = plainLine(event) ?? soFar(asMoving(event));
    if (line !== undefined) context.err(line);
  }), end() {} };
}

type Moving = Progress & { readonly kind: "blob" | "config" };
const asMoving = (event: Progress): Moving | undefined => (event.kind === "blob" && event.state === "bytes" ? event : undefined);

const soFar = (event: Moving | undefined): string | undefined => event &&
  `Copying blob ${event.descriptor.digest}: ${humanBinarySize(event.bytes)} of ${event.descriptor.size > 0 ? humanBinarySize(event.descriptor.size) : "unknown size"}`;

/** Lets the bytes of one blob be told of once in a while only; everything else at once. */
function throttled(everyMs: number, tell: OnProgress): OnProgress {
  const toldAt = new Map<string, number>();
  return event => {
    const moving = asMoving(event);
    if (moving === undefined) {
      if (event.kind === "blob" && event.state === "start") toldAt.set(event.descriptor.digest, Date.now());
      return tell(event);
    }
    const now = Date.now();
    if (now - (toldAt.get(moving.descriptor.digest) ?? 0) < everyMs) return;
    toldAt.set(moving.descriptor.digest, now);
    tell(event);
  };
}

function jsonOf(event: Progress): object {
  if (event.kind !== "blob" && event.kind !== "config") return event;
  const { kind, state, descriptor: { digest, size }, bytes } = event;
  return { kind, state, digest, size, bytes };
}

function onBars(): CopyProgress {
  const bars = newProgress({ terminal: true });
  const label = ({ kind, descriptor }: Moving): string => `Copying ${kind} ${descriptor.digest.slice(7, 19)}`;
  return {
    onProgress(event) {
      if (event.kind !== "blob" && event.kind !== "config") {
        const line = plainLine(event);
        return line === undefined ? undefined : bars.line(line);
      }
      const key = event.descriptor.digest;
      if (event.state === "start") return bars.start(key, label(event as Moving), event.descriptor.size);
      if (event.state === "bytes") return bars.advance(key, event.bytes);
      if (event.state === "reused") bars.start(key, label(event as Moving), event.descriptor.size);
      bars.finish(key, event.state === "reused" ? "skipped: already exists" : undefined);
    },
    end: () => bars.end(),
  };
}
