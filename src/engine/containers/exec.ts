// exec: one more process in a running container.
// Source: podman-exec(1).

import { mkdirSync, rmSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { connectUnix } from "../../kernel/sockets.ts";
import { isAlive, processStart } from "../../kernel/processes.ts";
import { writeProcess } from "../../runtime/bundle.ts";
import { launchSession } from "../../runtime/conmon.ts";
import type { Launched, Session } from "../../runtime/conmon.ts";
import type { ConfigFacts } from "../../runtime/facts.ts";
import { identityOf } from "../../runtime/identity.ts";
import { execProcess } from "../../runtime/oci-config.ts";
import { exitFileComes } from "../exits.ts";
import type { Host } from "../host.ts";
import { startedSecretEnvironment } from "../secrets/uses.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord, ExecRecord } from "../state/state.ts";
import { detachKeysOf } from "./attached.ts";
import type { AttachedEnd } from "./attached.ts";
import { cgroupManagerOf, hardLimits, mayRaiseLimits } from "./config-facts.ts";
import { conmonLog, conmonOf, exitCommand } from "./launch.ts";
import { get } from "./lookup.ts";
import { randomId } from "./names.ts";
import { hasEnded } from "./observe.ts";
import { containerEvent } from "./container-event.ts";
import { proxySignals } from "./proxy.ts";
import { readNumberFile } from "./read-file.ts";
import { runtimeOf } from "./runtime-choice.ts";
import { joinStreams } from "./streams.ts";
import { holdTerminal } from "./window.ts";

export interface ExecSpec {
  readonly command: readonly string[];
  readonly terminal?: boolean;
  readonly stdin?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly detachKeys?: string;
  readonly preserveFds?: number;
  readonly preserveFd?: readonly number[];
  /** Nothing is written down about it: inspect and events do not know it. Only attached. */
  readonly noSession?: boolean;
}

export interface ExecOptions {
  readonly onWarning?: (text: string) => void;
}

const exitFileMs = 20_000;
const lostStatus = 255;

const sessionDirectory = (host: Host, containerId: string, session: string): string => `${host.paths.runDir(containerId)}/exec/${session}`;
const pidDirectory = (host: Host, containerId: string, session: string): string => `${host.paths.staticDir(containerId)}/exec/${session}`;
const pidfileOf = (host: Host, containerId: string, session: string): string => `${pidDirectory(host, containerId, session)}/exec_pid`;
const exitFileOf = (host: Host, containerId: string, session: string): string => `${sessionDirectory(host, containerId, session)}/exit/${containerId}`;

function running(host: Host, id: string): ContainerRecord {
  const record = fresh(host, id);
  if (record.state.status === "running" && !hasEnded(host, record)) return record;
  throw new Fault("container.wrong-state", "can only create exec sessions on running containers: container state improper", {
    exit: 255,
    hint: `start it first with: podman start ${record.name}`,
  });
}

export function processFor(host: Host, record: ContainerRecord, asked: ExecSpec): ReturnType<typeof execProcess> {
  const { spec, state } = record;
  const user = asked.user ?? spec.user ?? "";
  const identity = identityOf(`/proc/${state.pid}/root`, user, { groups: spec.groupAdd ?? [] });
  const secrets = startedSecretEnvironment(host, record);
  const env: Record<string, string> = { ...spec.env, ...secrets,
    ...(asked.terminal && spec.env?.TERM === undefined ? { TERM: "xterm" } : {}),
    HOME: spec.env?.HOME ?? identity.home, ...asked.env };
  if (asked.user !== undefined && asked.env?.HOME === undefined) env.HOME = identity.home;
  const defaults = host.conf.containers.default_capabilities;
  const facts: Pick<ConfigFacts, "identity" | "hardLimits" | "mayRaiseLimits" | "env" | "capabilityDefaults"> = {
    identity, hardLimits: hardLimits(), mayRaiseLimits: mayRaiseLimits(), env: [], ...(defaults ? { capabilityDefaults: defaults } : {}),
  };
  return execProcess({ ...spec, init: false }, facts as ConfigFacts, {
    args: asked.command,
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd: asked.workdir ?? spec.workdir ?? "/",
    terminal: asked.terminal ?? false,
    privileged: asked.privileged || (host.conf.containers.privileged ?? false),
  });
}

interface Begun {
  readonly record: ContainerRecord;
  readonly id: string;
  readonly bundle: string;
  readonly session: Session;
  readonly attached: boolean;
}

async function open(host: Host, containerId: string, asked: ExecSpec, attach: boolean): Promise<Begun> {
  const record = running(host, containerId);
  const id = randomId();
  const bundle = sessionDirectory(host, containerId, id);
  for (const directory of [bundle, pidDirectory(host, containerId, id)]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const processPath = `${bundle}/process.json`;
  try {
    writeProcess(processPath, processFor(host, record, asked));
    const session = launchSession({
      id, containerId, name: record.name, runtime: runtimeOf(host, record.spec), bundle, processPath, attach,
      pidfile: pidfileOf(host, containerId, id), conmonPidfile: `${bundle}/conmon.pid`,
      exitDirectory: `${bundle}/exit`, persistDirectory: `${bundle}/persist`,
      ...conmonLog(host, record), log: "none",
      terminal: asked.terminal ?? false, stdin: asked.stdin ?? false,
      exitCommand: exitCommand(host, "--exec", id, ...(attach ? ["--rm"] : []), containerId),
      systemdCgroup: cgroupManagerOf(host) === "systemd", ...conmonOf(host),
      preservedFds: asked.preserveFd ?? Array.from({ length: asked.preserveFds ?? 0 }, (_, index) => 3 + index),
      ...(host.options.logLevel ? { logLevel: host.options.logLevel } : {}),
    });
    // Known before it starts: what ends at once must not be cleaned up before its exit code is read.
    if (attach && !asked.noSession) host.state.saveExec(sessionRecord({ id, record, attached: true }, asked, 0));
    return { record, id, bundle, session, attached: attach };
  } catch (thrown) {
    forget(host, containerId, id);
    throw thrown;
  }
}

function forget(host: Host, containerId: string, id: string): void {
  host.state.removeExec(id);
  for (const directory of [sessionDirectory(host, containerId, id), pidDirectory(host, containerId, id)]) rmSync(directory, { recursive: true, force: true });
}

/** @param pid 0 until it has one */
function sessionRecord({ id, record, attached }: Pick<Begun, "id" | "record" | "attached">, asked: ExecSpec, pid: number): ExecRecord {
  const pidStart = pid === 0 ? undefined : processStart(pid);
  return {
    id, containerId: record.id, pid, ...(pidStart === undefined ? {} : { pidStart }),
    ...(attached ? { owner: { pid: process.pid, start: processStart(process.pid) ?? 0 } } : {}),
    command: asked.command, terminal: asked.terminal ?? false, ...(asked.user === undefined ? {} : { user: asked.user }),
  };
}

async function begin(host: Host, { record, id, session, attached }: Begun, asked: ExecSpec): Promise<Launched> {
  try {
    const launched = await session.begin();
    if (asked.noSession) return launched;
    host.state.saveExec(sessionRecord({ id, record, attached }, asked, launched.pid));
    containerEvent(host, record, "exec");
    return launched;
  } catch (thrown) {
    forget(host, record.id, id);
    throw thrown;
  }
}

/** Called by conmon's cleanup and by the attached owner; the owner, while it lives, has to read the exit code first. */
export function endSession(host: Host, record: ContainerRecord, id: string): void {
  const session: ExecRecord | undefined = host.state.findExec(id);
  const { owner } = session ?? {};
  if (owner && owner.pid !== process.pid && isAlive(owner.pid, owner.start)) return;
  if (session && session.pidStart !== undefined && isAlive(session.pid, session.pidStart)) return;
  if (session) containerEvent(host, record, "exec_died", { ContainerExitCode: readNumberFile(exitFileOf(host, record.id, id)) ?? lostStatus });
  forget(host, record.id, id);
}

/** Runs attached to our own streams; the exit code is the process's own. @throws Fault as starting does */
export async function exec(host: Host, nameOrId: string, asked: ExecSpec, _options: ExecOptions = {}): Promise<AttachedEnd> {
  const { id: containerId } = get(host, nameOrId);
  const written = detachKeysOf(host, asked.detachKeys);
  const keys = asked.terminal ? written : new Uint8Array();
  using proxy = proxySignals();
  const begun = await locked(host, containerId, () => open(host, containerId, asked, true));
  await begun.session.listening;
  const socket = connectUnix(`${begun.bundle}/attach`, "seqpacket");
  const terminal = asked.terminal ? holdTerminal({ control: `${begun.bundle}/ctl` }, { raw: asked.stdin ?? false }) : undefined;
  try {
    const launched = await begin(host, begun, asked);
    proxy.aim({ pid: launched.pid, ...pidStartOf(launched.pid) });
    const parting = await joinStreams(socket, { stdin: asked.stdin ?? false, stdout: true, stderr: true, detachKeys: keys });
    if (parting !== "ended") return { exitCode: parting === "detached" ? 0 : 141, detached: true };
    const file = exitFileOf(host, containerId, begun.id);
    await exitFileComes(file, { timeoutMs: exitFileMs, ...(launched.conmonPid ? { conmonPid: launched.conmonPid } : {}) });
    const exitCode = readNumberFile(file) ?? lostStatus;
    endSession(host, begun.record, begun.id);
    return { exitCode: exitCode & 0xff, detached: false };
  } finally {
    terminal?.release();
  }
}

function pidStartOf(pid: number): { pidStart?: number } {
  const pidStart = processStart(pid);
  return pidStart === undefined ? {} : { pidStart };
}

/** Runs detached; answers the session's ID. @throws Fault, whose exit is 125 whatever the reason */
export async function execDetached(host: Host, nameOrId: string, asked: ExecSpec): Promise<string> {
  const { id: containerId } = get(host, nameOrId);
  return locked(host, containerId, async () => {
    const begun = await open(host, containerId, asked, false);
    try {
      await begin(host, begun, asked);
    } catch (thrown) {
      throw thrown instanceof Fault ? new Fault(thrown.code, thrown.message, { exit: 125, cause: thrown }) : thrown;
    }
    return begun.id;
  });
}
