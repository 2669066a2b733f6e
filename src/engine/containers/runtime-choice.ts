// Which OCI runtime a container has: the one it was created with, for new ones what the person or containers.conf says.
// Source: containers.conf(5), "runtime", "runtimes", "runtimes_flags".

import type { ContainerSpec } from "../../base/container-spec.ts";
import { findProgram } from "../../base/spawn.ts";
import { findRuntime } from "../../runtime/program.ts";
import type { RuntimeProgram } from "../../runtime/program.ts";
import type { Host } from "../host.ts";

const textsOf = (value: unknown): string[] => Array.isArray(value) ? value.filter(one => typeof one === "string") : [];

/** For a new container; a path stays a path. */
export function runtimeName(host: Host): string {
  return host.options.runtime ?? host.conf.engine.runtime ?? (findProgram("crun") ? "crun" : "runc");
}

/** @throws Fault "component.missing" */
export function runtimeOf(host: Host, spec: Pick<ContainerSpec, "runtime"> = {}): RuntimeProgram {
  const { engine } = host.conf;
  const places = Object.fromEntries(Object.entries(engine.runtimes ?? {}).map(([key, value]) => [key, textsOf(value)]));
  const found = findRuntime({ runtime: spec.runtime ?? runtimeName(host), places });
  const asked = [...textsOf(engine.runtimes_flags?.[found.name]), ...(host.options.runtimeFlags ?? [])];
  return { ...found, flags: [...found.flags, ...asked.map(flag => flag.startsWith("-") ? flag : `--${flag}`)] };
}
