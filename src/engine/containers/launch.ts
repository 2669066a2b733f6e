// The engine's one way to the runtime room: config, bundle and monitor of a container, and the runtime's verbs on it.

import { existsSync, mkdirSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { needProgram, type Environment } from "../../base/spawn.ts";
import { connectUnix } from "../../kernel/sockets.ts";
import { writeBundle } from "../../runtime/bundle.ts";
import { beginContainer, type ContainerMonitored, type Launched, type WaitingMonitor } from "../../runtime/conmon.ts";
import { ociConfig } from "../../runtime/oci-config.ts";
import type { RuntimeProgram } from "../../runtime/program.ts";
import { containerStatus, deleteContainer, killContainer, pauseContainer, resumeContainer, startContainer } from "../../runtime/oci-runtime.ts";
import type { Host } from "../host.ts";
import { ownProgram } from "../rootless.ts";
import { namespacePath } from "../networks/connect.ts";
import { hooksOf } from "./hooks.ts";
import type { ContainerRecord } from "../state/state.ts";
import { variables } from "./environment.ts";
import { cgroupManagerOf, gatherFacts } from "./config-facts.ts";
import type { Readied } from "./config-facts.ts";
import { logPath } from "./logs.ts";
import { runtimeOf } from "./runtime-choice.ts";
import type { Monitor } from "./window.ts";

export interface LaunchedContainer {
  readonly pid: number;
  readonly conmonPid: number;
  readonly bundle: string;
}

/** How conmon is started, for containers as for sessions. */
export const conmonOf = (host: Host): { conmon: string; conmonEnv: Record<string, string> } =>
  ({ conmon: conmonPath(host), conmonEnv: variables(host.conf.engine.conmon_env_vars ?? []) });

export function conmonPath(host: Host): string {
  const asked = host.options.conmon ? [host.options.conmon] : host.conf.engine.conmon_path ?? [];
  return asked.find(path => existsSync(path)) ?? needProgram("conmon", "conmon");
}

/** What conmon runs when a session in a container has ended. */
export const exitCommand = (host: Host, ...rest: readonly string[]): string[] => selfCommand(host, "container", "cleanup", ...rest);

/** Where an attached start says that it will clean up itself. */
export const attendantFile = (host: Host, id: string): string => `${host.paths.runDir(id)}/attendant`;

/**
 * The shell waits for an attendant, as it starts and waits at a fraction of our cost while the attendant is at its busiest.
 * Gives up after two seconds; what it then starts looks for itself.
 * It leaves conmon's directory, the bundle, which may be gone by now: our runtime does not start in a directory that was removed.
 */
const standBack = 'n=0; while [ $n -lt 40 ] && { read -r pid start <"$0"; } 2>/dev/null && [ -d "/proc/$pid" ]; do sleep 0.05; n=$((n+1)); done; '
  + '[ -e "${0%/*}" ] || [ -e "$1" ] || exit 0; shift; cd /; exec "$@"';

/** Tells the exit command of a container from its other processes. */
export const afterAttendant = "--after-attendant";

/** What conmon runs when the container has ended; it stands back while an attendant is at it. */
function containerExitCommand(host: Host, id: string): string[] {
  const own = host.options.self ?? ownProgram();
  const shell = ["/bin/sh", "-c", standBack, attendantFile(host, id), namespacePath(host, id)];
  return [...shell, ...own, afterAttendant, attendantFile(host, id), namespacePath(host, id), ...exitCommand(host, id).slice(own.length)];
}

/** This program once more, with the same store. */
export function selfCommand(host: Host, ...rest: readonly string[]): string[] {
  const { options, paths } = host;
  const flag = (name: string, value: string | undefined): string[] => value === undefined ? [] : [name, value];
  const globals = [
    "--root", paths.root, "--runroot", paths.runroot, "--log-level", options.logLevel ?? "warn",
    ...flag("--cgroup-manager", options.cgroupManager), ...flag("--runtime", options.runtime), ...flag("--conmon", options.conmon),
    // Both follow from --root where they are not given, and --root is.
    "--network-config-dir", paths.networks, "--volumepath", paths.volumes,
    ...flag("--events-backend", options.eventsBackend), ...flag("--tmpdir", options.tmpdir),
    ...(options.runtimeFlags ?? []).flatMap(value => ["--runtime-flag", value]),
    ...(options.hooksDirs ?? []).flatMap(value => ["--hooks-dir", value]),
    ...(options.cdiSpecDirs ?? []).flatMap(value => ["--cdi-spec-dir", value]),
    ...(options.storageOptions ?? []).flatMap(value => ["--storage-opt", value]),
    ...(options.modules ?? []).flatMap(value => ["--module", value]),
    ...(options.syslog ? ["--syslog"] : []),
  ];
  return [...(options.self ?? ownProgram()), ...globals, ...rest];
}

export function conmonLog(host: Host, record: Pick<ContainerRecord, "id" | "spec">): { log: string; logSizeMax?: number; logTag?: string } {
  const { driver = "k8s-file", sizeMax, tag } = record.spec.log ?? {};
  const isFile = driver === "k8s-file" || driver === "json-file";
  return {
    log: isFile ? `k8s-file:${logPath(host, record)}` : driver === "passthrough-tty" ? "passthrough" : driver,
    ...(sizeMax ? { logSizeMax: sizeMax } : {}),
    // Of the drivers only the journal has a place for it.
    ...(tag && driver === "journald" ? { logTag: tag } : {}),
  };
}

const bundleOf = (host: Host, id: string): string => `${host.paths.runDir(id)}/bundle`;

/** How the runtime makes it from a checkpoint. */
export interface RestoreLaunch {
  readonly program: RuntimeProgram;
  /** criu's images. */
  readonly images: string;
  readonly options: readonly string[];
  readonly env: Environment;
}

/** How conmon is to watch it. */
function monitoringOf(host: Host, record: ContainerRecord, { heldFds, restoring }: BeginLaunch): ContainerMonitored {
  const { id, name, spec } = record;
  const runDir = host.paths.runDir(id);
  return {
    id, name, bundle: bundleOf(host, id),
    runtime: restoring?.program ?? runtimeOf(host, spec),
    ...(restoring ? { restoreFrom: restoring.images, restoreOptions: restoring.options, env: restoring.env } : {}),
    pidfile: `${runDir}/pidfile`,
    conmonPidfile: `${runDir}/conmon.pid`,
    exitDirectory: host.paths.exits,
    persistDirectory: runDir,
    ...conmonLog(host, record),
    terminal: spec.terminal ?? false,
    stdin: spec.stdin ?? false,
    exitCommand: containerExitCommand(host, id),
    systemdCgroup: cgroupManagerOf(host) === "systemd",
    ...(spec.cgroups ? { cgroups: spec.cgroups } : {}),
    ...conmonOf(host),
    passthrough: spec.log?.driver.startsWith("passthrough") ?? false,
    ...(host.conf.engine.exit_command_delay ? { exitDelaySeconds: host.conf.engine.exit_command_delay } : {}),
    ...(host.options.logLevel ? { logLevel: host.options.logLevel } : {}),
    ...(spec.timeout ? { timeoutSeconds: spec.timeout } : {}),
    ...(host.conf.engine.no_pivot_root ? { noPivot: true } : {}),
    ...(host.conf.containers.keyring === false ? { noKeyring: true } : {}),
    heldFds,
    preservedFds: spec.preserveFd ?? Array.from({ length: spec.preserveFds ?? 0 }, (_, index) => 3 + index),
  };
}

export interface BeginLaunch {
  /** Sockets of published ports, for the monitor to keep. */
  readonly heldFds: readonly number[];
  readonly restoring?: RestoreLaunch | undefined;
}

export interface BegunLaunch {
  /** From ready parts to a container that the runtime has made. @throws Fault with the runtime's own words */
  complete(record: ContainerRecord, readied: Readied): Promise<LaunchedContainer>;
  abandon(): void;
}

/** Starts the monitor, which waits while the parts are made ready. */
export function beginLaunch(host: Host, begun: ContainerRecord, how: BeginLaunch): BegunLaunch {
  const asked = monitoringOf(host, begun, how);
  mkdirSync(asked.bundle, { recursive: true, mode: 0o700 });
  // Where the runtime gets a mount namespace of its own, that is a copy of ours as it is when the monitor starts.
  let monitor = asked.runtime.hidesUnified ? undefined : beginContainer(asked);
  return {
    async complete(record, readied) {
      const hooks = hooksOf(host, record);
      const config = ociConfig(record.spec, await gatherFacts(host, record, readied));
      const watched = record.spec.security?.learn ? (await import("./learn.ts")).withWatching(host, record, config) : config;
      writeBundle(asked.bundle, { ...watched, ...(hooks ? { hooks } : {}) });
      monitor ??= beginContainer(asked);
      const waiting = monitor;
      monitor = undefined;
      const { pid, conmonPid } = await createFresh(host, record, { asked, waiting });
      if (conmonPid === undefined) throw new Fault("component.failed", `cannot start container ${record.id}: conmon did not say which process it is`);
      return { pid, conmonPid, bundle: asked.bundle };
    },
    abandon: () => monitor?.abandon(),
  };
}

/** What a crash or a killed cleanup left with the runtime under this ID goes first, where it is in the way. */
async function createFresh(host: Host, record: ContainerRecord, { asked, waiting }: { asked: ContainerMonitored; waiting: WaitingMonitor }): Promise<Launched> {
  try {
    return await waiting.create();
  } catch (thrown) {
    const isRefused = thrown instanceof Fault && thrown.code === "runtime.failed";
    if (!isRefused || containerStatus(asked.runtime, record.id)?.status !== "stopped") throw thrown;
    await removeFromRuntime(host, record);
    return beginContainer(asked).create();
  }
}

export async function startProcess(host: Host, record: ContainerRecord): Promise<void> {
  startContainer(runtimeOf(host, record.spec), record.id, { plain: hooksOf(host, record) === undefined });
}

/** Whatever the runtime still knows of it; with `quiet` a refusal is only logged. */
export async function removeFromRuntime(host: Host, { id, spec }: ContainerRecord, { quiet = false } = {}): Promise<void> {
  try {
    await deleteContainer(runtimeOf(host, spec), id, { force: true });
  } catch (thrown) {
    if (!quiet) throw thrown;
    const isExpected = thrown instanceof Fault && thrown.code === "runtime.failed";
    log[isExpected ? "debug" : "warn"](`Removing container ${id} from the runtime: ${(thrown as Error).message}`);
  }
}

/** For containers whose processes do not die with the first one, having no process namespace of their own. */
export async function killAll(host: Host, { id, spec }: ContainerRecord, signal: number): Promise<void> {
  const kind = spec.namespaces?.pid?.kind;
  if (kind === undefined || kind === "private") return;
  try {
    killContainer(runtimeOf(host, spec), id, signal, { all: true });
  } catch (thrown) {
    log.debug(`Killing all processes of container ${id}: ${(thrown as Error).message}`);
  }
}

export async function pauseProcesses(host: Host, { id, spec }: ContainerRecord): Promise<void> {
  pauseContainer(runtimeOf(host, spec), id);
}

export async function resumeProcesses(host: Host, { id, spec }: ContainerRecord): Promise<void> {
  resumeContainer(runtimeOf(host, spec), id);
}

/** Connected to conmon's attach socket; the caller owns the handle. */
export function openMonitor(host: Host, { id, state }: ContainerRecord): Monitor {
  const bundle = state.bundle ?? bundleOf(host, id);
  return { socket: connectUnix(`${bundle}/attach`, "seqpacket"), control: `${bundle}/ctl` };
}
