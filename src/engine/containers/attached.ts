// An attached container: its streams are ours, our signals are its, until it ends or the person detaches.
// Source: podman-run(1), podman-attach(1), podman-start(1) --attach.

import { attend, stopAttending } from "../../base/attendant.ts";
import { Fault } from "../../base/fault.ts";
import { exitFileComes } from "../exits.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { settle } from "./cleanup.ts";
import { detachKeysDefault, parseDetachKeys } from "./detach-keys.ts";
import { attendantFile, openMonitor } from "./launch.ts";
import { get } from "./lookup.ts";
import { hasEnded, isLive, readExitFile } from "./observe.ts";
import { containerEvent } from "./container-event.ts";
import { proxySignals } from "./proxy.ts";
import { ready, run, startNeeded } from "./start.ts";
import { joinStreams } from "./streams.ts";
import type { Parting } from "./streams.ts";
import { holdTerminal } from "./window.ts";

export interface AttachOptions {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** As --detach-keys takes them; "" is none; absent is containers.conf's. */
  readonly detachKeys?: string;
  /** Default true: signals we get go to the container. */
  readonly signalProxy?: boolean;
  readonly onWarning?: (text: string) => void;
}

export interface AttachedEnd {
  readonly exitCode: number;
  readonly detached: boolean;
}

const brokenPipeStatus = 141;
const exitFileMs = 20_000;

export function detachKeysOf(host: Host, given: string | undefined): Uint8Array {
  return parseDetachKeys(given ?? host.conf.engine.detach_keys ?? detachKeysDefault);
}

/** Waits for the end that has begun, cleans up, and answers the status. */
async function endOf(host: Host, record: ContainerRecord, { waits }: { waits: boolean }): Promise<AttachedEnd> {
  const { id, state } = record;
  await exitFileComes(`${host.paths.exits}/${id}`, { ...(waits ? {} : { timeoutMs: exitFileMs }), ...(state.conmonPid ? { conmonPid: state.conmonPid } : {}) });
  const code = readExitFile(host, id)?.code;
  await settle(host, id, { networkLater: true });
  stopAttending(attendantFile(host, id));
  return { exitCode: (code ?? host.state.exitCode(id) ?? host.state.findById(id)?.state.exitCode ?? -1) & 0xff, detached: false };
}

interface Serving {
  readonly record: ContainerRecord;
  readonly options: AttachOptions;
  readonly socket: number;
}

function serve(host: Host, { record, options, socket }: Serving): Promise<Parting> {
  const { stdin = false, stdout = true, stderr = true } = options;
  // Without a terminal the bytes are data, in which the keys mean nothing.
  const detachKeys = record.spec.terminal ? detachKeysOf(host, options.detachKeys) : new Uint8Array();
  return joinStreams(socket, { stdin, stdout, stderr, detachKeys });
}

async function afterParting(host: Host, record: ContainerRecord, parting: Parting): Promise<AttachedEnd> {
  if (parting === "ended") return endOf(host, record, { waits: false });
  stopAttending(attendantFile(host, record.id));
  if (parting === "detached") containerEvent(host, record, "detach");
  return { exitCode: parting === "detached" ? 0 : brokenPipeStatus, detached: true };
}

/** Without streams between us: the program has ours directly, or nobody wants any. */
const hasNoStreams = ({ spec }: ContainerRecord, options: AttachOptions): boolean =>
  (spec.log?.driver.startsWith("passthrough") ?? false) || !(options.stdin || (options.stdout ?? true) || (options.stderr ?? true));

/**
 * Connects, starts, serves the streams, and answers the exit status after cleanup, so that --rm is done.
 *
 * @throws Fault of starting; the exit of "process.not-found" is 127 and of "process.not-executable" 126
 */
export async function startAttached(host: Host, nameOrId: string, options: AttachOptions): Promise<AttachedEnd> {
  const { id } = get(host, nameOrId);
  // Keys that cannot be read must stop it before anything starts.
  detachKeysOf(host, options.detachKeys);
  await startNeeded(host, fresh(host, id));
  using proxy = options.signalProxy ?? true ? proxySignals() : undefined;
  const begun = await locked(host, id, async () => {
    const before = fresh(host, id);
    if (isLive(before.state) && !hasEnded(host, before)) return undefined;
    const initialized = await ready(host, before);
    containerEvent(host, initialized, "attach");
    const monitor = hasNoStreams(initialized, options) ? undefined : openMonitor(host, initialized);
    const terminal = monitor && initialized.spec.terminal ? holdTerminal(monitor, { raw: options.stdin ?? false }) : undefined;
    attend(attendantFile(host, id));
    try {
      return { record: await run(host, initialized), monitor, terminal };
    } catch (thrown) {
      terminal?.release();
      stopAttending(attendantFile(host, id));
      throw thrown;
    }
  });
  if (!begun) return attach(host, id, options);
  const { record, monitor, terminal } = begun;
  if (record.state.pid !== undefined) proxy?.aim({ pid: record.state.pid, ...(record.state.pidStart === undefined ? {} : { pidStart: record.state.pidStart }) });
  if (!monitor) return endOf(host, record, { waits: true });
  let parting: Parting;
  try {
    parting = await serve(host, { record, options, socket: monitor.socket });
  } finally {
    terminal?.release();
  }
  return afterParting(host, record, parting);
}

/** Attaches to a running container. @throws Fault "container.wrong-state" */
export async function attach(host: Host, nameOrId: string, options: AttachOptions): Promise<AttachedEnd> {
  const record = get(host, nameOrId);
  if (!isLive(record.state) || hasEnded(host, record)) throw new Fault("container.wrong-state", "you can only attach to running containers");
  using proxy = options.signalProxy ?? true ? proxySignals() : undefined;
  const monitor = openMonitor(host, record);
  if (record.state.pid !== undefined) proxy?.aim({ pid: record.state.pid, ...(record.state.pidStart === undefined ? {} : { pidStart: record.state.pidStart }) });
  const terminal = record.spec.terminal ? holdTerminal(monitor, { raw: options.stdin ?? false }) : undefined;
  containerEvent(host, record, "attach");
  let parting: Parting;
  try {
    parting = await serve(host, { record, options, socket: monitor.socket });
  } finally {
    terminal?.release();
  }
  return afterParting(host, record, parting);
}
