// Makes an Invocation from the program's options: logging, output, and the host for verbs that need one.

import { findModule } from "../base/conf-module.ts";
import { Fault } from "../base/fault.ts";
import { isLogged, log, logLevels, setLogLevel } from "../base/log.ts";
import { goQuote, type Values } from "../cli/flag.ts";
import { sendOutputTo, writeErr, writeOut } from "../cli/output.ts";
import type { Scope } from "../cli/parse.ts";
import type { Hooks, Start } from "../cli/program.ts";
import { printFault } from "../cli/print-fault.ts";
import type { Host, HostOptions } from "../engine/host.ts";
import type { Globals } from "./globals.ts";
import type { Invocation } from "./verb.ts";

export const hooks: Hooks<Invocation> = {
  begin: (globals, argv) => begin(globals.flags as Values<Globals>, globals, argv),
  context: makeInvocation,
  status: (invocation) => {
    log.debug("Shutting down engines");
    return invocation.exitStatus;
  },
  hidden: (globals) => new Set(isRemote(globals) ? ["remote"] : []),
};

/** Where podman takes the machine for a remote one. */
function isRemote(globals: Scope): boolean {
  const { CONTAINER_HOST, CONTAINER_CONNECTION } = process.env;
  return Boolean(CONTAINER_HOST || CONTAINER_CONNECTION) || globals.given.has("url") || globals.given.has("connection");
}

function begin(options: Values<Globals>, scope: Scope, argv: readonly string[]): number | undefined {
  if (options.noout || options.out) {
    try {
      sendOutputTo(options.out ?? "/dev/null");
    } catch (error) {
      writeErr(`unable to open file for standard output: ${(error as Error).message}\n`);
      return 1;
    }
  }
  if (options.debug && scope.given.has("logLevel") && options.logLevel !== "warn") {
    writeErr("Setting --log-level and --debug is not allowed\n");
    return 1;
  }
  const level = options.debug ? "debug" : options.logLevel;
  if (!setLogLevel(level)) {
    writeErr(`Log Level ${goQuote(level)} is not supported, choose from: ${logLevels.join(", ")}\n`);
    return 1;
  }
  const lost = options.module.find((module) => findModule(module, { env: process.env }) === undefined);
  if (lost !== undefined) {
    writeErr(`Failed to obtain podman configuration: could not resolve module ${goQuote(lost)}: faccessat ${lost}: no such file or directory\n`);
    return 1;
  }
  if (scope.given.has("dbBackend") && options.dbBackend !== "sqlite" && options.dbBackend !== "") {
    const known = options.dbBackend === "boltdb";
    throw new Fault("usage.unsupported", known ? "the BoltDB database backend is deprecated, no new BoltDB databases can be created" : `unsupported database backend: ${goQuote(options.dbBackend ?? "")}`);
  }
  if (options.config !== undefined) process.env["DOCKER_CONFIG"] = options.config;
  if (!isLogged("info")) return undefined;
  log.info(`${argv[0]} filtering at log level ${level}`);
  log.debug(`Called with ${argv.slice(1).join(" ")}`);
  log.trace(`Given options: ${[...scope.given].join(" ")}`);
  return undefined;
}

async function makeInvocation(start: Start<Invocation>): Promise<Invocation> {
  const options = start.globals.flags as Values<Globals>;
  const needsHost = start.verb.needs !== "nothing";
  if (needsHost && (options.remote || options.url !== undefined)) {
    throw new Fault("usage.unsupported", "cannot reach a remote service: this build works on this machine only");
  }
  if (needsHost) await enterAsUser(start);
  const engine = needsHost ? await import("../engine/host.ts") : undefined;
  const open = engine?.openHost;
  let host: Host | undefined;
  let isFailed = false;
  const invocation: Invocation = {
    persona: start.persona.name,
    globals: options,
    globalsGiven: start.globals.given,
    argv: start.argv,
    exitStatus: 0,
    get host() {
      if (open === undefined) throw new Error(`"${start.path}" declares that it needs no host`);
      return (host ??= open({ ...hostOptions(options, start.globals.given), looks: start.verb.looks ?? false }));
    },
    out: (line) => writeOut(`${line}\n`),
    write: writeOut,
    err: (line) => writeErr(`${line}\n`),
    failed(error) {
      printFault(error);
      const exit = error instanceof Fault ? (start.verb.exits?.[error.code] ?? error.exit) : 125;
      if (!isFailed) invocation.exitStatus = exit;
      isFailed = true;
    },
  };
  if (start.verb.frees) engine?.makeRoom(invocation.host);
  await engine?.finishDead(invocation.host);
  return invocation;
}

/** As an ordinary user this process ends here, and its like goes on as root of the user's namespaces. */
export async function enterAsUser({ verb, argv, path }: Start<Invocation>): Promise<void> {
  if (process.geteuid!() !== 0) await (await import("../engine/rootless.ts")).enter(argv);
  if (verb.needs === "unshared") (await import("../engine/rootless.ts")).needUnshared(path);
}

/** What the program's options say of the host; absent stays absent. */
export function hostOptions(options: Values<Globals>, given: ReadonlySet<string>): HostOptions {
  const list = (key: keyof Globals, values: readonly string[]) => (given.has(key) ? values : undefined);
  return {
    ownsProcess: true,
    root: options.root,
    runroot: options.runroot,
    tmpdir: options.tmpdir,
    volumePath: options.volumepath,
    networkConfigDir: options.networkConfigDir,
    runtime: options.runtime,
    runtimeFlags: list("runtimeFlag", options.runtimeFlag),
    conmon: options.conmon,
    cgroupManager: oneOf("cgroup-manager", options.cgroupManager, ["systemd", "cgroupfs"]),
    eventsBackend: oneOf("events-backend", options.eventsBackend, ["file", "none", "journald"]),
    hooksDirs: list("hooksDir", options.hooksDir),
    cdiSpecDirs: list("cdiSpecDir", options.cdiSpecDir),
    defaultMountsFile: options.defaultMountsFile,
    modules: list("module", options.module),
    logLevel: given.has("logLevel") ? options.logLevel : undefined,
    syslog: given.has("syslog") ? options.syslog : undefined,
    storageDriver: options.storageDriver,
    storageOptions: list("storageOpt", options.storageOpt),
    registriesConf: options.registriesConf,
  };
}

function oneOf<W extends string>(name: string, given: string | undefined, words: readonly W[]): W | undefined {
  if (given === undefined) return undefined;
  const word = words.find((known) => known === given);
  if (word !== undefined) return word;
  throw new Fault("usage.invalid", `cannot use --${name} "${given}": choose from ${words.join(", ")}`);
}
