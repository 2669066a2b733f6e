// On hybrid hosts crun refuses to run while it sees the v2 tree that stands at "unified" beside the v1 controllers. Here
// it is put out of sight in a mount namespace made for one call, and nowhere else.
// Source: mount_namespaces(7), nsenter(1); crun(1).

import { findProgram } from "../base/spawn.ts";
import { Fault, errnoOf } from "../base/fault.ts";
import { AT_FDCWD, closeQuietly, findStat } from "../kernel/files.ts";
import { MNT_DETACH, mount, MS_NODEV, MS_NOEXEC, MS_NOSUID, setPropagation, umount2 } from "../kernel/mounts.ts";
import { CLONE_NEWNS, openNamespace, unshare, withMountNamespace } from "../kernel/namespaces.ts";

const cgroups = "/sys/fs/cgroup";
const unified = `${cgroups}/unified`;

/** Our mount namespace is a copy by now. All else keeps its propagation, so that what is mounted "shared" reaches the host. */
function hide(): void {
  setPropagation(cgroups, "private");
  try {
    umount2(unified, MNT_DETACH);
  } catch (thrown) {
    // What root mounted cannot be taken away in a user's namespace; what is mounted over it hides it as well.
    if (errnoOf(thrown) !== "EINVAL") throw thrown;
  }
  // crun takes the place for one more v1 hierarchy and makes directories there; they shall go with this namespace.
  mount({ source: "tmpfs", target: unified, type: "tmpfs", flags: MS_NOSUID | MS_NODEV | MS_NOEXEC, data: "size=1m,nr_inodes=4096,mode=755" });
}

/** Runs `use` without the v2 tree; what it starts stays there, we come back. */
export function withoutUnified<T>(use: () => T): T {
  return withMountNamespace("new", () => {
    hide();
    return use();
  });
}

export interface Entrance {
  /** Program and arguments; what shall run there follows. */
  readonly argv: readonly string[];
  /** To be called when all that enters has entered. */
  close(): void;
}

/**
 * A way for another process into a mount namespace without the v2 tree. It leads by a handle of ours: nsenter opens it by
 * our process ID, and closes it before it becomes what follows, so no handle of any namespace is passed on.
 */
export function entranceWithoutUnified(): Entrance {
  const nsenter = findProgram("nsenter");
  if (!nsenter) {
    throw new Fault("component.missing", 'cannot run crun on hybrid cgroups: "nsenter" not found', { hint: "install it with: apt-get install util-linux" });
  }
  const handle = openHidden();
  return handle === undefined
    ? { argv: ["/bin/sh", "-c", byShell], close: () => {} }
    : { argv: [nsenter, `--mount=/proc/${process.pid}/fd/${handle}`], close: () => closeQuietly(handle) };
}

/** For a program that was put into another root: entering a namespace would lead out of that root. Three processes more. */
const byShell = `exec unshare --mount --propagation unchanged /bin/sh -c 'mount --make-private ${cgroups} && umount ${unified} &&`
  + ` mount -t tmpfs -o nosuid,nodev,noexec,size=1m tmpfs ${unified} && exec "$0" "$@"' "$0" "$@"`;

const triesMax = 64;

function openHidden(): number | undefined {
  for (let left = triesMax; ; left--) {
    try {
      return openHiddenOnce();
    } catch (thrown) {
      // A thread of ours that starts at this very moment shares our directories, and the kernel refuses to move us.
      if (errnoOf(thrown) !== "EINVAL" || left === 0) throw thrown;
    }
  }
}

function openHiddenOnce(): number | undefined {
  const ours = findStat(AT_FDCWD, "/");
  const home = openNamespace("mnt");
  try {
    return withMountNamespace(home, () => {
      // Entering our own namespace leads to its root: another one than ours means that we were in a changed root.
      const its = findStat(AT_FDCWD, "/");
      if (ours?.ino !== its?.ino || ours?.dev !== its?.dev) return undefined;
      unshare(CLONE_NEWNS);
      hide();
      return openNamespace("mnt");
    });
  } finally {
    closeQuietly(home);
  }
}
