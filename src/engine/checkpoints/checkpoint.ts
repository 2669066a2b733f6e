// checkpoint: a running container's processes and memory written to disk; it ends there, or runs on.
// Source: podman-container-checkpoint(1), criu(8).

import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import type { ContainerState } from "../../base/container-state.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { isAlive } from "../../kernel/processes.ts";
import { checkpointRuntime, dumpContainer } from "../../runtime/checkpointing.ts";
import { forgetUnified } from "../../runtime/criu-cgroups.ts";
import { canTrackMemory, needCriu, type Criu } from "../../runtime/criu.ts";
import { readStatistics, type CriuStatistics } from "../../runtime/criu-images.ts";
import { containerStatus } from "../../runtime/oci-runtime.ts";
import type { RuntimeProgram } from "../../runtime/program.ts";
import type { Choice, Outcome } from "../batch.ts";
import { choose, onEach } from "../containers/choose.ts";
import { containerEvent } from "../containers/container-event.ts";
import { finish } from "../containers/finish.ts";
import { labelFiles } from "../containers/labels.ts";
import { pauseProcesses, resumeProcesses } from "../containers/launch.ts";
import { hasEnded } from "../containers/observe.ts";
import { removeRecord } from "../containers/remove.ts";
import { runtimeOf } from "../containers/runtime-choice.ts";
import { exitFileComes } from "../exits.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { refuseTravel } from "./export.ts";
import { checkpointFiles, forgetCheckpoint, writeNetworkStatus, type CheckpointFiles } from "./files.ts";
import { saveShm } from "./shm.ts";

export interface CheckpointOptions {
  readonly keep?: boolean;
  readonly leaveRunning?: boolean;
  readonly tcpEstablished?: boolean;
  readonly fileLocks?: boolean;
  /** Memory alone, and the container runs on: the base of a later dump --with-previous. */
  readonly preCheckpoint?: boolean;
  readonly withPrevious?: boolean;
  /** What is to be made of the dump while the container stands still; the root is mounted. */
  readonly use?: (host: Host, record: ContainerRecord, files: CheckpointFiles) => void | Promise<void>;
  /** What `use` makes, so that what cannot travel is refused before the dump; one with --rm may end only by an archive. */
  readonly travels?: "archive" | "image" | "copy";
}

export type { CriuStatistics };

export interface CheckpointOutcome extends Outcome {
  /** Microseconds in the runtime. */
  readonly runtimeUs?: number;
  readonly statistics?: CriuStatistics;
}

const improper = (message: string): Fault => new Fault("container.wrong-state", `${message}: container state improper`);

function refuseState(host: Host, { spec, state }: ContainerRecord, record: ContainerRecord, options: CheckpointOptions): void {
  const isRunning = state.status === "running" && !hasEnded(host, record);
  if (!isRunning) throw improper(`${JSON.stringify(state.status === "running" ? "exited" : state.status)} is not running, cannot checkpoint`);
  if (spec.remove && options.travels !== "archive" && options.travels !== "copy") {
    throw new Fault("usage.invalid", "cannot checkpoint containers that have been started with '--rm' unless '--export' is used");
  }
}

/** @throws Fault "usage.unsupported" */
export function needMemoryTracking(criu: Criu): void {
  if (canTrackMemory(criu)) return;
  throw new Fault("usage.unsupported", "cannot use --pre-checkpoint or --with-previous: system (architecture/kernel/CRIU) does not support memory tracking", {
    hint: "checkpoint without them, or use a kernel with CONFIG_MEM_SOFT_DIRTY",
  });
}

interface Dumping {
  readonly host: Host;
  readonly record: ContainerRecord;
  readonly program: RuntimeProgram;
  readonly criu: Criu;
  readonly files: CheckpointFiles;
  readonly options: CheckpointOptions;
}

const previous = "../pre-checkpoint";

async function dump({ record, program, criu, files, options }: Dumping): Promise<number> {
  const { keep: _keep, use: _use, travels: _travels, preCheckpoint, withPrevious, ...passed } = options;
  const images = preCheckpoint ? files.preImages : files.images;
  const started = performance.now();
  await dumpContainer(program, criu, {
    ...passed, id: record.id, images, work: files.folder, ...(preCheckpoint ? { preDump: true } : {}), ...(withPrevious ? { parent: previous } : {}),
  });
  const took = Math.round((performance.now() - started) * 1000);
  forgetUnified(images);
  if (withPrevious) {
    // An absolute link would lead nowhere on another machine.
    rmSync(`${images}/parent`, { force: true });
    symlinkSync(previous, `${images}/parent`);
  }
  return took;
}

