// A program started in the namespaces where an ordinary user is root, in our own place.
// Source: podman-unshare(1), "Exit Codes".

import * as fs from "node:fs";
import { Fault, errnoOf } from "../base/fault.ts";
import { findProgram, spawn } from "../base/spawn.ts";
import { duplicate } from "../kernel/data.ts";
import { become } from "../kernel/user-namespace.ts";
import type { Host } from "./host.ts";
import { forgetUser, joinRootless } from "./networks/netavark.ts";
import { inRootlessNetns } from "./networks/rootless-netns.ts";
import { insideEnvironment } from "./rootless.ts";

/** Becomes the command, or the person's shell; returns only by a fault. @param output what its standard output is to be */
export function runUnshared(host: Host, command: readonly string[], output: number): never {
  if (!host.rootless) throw new Fault("usage.invalid", "please use unshare with rootless");
  const words = command.length > 0 ? command : shellOf(process.env);
  const program = locate(words[0]!);
  if (output !== 1) duplicate(output, 1);
  return become(program, words, insideEnvironment({ CONTAINERS_GRAPHROOT: host.paths.root, CONTAINERS_RUNROOT: host.paths.runroot }));
}

/** As `runUnshared`, in the network namespace of the user's bridges, which is there for as long as the command runs. @returns its status */
export async function runInRootlessNetns(host: Host, command: readonly string[], output: number): Promise<number> {
  if (!host.rootless) throw new Fault("usage.invalid", "please use unshare with rootless");
  const words = command.length > 0 ? command : shellOf(process.env);
  const program = locate(words[0]!);
  const user = `pid-${process.pid}`;
  await joinRootless(host, user);
  try {
    // What a person types to stop it is for the command alone.
    for (const signal of ["SIGINT", "SIGQUIT"] as const) process.on(signal, () => {});
    const env = insideEnvironment({ CONTAINERS_GRAPHROOT: host.paths.root, CONTAINERS_RUNROOT: host.paths.runroot });
    return await spawn([...inRootlessNetns(host), program, ...words.slice(1)], { stdio: ["inherit", output, "inherit"], env }).exited;
  } finally {
    await forgetUser(host, user);
  }
}

function shellOf({ SHELL }: NodeJS.ProcessEnv): string[] {
  if (SHELL) return [SHELL];
  throw new Fault("usage.invalid", "no command specified and no $SHELL specified");
}

/** A replaced process cannot say that its program was not there, so this is found out before. */
function locate(name: string): string {
  const path = name.includes("/") ? name : findProgram(name, (process.env["PATH"] ?? "").split(":"));
  if (path === undefined) throw new Fault("process.not-found", `exec: "${name}": executable file not found in $PATH`);
  try {
    fs.accessSync(path, fs.constants.X_OK);
    if (!fs.statSync(path).isFile()) throw Object.assign(new Error("it is a directory"), { code: "EACCES" });
    return path;
  } catch (cause) {
    const isMissing = errnoOf(cause) === "ENOENT";
    throw new Fault(isMissing ? "process.not-found" : "process.not-executable", `fork/exec ${path}: ${isMissing ? "no such file or directory" : "permission denied"}`, { cause });
  }
}
