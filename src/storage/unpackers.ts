// Where a layer is inflated, to be unpacked or laid out in a file: small ones on this thread, large ones on as many others as there are cores.

import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import type { Growth } from "./growing.ts";
import type { FromWorker, ToWorker } from "./inflate-worker.ts";
import { layOutHere, type LaidOut, type LayOutJob } from "./lay-out.ts";
import { unpackHere, type Unpacked, type UnpackJob } from "./unpack-job.ts";

/** Below this, starting a thread takes longer than it saves. Compressed bytes. */
const smallBytes = 1024 * 1024;
const workersMax = 8;
/** Messages of growth are sent for steps of this size. */
const stepBytes = 512 * 1024;
const idleMsMax = 1;

let running = 0;
const idle: Worker[] = [];
const waiting: (() => void)[] = [];
let canStart = true;

export async function unpack(job: UnpackJob, growth: Growth, sizeHint: number | undefined): Promise<Unpacked> {
  const unpacked = await somewhere(sizeHint, { here: () => unpackHere(job, growth), there: worker => unpackThere(worker, job, growth) });
  const [first] = unpacked.refusedDevices;
  if (first !== undefined) {
    log.warn(`The layer has ${unpacked.refusedDevices.length} device nodes outside /dev that an ordinary user cannot make, the first being /${first}: they are left out`);
  }
  return unpacked;
}

/** @param sizeHint compressed bytes */
export function layOut(job: LayOutJob, sizeHint: number): Promise<LaidOut> {
  return somewhere(sizeHint, { here: async () => layOutHere(job), there: worker => begun<LaidOut>(worker, { kind: "lay-out", job }) });
}

interface Work<T> {
  here(): Promise<T>;
  there(worker: Worker): Promise<T>;
}

async function somewhere<T>(sizeHint: number | undefined, { here, there }: Work<T>): Promise<T> {
  const slots = Math.min(navigator.hardwareConcurrency, workersMax);
  if (slots < 2 || !canStart || (sizeHint ?? 0) < smallBytes) return here();
  while (running >= slots) await new Promise<void>(resolve => waiting.push(resolve));
  running++;
  try {
    const worker = idle.pop() ?? (await startWorker());
    return worker === undefined ? await here() : await there(worker);
  } finally {
    running--;
    waiting.shift()?.();
    if (running === 0 && waiting.length === 0) setTimeout(letIdleGo, idleMsMax);
  }
}

/** A thread that waits keeps the process alive. */
function letIdleGo(): void {
  if (running === 0) for (const worker of idle.splice(0)) worker.terminate();
}

/** Inside the executable the entry point lies beside main's, under the name the bundler gives it. */
function workerPlace(): string {
  const inExecutable = "/$bunfs/root/";
  const own = import.meta.url;
  return own.includes(inExecutable) ? `${inExecutable}storage/inflate-worker.js` : new URL("./inflate-worker.ts", own).href;
}

/** Undefined where it is not to be had: then this thread does the work, and no other is tried. */
async function startWorker(): Promise<Worker | undefined> {
  const worker = new Worker(workerPlace(), { smol: true });
  const isReady = await new Promise<boolean>(resolve => {
    worker.onmessage = () => resolve(true);
    worker.onerror = event => {
      event.preventDefault();
      resolve(false);
    };
  });
  if (isReady) return worker;
  canStart = false;
  return undefined;
}

/** Gives a job, whose result is of its kind. */
function begun<T extends Unpacked | LaidOut>(worker: Worker, message: ToWorker): Promise<T> {
  const result = new Promise<T>((resolve, reject) => {
    worker.onmessage = ({ data }: { data: FromWorker }) => {
      idle.push(worker);
      if (data.kind === "done") resolve(data.result as T);
      else if (data.kind === "fault") reject(faultOf(data.fault));
      else if (data.kind === "broken") reject(new Error(data.message));
    };
    worker.onerror = event => {
      event.preventDefault();
      worker.terminate();
      reject(new Error(`the unpacking thread has failed: ${event.message}`));
    };
  });
  worker.postMessage(message);
  return result;
}

function unpackThere(worker: Worker, job: UnpackJob, growth: Growth): Promise<Unpacked> {
  const tell = (message: ToWorker): void => worker.postMessage(message);
  let told = -1;
  const result = begun<Unpacked>(worker, { kind: "begin", job });
  growth.listen(() => {
    const { available, state } = growth;
    if (state === "growing" && available - told < stepBytes) return;
    told = available;
    tell({ kind: "growth", available, state });
  });
  return result;
}

const faultOf = ({ code, message, hint, errno }: (FromWorker & { kind: "fault" })["fault"]): Fault =>
  new Fault(code, message, { ...(hint === undefined ? {} : { hint }), ...(errno === undefined ? {} : { errno }) });
