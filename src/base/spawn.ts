// Child processes: the only door to them, and where programs are found.
// Runs under Bun and, through node:child_process, under Node.

import * as fs from "node:fs";
import { Fault, reasonOf } from "./fault.ts";

/** What a child gets at one descriptor: a fresh pipe, nothing, ours, or the descriptor of that number. */
export type Stdio = "pipe" | "ignore" | "inherit" | number;
export type Environment = Record<string, string | undefined>;

export interface SpawnSyncOptions {
  readonly stdin?: Uint8Array | string | "inherit" | number;
  readonly stdout?: Stdio;
  readonly stderr?: Stdio;
  /** The whole environment; default ours. BUN_* never passes. */
  readonly env?: Environment;
  readonly cwd?: string;
  /** Descriptors 3, 4, … of the child. */
  readonly fds?: readonly (number | "ignore" | "inherit")[];
  readonly argv0?: string;
  /** The child is killed after this long. */
  readonly timeoutMs?: number;
  /** Of each of stdout and stderr; the child is killed when it prints more. Default 64 MiB. */
  readonly outputBytesMax?: number;
}

export interface Finished {
  /** Exit status; 128 + n when a signal ended it. */
  readonly status: number;
  readonly signal?: string;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** stdout as text. */
  text(): string;
  /** stderr as text, trimmed. */
  complaint(): string;
}

export interface SpawnOptions {
  /** Descriptors 0, 1, 2, 3, …; default all "ignore". */
  readonly stdio?: readonly Stdio[];
  readonly env?: Environment;
  readonly cwd?: string;
  readonly argv0?: string;
  /** In a session of its own. */
  readonly detached?: boolean;
}

/** Takes bytes for the child's stdin. */
export interface ChildInput {
  write(bytes: Uint8Array | string): unknown;
  end(): unknown;
}

export interface Child {
  readonly pid: number;
  /** Exit status; 128 + n when a signal ended it. */
  readonly exited: Promise<number>;
  readonly stdin: ChildInput | undefined;
  readonly stdout: AsyncIterable<Uint8Array> | undefined;
  readonly stderr: AsyncIterable<Uint8Array> | undefined;
  kill(signal?: number | string): void;
  /** Lets our process end while the child lives. */
  unref(): void;
}

const outputBytesDefault = 64 * 1024 * 1024;

/** `env` without undefined values and BUN_*, which would run code in our own binary and in any Bun program. */
export function scrubbed(env: Environment = process.env): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const name in env) {
    const value = env[name];
    if (value !== undefined && !name.startsWith("BUN_")) clean[name] = value;
  }
  return clean;
}

const bun = (): typeof Bun | undefined => (globalThis as { Bun?: typeof Bun }).Bun;
const childProcess = (): typeof import("node:child_process") => process.getBuiltinModule("node:child_process");

const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9,
  SIGSEGV: 11, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15 };
type SignalName = string | number | null | undefined;
const statusOf = (code: number | null, signal?: SignalName): number =>
  code !== null && !signal ? code : 128 + (typeof signal === "number" ? signal : signalNumbers[signal ?? ""] ?? 0);

function cannotRun(argv: readonly string[], thrown: unknown): Fault {
  const code = (thrown as { code?: string }).code;
  const reason = reasonOf(thrown);
  return new Fault("component.failed", `cannot run ${JSON.stringify(argv[0])}: ${reason}`, { cause: thrown });
}

/**
 * Runs a program to its end; a status other than 0 is no error here.
 *
 * @throws Fault "component.failed" when it cannot be started at all
 */
export function spawnSync(argv: readonly string[], options: SpawnSyncOptions = {}): Finished {
  try {
    return bun() ? spawnSyncByBun(argv, options) : spawnSyncByNode(argv, options);
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : cannotRun(argv, thrown);
  }
}

const bytesOf = (text: Uint8Array | string): Uint8Array =>
  typeof text === "string" ? new TextEncoder().encode(text) : text;

function spawnSyncByBun(argv: readonly string[], options: SpawnSyncOptions): Finished {
  const { stdin } = options;
  const isDirect = stdin === undefined || stdin === "inherit" || typeof stdin === "number";
  const first = stdin === undefined ? "ignore" : isDirect ? stdin : bytesOf(stdin);
  const stdio: unknown[] = [first, options.stdout ?? "pipe", options.stderr ?? "pipe", ...(options.fds ?? [])];
  const result = bun()!.spawnSync({
    cmd: [...argv],
    stdio: stdio as ["ignore", "pipe", "pipe"],
    env: scrubbed(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: "SIGKILL" as const }),
    maxBuffer: options.outputBytesMax ?? outputBytesDefault,
  });
  return finished(result.exitCode, result.signalCode, result.stdout, result.stderr);
}

