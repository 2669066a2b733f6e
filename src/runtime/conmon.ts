// conmon: the small process that stays with a container. How it is called, and what it tells through its pipes.
// Source: conmon(8); its sync pipe says {"pid":N} or {"pid":-1,"message":…} in one line (api version 1: "data").

import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { spawn, needProgram, type Child, type Environment } from "../base/spawn.ts";
import { close, closeQuietly, pipe2, writeAll } from "../kernel/files.ts";
import { isSelinuxEnabled, lowestOwnContext } from "../security/labels.ts";
import { atContext } from "../security/selinux/exec-context.ts";
import { cgroupMode, makeRoomForPayload } from "./cgroups.ts";
import { runtimeFault, lastError } from "./complaint.ts";
import { runtimeForConmon, type ConmonRuntime, type RuntimeProgram } from "./program.ts";

/** What containers and exec sessions have in common. */
interface Monitored {
  readonly id: string;
  readonly name: string;
  readonly runtime: RuntimeProgram;
  readonly bundle: string;
  readonly pidfile: string;
  readonly conmonPidfile: string;
  readonly exitDirectory: string;
  readonly persistDirectory: string;
  /** conmon's -l, such as "k8s-file:/…/ctr.log" or "none". */
  readonly log: string;
  readonly logSizeMax?: number;
  readonly logTag?: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** Program and arguments that conmon runs after the end. */
  readonly exitCommand: readonly string[];
  readonly exitDelaySeconds?: number;
  readonly systemdCgroup: boolean;
  /** --cgroups; "disabled" and "split" are not systemd's to make, and "disabled" is none at all. */
  readonly cgroups?: "enabled" | "disabled" | "no-conmon" | "split";
  readonly conmon?: string;
  /** Variables for conmon beside ours; it hands them on to the exit command, not to the container. */
  readonly conmonEnv?: Readonly<Record<string, string>>;
  readonly env?: Environment;
  /** Descriptors of ours, from 3 on, that the container's process has under the same numbers. */
  readonly preservedFds?: readonly number[];
  readonly logLevel?: string;
}

export interface ContainerMonitored extends Monitored {
  readonly timeoutSeconds?: number;
  readonly noPivot?: boolean;
  /** The container shares our kernel keyring instead of getting one. */
  readonly noKeyring?: boolean;
  readonly sdnotifySocket?: string;
  /** A directory of criu's images: the runtime restores instead of creating, and the program runs at once. */
  readonly restoreFrom?: string;
  /** For the runtime's restore. */
  readonly restoreOptions?: readonly string[];
  readonly passthrough?: boolean;
  /** Descriptors of ours that conmon keeps open for as long as it lives, such as sockets of published ports. */
  readonly heldFds?: readonly number[];
}

export interface SessionMonitored extends Monitored {
  readonly containerId: string;
  readonly processPath: string;
  readonly attach: boolean;
}

export interface Launched {
  readonly pid: number;
  readonly conmonPid: number | undefined;
}

const answerBytesMax = 64 * 1024;

function commonArgs(asked: Monitored, runtime: ConmonRuntime): string[] {
  const ociLog = `${asked.bundle}/oci-log`;
  const each = (flag: string, values: readonly string[]): string[] => values.flatMap(value => [`${flag}=${value}`]);
  const [program, ...args] = asked.exitCommand;
  return [
    "--api-version", "1", "-u", asked.id, "-r", runtime.path, "-b", asked.bundle, "-p", asked.pidfile, "-n", asked.name,
    "--exit-dir", asked.exitDirectory, "--persist-dir", asked.persistDirectory, "--full-attach",
    "-l", asked.log, "--log-level", conmonLevel(asked.logLevel),
    ...each("--runtime-arg", [...runtime.args, ...cgroupFlags(asked), "--log-format=json", "--log", ociLog]),
    ...(asked.logSizeMax ? ["--log-size-max", String(asked.logSizeMax)] : []),
    ...(asked.logTag ? ["--log-tag", asked.logTag] : []),
    ...(asked.systemdCgroup && !["disabled", "split"].includes(asked.cgroups ?? "") ? ["-s"] : []),
    ...(asked.terminal ? ["-t"] : []),
    // A terminal is its own input; with both, conmon hears nothing after the first client has left.
    ...(asked.stdin && !asked.terminal ? ["-i"] : []),
    "--conmon-pidfile", asked.conmonPidfile,
    "--exit-command", program!, ...args.flatMap(arg => ["--exit-command-arg", arg]),
    ...(asked.exitDelaySeconds ? ["--exit-delay", String(asked.exitDelaySeconds)] : []),
  ];
}

