// What inspect says of a container: of ours without a process, else of docker's or another podman's by their programs.

import { Fault } from "../../base/fault.ts";
import { findProgram, spawnSync } from "../../base/spawn.ts";

/** The JSON, or undefined where nobody knows the container. */
export async function findInspected(name: string): Promise<Uint8Array | undefined> {
  const own = await ownInspect(name);
  if (own !== undefined) return own;
  for (const engine of ["podman", "docker"]) {
    const program = name.startsWith("-") ? undefined : findProgram(engine);
    if (program === undefined) continue;
    const ran = spawnSync([program, "inspect", name], { stderr: "ignore", outputBytesMax: 16 * 1024 * 1024 });
    if (ran.status === 0 && ran.stdout.length > 0) return ran.stdout;
  }
  return undefined;
}

async function ownInspect(name: string): Promise<Uint8Array | undefined> {
  try {
    const [{ openHost }, { inspect }] = await Promise.all([import("../../engine/host.ts"), import("../../engine/containers/inspect.ts")]);
    return Buffer.from(JSON.stringify([inspect(openHost(), name)]));
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}
