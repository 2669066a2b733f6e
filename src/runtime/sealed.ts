// A runtime's program where nobody can write to it. The process that becomes a container's is the runtime until then, so the
// container could reach the host's program through /proc/PID/exe (CVE-2019-5736). runc and crun start themselves once more from
// a copy that cannot be written, at each call, unless they find that they run from one: we make it once for a whole command.
// Source: mount_setattr(2); libcontainer/nsenter/cloned_binary.c of runc and src/libcrun/cloned_binary.c of crun.

import type { Environment } from "../base/spawn.ts";
import { errnoOf } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { AT_FDCWD, closeQuietly } from "../kernel/files.ts";
import { MOUNT_ATTR_RDONLY, openTree, setMountAttributes } from "../kernel/mounts.ts";

export interface Sealed {
  /** Leads to the program by a handle of ours, in every mount namespace, for as long as we live. */
  readonly path: string;
  /** By this the runtime looks at where it runs from; it believes only what it sees. */
  readonly env: Environment;
}

const handles = new Map<string, number | undefined>();

/** Where the program lies on a mount of its own that is read-only; absent where the kernel refuses to make one. */
export function sealed(program: string): Sealed | undefined {
  if (!handles.has(program)) handles.set(program, openSealed(program));
  const handle = handles.get(program);
  return handle === undefined ? undefined : { path: `/proc/${process.pid}/fd/${handle}`, env: { _LIBCONTAINER_CLONED_BINARY: "1" } };
}

function openSealed(program: string): number | undefined {
  let handle: number | undefined;
  try {
    handle = openTree(AT_FDCWD, program, { clone: true });
    setMountAttributes(handle, { set: MOUNT_ATTR_RDONLY });
    return handle;
  } catch (thrown) {
    if (handle !== undefined) closeQuietly(handle);
    if (errnoOf(thrown) === undefined) throw thrown;
    log.debug(`${program} runs from where it lies: ${(thrown as Error).message}`);
    return undefined;
  }
}
