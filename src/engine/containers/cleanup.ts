// cleanup: what conmon calls at a container's end: finishing it, then the restart policy or --rm.
// Source: podman-container-cleanup(1).

import type { ContainerState } from "../../base/container-state.ts";
import type { RestartPolicy } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import type { Choice, Outcome } from "../batch.ts";
import { exitFileComes } from "../exits.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import { settleLeaving } from "../networks/leaving.ts";
import type { ContainerRecord } from "../state/state.ts";
import { choose, onEach } from "./choose.ts";
import { finish, finishToRemove } from "./finish.ts";
import { hasEnded, isLive } from "./observe.ts";
import { removeNoted, removeRecord } from "./remove.ts";
import { ready, run } from "./start.ts";

export interface CleanupOptions {
  /** An exec session's ID: only that session is cleaned. */
  readonly exec?: string;
  readonly remove?: boolean;
  readonly removeImage?: boolean;
  /** Only containers that have ended. */
  readonly stoppedOnly?: boolean;
}

/** Whether the policy wants the container again after this end. */
export function wantsRestart(policy: RestartPolicy | undefined, state: ContainerState): boolean {
  if (!policy || policy.policy === "no" || state.stoppedByUser || state.status === "removing") return false;
  if (policy.policy !== "on-failure") return true;
  if ((state.exitCode ?? 0) === 0) return false;
  return policy.retries === undefined || policy.retries === 0 || (state.restartCount ?? 0) < policy.retries;
}

async function again(host: Host, record: ContainerRecord): Promise<void> {
  const state = { ...record.state, restartCount: (record.state.restartCount ?? 0) + 1 };
  host.state.saveState(record.id, state);
  await run(host, await ready(host, { ...record, state }));
}

/** For --rmi: an image that other containers use stays, which is among the faults. */
async function removeImageOf(host: Host, { spec }: ContainerRecord): Promise<readonly Fault[]> {
  if (!spec.imageId) return [];
  const { removeImagesOf } = await import("../images.ts");
  return (await removeImagesOf(host, [spec.imageReference ?? spec.imageId], {})).faults;
}

/** After the end of one run; safe to call by several processes. Whether the container is gone now. */
export async function settle(host: Host, id: string, options: Pick<CleanupOptions, "remove" | "removeImage"> & { networkLater?: boolean } = {}): Promise<boolean> {
  let gone: ContainerRecord | undefined;
  await locked(host, id, async () => {
    const before = host.state.findById(id);
    if (!before) return;
    const justEnded = isLive(before.state) || before.state.status === "stopped";
    const ended = (options.remove || before.spec.remove) && !before.spec.restart ? await finishToRemove(host, before, { networkLater: options.networkLater ?? false }) : undefined;
    if (ended) {
      gone = ended.record;
      return removeNoted(host, ended.record, { volumes: true, isNoted: ended.leaves });
    }
    const record = await finish(host, before, { networkLater: (options.networkLater ?? false) && (before.spec.remove ?? false) });
    if (justEnded && wantsRestart(record.spec.restart, record.state)) return again(host, record);
    if (!options.remove && (!record.spec.remove || record.state.status === "created")) return;
    gone = record;
    await removeRecord(host, record, { volumes: true });
  });
  if (gone && (options.removeImage || gone.spec.removeImage)) for (const { message } of await removeImageOf(host, gone)) log.warn(message);
  return gone !== undefined;
}

const exitFileMs = 5000;

/** conmon calls a moment after the process ended; a person may call at any time. */
async function cleanOne(host: Host, { id }: ContainerRecord, options: CleanupOptions): Promise<void> {
  const record = host.state.findById(id);
  if (!record) return;
  if (isLive(record.state) && !hasEnded(host, record)) {
    const came = await exitFileComes(`${host.paths.exits}/${id}`, { timeoutMs: options.stoppedOnly ? 0 : exitFileMs, ...(record.state.conmonPid ? { conmonPid: record.state.conmonPid } : {}) });
    if (!came && options.stoppedOnly) {
      throw new Fault("container.wrong-state", `container ${id} is not stopped: container state improper`);
    }
  }
  const isGone = await settle(host, id, options);
  const [kept] = options.removeImage && !isGone ? await removeImageOf(host, record) : [];
  if (kept) throw kept;
}

async function cleanExec(host: Host, { id }: ContainerRecord, session: string): Promise<void> {
  const { endSession } = await import("./exec.ts");
  await locked(host, id, () => {
    const found = host.state.findExec(session);
    if (found?.containerId !== id) throw new Fault("exec.not-found", `container ${id} has no exec session with ID ${session}: no such exec session`);
    endSession(host, fresh(host, id), session);
    if (!found.owner && host.state.findExec(session)) throw new Fault("container.wrong-state", `cannot clean up container ${id} exec session ${session} as it is running`);
  });
}

export async function cleanup(host: Host, choice: Choice, options: CleanupOptions = {}): Promise<Outcome[]> {
  for (const name of choice.names ?? []) await settleLeaving(host, name);
  const chosen = choose(host, { ...choice, ignore: choice.ignore ?? true });
  const outcomes = await onEach(chosen, record =>
    options.exec === undefined ? cleanOne(host, record, options) : cleanExec(host, record, options.exec));
  // An attendant that was slow may have ended the container while we waited, and left its network to us.
  for (const name of choice.names ?? []) await settleLeaving(host, name);
  return outcomes;
}
