// The thread that unpacks layers: one job after another, told by messages how far each blob file has come.
// Built into the executable as an entry point of its own beside main.ts; without it layers are unpacked on the main thread.

import { Fault } from "../base/fault.ts";
import { Growth } from "./growing.ts";
import { unpackHere, type Unpacked, type UnpackJob } from "./unpack-job.ts";

export type ToWorker =
  | { readonly kind: "begin"; readonly job: UnpackJob }
  | { readonly kind: "growth"; readonly available: number; readonly state: Growth["state"] };

export type FromWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "unpacked"; readonly unpacked: Unpacked }
  | { readonly kind: "fault"; readonly fault: Pick<Fault, "code" | "message" | "hint" | "errno"> }
  | { readonly kind: "broken"; readonly message: string };

declare const self: { onmessage: ((event: { data: ToWorker }) => void) | null };
const say = (message: FromWorker): void => (postMessage as (message: FromWorker) => void)(message);

let growth = new Growth(0);

self.onmessage = ({ data }) => {
  if (data.kind === "begin") {
    growth = new Growth(0);
    unpackHere(data.job, growth).then(unpacked => say({ kind: "unpacked", unpacked }), thrown => say(failure(thrown)));
    return;
  }
  if (data.state === "stopped") growth.stop();
  else growth.advance(data.available);
  if (data.state === "ended") growth.end();
};
say({ kind: "ready" });

function failure(thrown: unknown): FromWorker {
  if (!(thrown instanceof Fault)) return { kind: "broken", message: String((thrown as Error)?.stack ?? thrown) };
  const { code, message, hint, errno } = thrown;
  return { kind: "fault", fault: { code, message, hint, errno } };
}