/** A dump that failed half-way may leave the processes frozen, where criu itself was killed. */
function thaw({ host, record, program }: Dumping): void {
  const still = containerStatus(program, record.id)?.status === "paused";
  if (!still || !record.state.pid || !isAlive(record.state.pid, record.state.pidStart)) return;
  void resumeProcesses(host, record).catch(thrown => log.warn(`Resuming container ${record.id}: ${(thrown as Error).message}`));
}

async function dumpOrUndo(dumping: Dumping): Promise<number> {
  try {
    return await dump(dumping);
  } catch (thrown) {
    thaw(dumping);
    const { files, options } = dumping;
    rmSync(options.preCheckpoint ? files.preImages : files.images, { recursive: true, force: true });
    rmSync(files.networkStatus, { force: true });
    throw thrown;
  }
}

/** While it stands still: what is used of the dump must fit to it. */
async function dumpStanding(dumping: Dumping): Promise<number> {
  const { host, record, files, options } = dumping;
  await pauseProcesses(host, record);
  try {
    const took = await dumpOrUndo(dumping);
    saveShm(host, record, files.shm);
    await options.use?.(host, record, files);
    return took;
  } finally {
    await resumeProcesses(host, record);
  }
}

const exitMs = 30_000;

/** The container ends by it. Killed at any point, `finish` by whoever comes next does the rest. */
async function dumpAndEnd(dumping: Dumping): Promise<number> {
  const { host, record, files, options } = dumping;
  const marked: ContainerState = { ...record.state, checkpointing: true };
  host.state.saveState(record.id, marked);
  let took: number;
  try {
    took = await dumpOrUndo(dumping);
  } catch (thrown) {
    if (!hasEnded(host, record)) host.state.saveState(record.id, record.state);
    throw thrown;
  }
  await exitFileComes(`${host.paths.exits}/${record.id}`, { timeoutMs: exitMs, ...(record.state.conmonPid ? { conmonPid: record.state.conmonPid } : {}) });
  try {
    if (options.use) {
      saveShm(host, record, files.shm);
      await options.use(host, record, files);
    }
  } finally {
    // conmon's exit command waits for us to let go of the container, and takes the network down then.
    const done = await finish(host, { ...record, state: marked }, { networkLater: true });
    if (options.keep) host.state.saveState(record.id, { ...done.state, checkpointLog: files.dumpLog });
  }
  return took;
}

function dropLogs(files: CheckpointFiles): void {
  for (const path of [files.dumpLog, files.dumpStatistics]) rmSync(path, { force: true });
}

async function checkpointLocked(host: Host, record: ContainerRecord, options: CheckpointOptions): Promise<Partial<CheckpointOutcome>> {
  refuseState(host, record, record, options);
  if (options.travels) refuseTravel(record);
  const criu = needCriu();
  const program = checkpointRuntime(runtimeOf(host, record.spec));
  if (options.preCheckpoint || options.withPrevious) needMemoryTracking(criu);
  const files = checkpointFiles(host, record.id);
  if (options.withPrevious && !existsSync(files.preImages)) {
    throw new Fault("usage.invalid", `cannot checkpoint container ${record.id} --with-previous: there is no earlier --pre-checkpoint of it`, { hint: "run once with --pre-checkpoint first" });
  }
  forgetCheckpoint(files, { keepPrevious: options.withPrevious ?? false });
  mkdirSync(options.preCheckpoint ? files.preImages : files.images, { recursive: true, mode: 0o700 });
  writeNetworkStatus(files, record.state.networkStatus);
  labelFiles(record.spec, [files.folder]);
  const dumping = { host, record, program, criu, files, options };
  const runsOn = options.leaveRunning || options.preCheckpoint;
  const took = options.preCheckpoint ? await dumpOrUndo(dumping) : runsOn ? await dumpStanding(dumping) : await dumpAndEnd(dumping);
  if (options.preCheckpoint) await options.use?.(host, record, files);
  const statistics = readStatistics(files.dumpStatistics, "dump");
  if (runsOn) containerEvent(host, record, "checkpoint");
  if (!options.keep) dropLogs(files);
  if (record.spec.remove && !runsOn) await removeRecord(host, fresh(host, record.id), { volumes: true });
  return { runtimeUs: took, ...(statistics ? { statistics } : {}) };
}

/** One after the other; --all means those that run. */
export async function checkpoint(host: Host, choice: Choice, options: CheckpointOptions = {}): Promise<CheckpointOutcome[]> {
  if (host.rootless) throw new Fault("system.denied", "checkpointing a container requires root");
  const chosen = choose(host, choice, { all: record => record.state.status === "running" && !hasEnded(host, record) });
  return onEach<CheckpointOutcome>(chosen, ({ id }) => locked(host, id, () => checkpointLocked(host, fresh(host, id), options)));
}