/** @throws Fault "usage.unsupported" for runtimes that cannot do without cgroups */
function cgroupFlags({ cgroups, runtime }: Monitored): string[] {
  if (cgroups !== "disabled") return [];
  if (runtime.name.includes("crun")) return ["--cgroup-manager", "disabled"];
  throw new Fault("usage.unsupported", `requested OCI runtime ${runtime.name} is not compatible with NoCgroups: invalid argument`, { hint: "use --runtime crun" });
}

function conmonLevel(level: string | undefined): string {
  if (level === "warn" || level === undefined) return "warning";
  return level === "trace" ? "debug" : level === "panic" ? "fatal" : level;
}

/** A conmon that has started and waits for our word. */
export interface WaitingMonitor {
  /**
   * Makes the runtime create the container from the bundle, which must be whole by now; the program itself waits for `start`.
   *
   * @throws Fault "process.not-found", "process.not-executable" or "runtime.failed" with the runtime's own words
   */
  create(): Promise<Launched>;
  /** Ends it instead. */
  abandon(): void;
}

/** Starts conmon, which takes its time, while the container is made ready. */
export function beginContainer(asked: ContainerMonitored): WaitingMonitor {
  const args = [
    "-c", asked.id,
    ...(asked.timeoutSeconds ? ["-T", String(asked.timeoutSeconds)] : []),
    ...(asked.noPivot ? ["--no-pivot"] : []),
    ...(asked.noKeyring ? ["--runtime-opt", "--no-new-keyring"] : []),
    ...(asked.sdnotifySocket ? ["--sdnotify-socket", asked.sdnotifySocket] : []),
    ...(asked.restoreFrom ? ["--restore", asked.restoreFrom, ...(asked.restoreOptions ?? []).flatMap(word => ["--runtime-opt", word])] : []),
  ];
  if (asked.cgroups === "split" && cgroupMode() === "v2") makeRoomForPayload();
  const run = Monitor.begin(asked, args, asked.passthrough ? "inherit" : "ignore");
  return { create: () => run.finish(), abandon: () => run.abandon() };
}

export interface Session {
  /** Waits until conmon listens on the session's attach socket; only with `attach`. */
  readonly listening: Promise<void>;
  /** Lets the process begin, and answers its ID. @throws Fault as launchContainer */
  begin(): Promise<Launched>;
}

/** One more process in a running container; `begin` after attaching, so that no output is missed. */
export function launchSession(asked: SessionMonitored): Session {
  const args = [
    "-c", asked.containerId, "-e", "--exec-process-spec", asked.processPath,
    ...(asked.attach ? ["--exec-attach"] : []),
  ];
  const run = Monitor.begin(asked, args, "ignore", asked.attach);
  return { listening: run.listening(), begin: () => run.finish() };
}

/** One call of conmon, from its start to its answer. */
class Monitor {
  readonly #asked: Monitored;
  readonly #sync: number;
  readonly #start: number;
  readonly #attach: number | undefined;
  readonly #child: Child;
  readonly #closeRuntime: () => void;

  private constructor(asked: Monitored, fds: { sync: number; start: number; attach: number | undefined }, run: { child: Child; closeRuntime: () => void }) {
    this.#asked = asked;
    this.#sync = fds.sync;
    this.#start = fds.start;
    this.#attach = fds.attach;
    this.#child = run.child;
    this.#closeRuntime = run.closeRuntime;
  }