function spawnSyncByNode(argv: readonly string[], options: SpawnSyncOptions): Finished {
  const { stdin } = options;
  const isDirect = stdin === "inherit" || typeof stdin === "number";
  const result = childProcess().spawnSync(argv[0]!, argv.slice(1), {
    stdio: [stdin === undefined ? "ignore" : isDirect ? stdin : "pipe", options.stdout ?? "pipe",
      options.stderr ?? "pipe", ...(options.fds ?? [])],
    env: scrubbed(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
    ...(stdin === undefined || isDirect ? {} : { input: stdin }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: "SIGKILL" }),
    maxBuffer: options.outputBytesMax ?? outputBytesDefault,
  });
  if (result.error && result.status === null && !result.signal) throw result.error;
  return finished(result.status, result.signal, result.stdout, result.stderr);
}

function finished(code: number | null, signal: SignalName, out?: Uint8Array | null,
  err?: Uint8Array | null): Finished {
  const stdout = out ?? new Uint8Array();
  const stderr = err ?? new Uint8Array();
  return {
    status: statusOf(code, signal),
    ...(signal ? { signal: String(signal) } : {}),
    stdout,
    stderr,
    text: () => new TextDecoder().decode(stdout),
    complaint: () => new TextDecoder().decode(stderr).trim(),
  };
}

/**
 * Starts a program.
 *
 * @throws Fault "component.failed" when it cannot be started (under Node that arrives by `exited`)
 */
export function spawn(argv: readonly string[], options: SpawnOptions = {}): Child {
  const stdio = options.stdio ?? ["ignore", "ignore", "ignore"];
  try {
    return bun() ? spawnByBun(argv, stdio, options) : spawnByNode(argv, stdio, options);
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : cannotRun(argv, thrown);
  }
}

function spawnByBun(argv: readonly string[], stdio: readonly Stdio[], options: SpawnOptions): Child {
  const child = bun()!.spawn({
    cmd: [...argv],
    stdio: [...stdio] as ["pipe", "pipe", "pipe"],
    env: scrubbed(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
    ...(options.detached ? { detached: true } : {}),
  });
  return {
    pid: child.pid,
    exited: child.exited.then(code => statusOf(code, child.signalCode)),
    stdin: stdio[0] === "pipe" ? (child.stdin as ChildInput) : undefined,
    stdout: stdio[1] === "pipe" ? (child.stdout as unknown as AsyncIterable<Uint8Array>) : undefined,
    stderr: stdio[2] === "pipe" ? (child.stderr as unknown as AsyncIterable<Uint8Array>) : undefined,
    kill: signal => child.kill(signal as number),
    unref: () => child.unref(),
  };
}

function spawnByNode(argv: readonly string[], stdio: readonly Stdio[], options: SpawnOptions): Child {
  const child = childProcess().spawn(argv[0]!, argv.slice(1), {
    stdio: [...stdio],
    env: scrubbed(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
    ...(options.detached ? { detached: true } : {}),
  });
  const exited = new Promise<number>((resolve, reject) => {
    child.once("exit", (code, signal) => resolve(statusOf(code, signal)));
    child.once("error", thrown => reject(cannotRun(argv, thrown)));
  });
  return {
    pid: child.pid ?? -1,
    exited,
    stdin: (child.stdin as ChildInput | null) ?? undefined,
    stdout: child.stdout ?? undefined,
    stderr: child.stderr ?? undefined,
    kill: signal => void child.kill(signal as NodeJS.Signals),
    unref: () => child.unref(),
  };
}

/** Where helper programs that are not for people lie, looked through after PATH. */
export const programPlaces: readonly string[] = [
  "/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman",
  "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
];

function isProgram(path: string): boolean {
  try {
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    return stat !== undefined && stat.isFile() && (stat.mode & 0o111) !== 0;
  } catch {
    return false;
  }
}

/** The absolute path of a program, by PATH, then `places` (default `programPlaces`); no process is spawned. */
export function findProgram(name: string, places: readonly string[] = programPlaces): string | undefined {
  if (name.includes("/")) return isProgram(name) ? name : undefined;
  for (const place of [...(process.env.PATH ?? "").split(":"), ...places]) {
    if (place.startsWith("/") && isProgram(`${place}/${name}`)) return `${place}/${name}`;
  }
  return undefined;
}

/** @throws Fault "component.missing" that names the Debian package to install */
export function needProgram(name: string, debianPackage: string, places?: readonly string[]): string {
  const found = findProgram(name, places);
  if (found !== undefined) return found;
  throw new Fault("component.missing", `cannot find program ${JSON.stringify(name)}: not in PATH or the usual places`, {
    hint: `install it, on Debian with: apt-get install ${debianPackage}`,
  });
}
