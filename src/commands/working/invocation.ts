// Makes an Invocation from buildah's options, so that buildah's verbs and podman's run with the same.

import { Fault } from "../../base/fault.ts";
import { goQuote, type Values } from "../../cli/flag.ts";
import { log, setLogLevel } from "../../base/log.ts";
import { writeErr, writeOut } from "../../cli/output.ts";
import { printFault } from "../../cli/print-fault.ts";
import type { Hooks, Start } from "../../cli/program.ts";
import type { Host, HostOptions } from "../../engine/host.ts";
import { enterAsUser } from "../invocation.ts";
import type { Invocation } from "../verb.ts";
import type { BuildahGlobals } from "./globals.ts";

export const buildahHooks: Hooks<Invocation> = {
  begin(globals) {
    const options = globals.flags as Values<BuildahGlobals>;
    if (setLogLevel(options.debug ? "debug" : options.logLevel)) return undefined;
    writeErr(`Error: unable to parse log level: not a valid logrus Level: ${goQuote(options.logLevel)}\n`);
    return 125;
  },
  context: makeInvocation,
  status(invocation) {
    log.debug("shutting down the store");
    return invocation.exitStatus;
  },
};

async function makeInvocation(start: Start<Invocation>): Promise<Invocation> {
  const options = start.globals.flags as Values<BuildahGlobals>;
  refuseMaps(start.globals.given);
  if (start.verb.needs !== "nothing") await enterAsUser(start);
  const engine = start.verb.needs === "nothing" ? undefined : await import("../../engine/host.ts");
  const open = engine?.openHost;
  let host: Host | undefined;
  const invocation: Invocation = {
    persona: start.persona.name,
    globals: options as unknown as Invocation["globals"],
    globalsGiven: start.globals.given,
    argv: start.argv,
    exitStatus: 0,
    get host() {
      if (open === undefined) throw new Error(`"${start.path}" declares that it needs no host`);
      return (host ??= open(hostOptions(options, start.globals.given)));
    },
    out: (line) => writeOut(`${line}\n`),
    write: writeOut,
    err: (line) => writeErr(`${line}\n`),
    failed(error) {
      printFault(error);
      if (invocation.exitStatus === 0) invocation.exitStatus = error instanceof Fault ? (start.verb.exits?.[error.code] ?? error.exit) : 125;
    },
  };
  if (start.verb.frees) engine?.makeRoom(invocation.host);
  await engine?.finishDead(invocation.host);
  return invocation;
}

function refuseMaps(given: ReadonlySet<string>): void {
  if (given.has("usernsGidMap") && !given.has("usernsUidMap")) throw new Fault("usage.invalid", "option --userns-gid-map can not be used without --userns-uid-map");
  if (given.has("usernsUidMap")) throw new Fault("usage.unsupported", "cannot use --userns-uid-map: the root of a working container cannot be mapped yet");
}

function hostOptions(options: Values<BuildahGlobals>, given: ReadonlySet<string>): HostOptions {
  return {
    ownsProcess: true,
    root: options.root,
    runroot: options.runroot,
    cgroupManager: cgroupManager(options.cgroupManager),
    defaultMountsFile: options.defaultMountsFile,
    storageDriver: options.storageDriver,
    storageOptions: given.has("storageOpt") ? options.storageOpt : undefined,
    registriesConf: options.registriesConf,
    signaturePolicy: options.signaturePolicy,
    registriesDir: options.registriesConfDir,
    shortNameAliasConf: options.shortNameAliasConf,
  };
}

function cgroupManager(given: string | undefined): HostOptions["cgroupManager"] {
  if (given === undefined || given === "systemd" || given === "cgroupfs") return given;
  throw new Fault("usage.invalid", `cannot use --cgroup-manager "${given}": choose from systemd, cgroupfs`);
}