  static begin(asked: Monitored & Pick<ContainerMonitored, "heldFds">, args: readonly string[], streams: "ignore" | "inherit", withAttach = false): Monitor {
    mkdirSync(asked.exitDirectory, { recursive: true, mode: 0o700 });
    mkdirSync(asked.persistDirectory, { recursive: true, mode: 0o700 });
    rmSync(`${asked.bundle}/oci-log`, { force: true });
    const program = asked.conmon ?? needProgram("conmon", "conmon");
    const runtime = runtimeForConmon(asked.runtime);
    const [syncOurs, syncTheirs] = pipe2();
    const [startTheirs, startOurs] = pipe2();
    const attach = withAttach ? pipe2() : undefined;
    const kept = places(asked.preservedFds ?? []);
    const first = 3 + kept.length;
    const held = asked.heldFds ?? [];
    const env: Environment = {
      ...baseEnvironment(asked.env),
      ...asked.conmonEnv,
      ...runtime.env,
      _OCI_SYNCPIPE: String(first),
      _OCI_STARTPIPE: String(first + 1),
      ...(attach ? { _OCI_ATTACHPIPE: String(first + 2) } : {}),
    };
    const preserve = kept.length > 0 ? ["--runtime-opt", "--preserve-fds", "--runtime-opt", String(kept.length)] : [];
    try {
      const child = atContext(lowestContext(), () => spawn([program, ...commonArgs(asked, runtime), ...args, ...preserve], {
        stdio: [streams, streams, streams, ...kept, syncTheirs, startTheirs, ...(attach ? [attach[1]] : []), ...held],
        env,
        cwd: asked.bundle,
      }));
      return new Monitor(asked, { sync: syncOurs, start: startOurs, attach: attach?.[0] }, { child, closeRuntime: runtime.close });
    } catch (thrown) {
      runtime.close();
      for (const fd of [syncOurs, startOurs, ...(attach ? [attach[0]] : [])]) closeQuietly(fd);
      throw thrown;
    } finally {
      for (const fd of [syncTheirs, startTheirs, ...(attach ? [attach[1]] : [])]) close(fd);
    }
  }

  async listening(): Promise<void> {
    if (this.#attach === undefined) return;
    this.#go();
    await readLine(this.#attach);
    closeQuietly(this.#attach);
  }

  /** conmon waits for a byte before each step. */
  #go(): void {
    writeAll(this.#start, new Uint8Array([0]));
  }

  async finish(): Promise<Launched> {
    try {
      this.#go();
      const line = await readLine(this.#sync);
      await this.#child.exited;
      const pid = readPid(line);
      if (pid > 0) return { pid, conmonPid: readNumber(this.#asked.conmonPidfile) };
      throw this.#fault(line);
    } finally {
      this.#close();
    }
  }

  /** Closing the pipe alone would be taken for our word. */
  abandon(): void {
    this.#child.kill("SIGKILL");
    this.#close();
  }

  #close(): void {
    closeQuietly(this.#sync);
    closeQuietly(this.#start);
    this.#closeRuntime();
  }

  #fault(line: string): Fault {
    const said = lastError(`${this.#asked.bundle}/oci-log`) || messageOf(line);
    return runtimeFault(this.#asked.runtime.name.includes("runc") ? "runc" : this.#asked.runtime.name, said);
  }
}

/** Its pipes have its level, and containers write to none above their own. */
const lowestContext = (): string | undefined => (isSelinuxEnabled() ? lowestOwnContext() : undefined);

/** What stands at 3, 4, … of conmon: the kept ones at their own numbers, nothing between them. */
function places(fds: readonly number[]): (number | "ignore")[] {
  const count = Math.max(2, ...fds) - 2;
  return Array.from({ length: count }, (_, index) => (fds.includes(index + 3) ? index + 3 : "ignore"));
}

/**
 * Ours, since what conmon starts at the container's end is this program again and must find the same files. The session
 * bus is the caller's own: under root it would lead conmon's journal entries to somebody else's.
 */
function baseEnvironment(given: Environment | undefined): Environment {
  const { DBUS_SESSION_BUS_ADDRESS: bus, ...rest } = process.env;
  return { ...rest, ...(process.getuid?.() === 0 ? {} : { DBUS_SESSION_BUS_ADDRESS: bus }), ...given };
}

async function readLine(fd: number): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of Bun.file(fd).stream()) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes("\n") || text.length > answerBytesMax) break;
  }
  return text;
}

function answerOf(line: string): { data?: number; pid?: number; message?: string } {
  try {
    return JSON.parse(line.split("\n")[0] ?? "") as { data?: number; pid?: number };
  } catch {
    return {};
  }
}

function readPid(line: string): number {
  const { data, pid } = answerOf(line);
  return data ?? pid ?? -1;
}

const messageOf = (line: string): string => answerOf(line).message ?? "conmon ended without an answer";

function readNumber(path: string): number | undefined {
  if (!existsSync(path)) return undefined;
  const number = Number(readFileSync(path, "utf8").trim());
  return Number.isInteger(number) && number > 0 ? number : undefined;
}
