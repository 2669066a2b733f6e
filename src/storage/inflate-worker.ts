// The thread that inflates layers: one job after another, to unpack a blob file (told by messages how far that has come) or to lay it out in another.
// Built into the executable as an entry point of its own beside main.ts; without it layers are unpacked on the main thread.

import { Fault, errnoOf, systemFault } from "../base/fault.ts";
import { Growth } from "./growing.ts";
import { layOutHere, type LaidOut, type LayOutJob } from "./lay-out.ts";
import { unpackHere, type Unpacked, type UnpackJob } from "./unpack-job.ts";

export type ToWorker =
  | { readonly kind: "begin"; readonly job: UnpackJob }
  | { readonly kind: "lay-out"; readonly job: LayOutJob }
  | { readonly kind: "growth"; readonly available: number; readonly state: Growth["state"] };

export type FromWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly result: Unpacked | LaidOut }
  | { readonly kind: "fault"; readonly fault: Pick<Fault, "code" | "message" | "hint" | "errno"> }
  | { readonly kind: "broken"; readonly message: string };

declare const self: { onmessage: ((event: { data: ToWorker }) => void) | null };
const say = (message: FromWorker): void => (postMessage as (message: FromWorker) => void)(message);

let growth = new Growth(0);

self.onmessage = ({ data }) => {
  if (data.kind === "begin") {
    growth = new Growth(0);
    unpackHere(data.job, growth).then(result => say({ kind: "done", result }), thrown => say(failure(thrown)));
    return;
  }
  if (data.kind === "lay-out") return layOut(data.job);
  if (data.state === "stopped") growth.stop();
  else growth.advance(data.available);
  if (data.state === "ended") growth.end();
};
say({ kind: "ready" });

function layOut(job: LayOutJob): void {
  try {
    say({ kind: "done", result: layOutHere(job) });
  } catch (thrown) {
    say(failure(thrown));
  }
}

function failure(thrown: unknown): FromWorker {
  const fault = thrown instanceof Fault ? thrown : errnoOf(thrown) === undefined ? undefined : systemFault(errnoOf(thrown)!, (thrown as Error).message, thrown);
  if (fault === undefined) return { kind: "broken", message: String((thrown as Error)?.stack ?? thrown) };
  const { code, message, hint, errno } = fault;
  return { kind: "fault", fault: { code, message, hint, errno } };
}
