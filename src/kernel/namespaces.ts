// Namespaces of this thread: leaving and entering them, and network namespaces that have a name.
// Source: unshare(2), setns(2), namespaces(7), ip-netns(8) for the form of a named one, netdevice(7).
// Only for synchronous work: after an await another piece of the program may run in the wrong namespace, and
// functions that use the thread pool (fs.promises) are never in it.

import { putBytes, putPath, scoped } from "./arena.ts";
import { before, inChild, type ChildCall } from "./brief-child.ts";
import { AT_FDCWD, close, closeQuietly, O_CREAT, O_EXCL, O_RDONLY, openat2, openDirectory, unlinkat } from "./files.ts";
import { MNT_DETACH, mount, MS_BIND, setPropagation } from "./mount-calls.ts";
import { call, check, type Path } from "./syscall.ts";

export const CLONE_FS = 0x200;
export const CLONE_NEWTIME = 0x80;
export const CLONE_NEWNS = 0x20000;
export const CLONE_NEWCGROUP = 0x2000000;
export const CLONE_NEWUTS = 0x4000000;
export const CLONE_NEWIPC = 0x8000000;
export const CLONE_NEWUSER = 0x10000000;
export const CLONE_NEWPID = 0x20000000;
export const CLONE_NEWNET = 0x40000000;

export type NamespaceKind = "mnt" | "net" | "ipc" | "uts" | "cgroup" | "pid" | "user" | "time";

/** Moves this thread, and what it spawns from now on, into new namespaces. */
export function unshare(flags: number): void {
  check(call("unshare", flags), "leave a namespace");
}

/** Moves this thread into the namespace behind a handle; `kind` is its CLONE_NEW… or 0 for any. */
export function setns(fd: number, kind = 0): void {
  check(call("setns", fd, kind), "enter a namespace");
}

/** A handle on a namespace of this thread, or of the process `pid`; the caller closes. */
export function openNamespace(kind: NamespaceKind, pid?: number): number {
  const owner = pid === undefined ? "thread-self" : String(pid);
  return openat2(AT_FDCWD, `/proc/${owner}/ns/${kind}`, { flags: O_RDONLY });
}

/**
 * Runs `use` in another mount namespace, the one behind a handle or a new private copy of ours, and comes back.
 * From the first call on this thread has a working directory and umask apart from the pool's threads.
 */
export function withMountNamespace<T>(which: number | "new", use: () => T): T {
  unshare(CLONE_FS);
  const home = openNamespace("mnt");
  const root = openDirectory("/");
  const cwd = openDirectory(".");
  try {
    if (which === "new") {
      unshare(CLONE_NEWNS);
    } else {
      setns(which, CLONE_NEWNS);
    }
    try {
      if (which === "new") setPropagation("/", "private", true);
      return use();
    } finally {
      comeHome(home, root, cwd);
    }
  } finally {
    for (const fd of [home, root, cwd]) closeQuietly(fd);
  }
}

const threadStartsMax = 64;
const einval = 22;

/** Entering a mount namespace resets root and working directory to its own, so both are set again. */
function comeHome(home: number, root: number, cwd: number): void {
  // A thread that was started meanwhile shares our directories again, and the kernel refuses to move us then.
  // One may start between the two calls, too.
  for (let left = threadStartsMax; ; left--) {
    unshare(CLONE_FS);
    const result = call("setns", home, CLONE_NEWNS);
    if (result === -einval && left > 0) continue;
    check(result, "return to the mount namespace");
    break;
  }
  check(call("fchdir", root), "return to the root directory");
  scoped(() => check(call("chroot", putPath(".")), "return to the root directory"));
  check(call("fchdir", cwd), "return to the working directory");
}

/** Runs `use` in the network namespace that `path` names; children that `use` spawns are in it too. */
export function inNetns<T>(path: Path, use: () => T): T {
  const there = openat2(AT_FDCWD, path, { flags: O_RDONLY });
  try {
    return inOtherNetns(() => setns(there, CLONE_NEWNET), use);
  } finally {
    closeQuietly(there);
  }
}

function inOtherNetns<T>(leave: () => void, use: () => T): T {
  const home = openNamespace("net");
  try {
    leave();
    try {
      return use();
    } finally {
      setns(home, CLONE_NEWNET);
    }
  } finally {
    closeQuietly(home);
  }
}

/** Names the machine in the UTS namespace of a process. */
export function setHostname(pid: number, name: string): void {
  const there = openNamespace("uts", pid);
  const home = openNamespace("uts");
  try {
    setns(there, CLONE_NEWUTS);
    try {
      scoped(() => check(call("sethostname", putPath(name), new TextEncoder().encode(name).length), "set the host name", name));
    } finally {
      setns(home, CLONE_NEWUTS);
    }
  } finally {
    for (const fd of [there, home]) closeQuietly(fd);
  }
}

/**
 * Makes a network namespace that lives as long as the file `path` is mounted, with its loopback up.
 * The file must not exist; its directory must.
 *
 * @throws Fault "system.exists" when the name is taken
 */
export function createNamedNetns(path: Path): void {
  close(openat2(AT_FDCWD, path, { flags: O_RDONLY | O_CREAT | O_EXCL, mode: 0o444 }));
  try {
    inOtherNetns(
      () => unshare(CLONE_NEWNET),
      () => {
        bringLoopbackUp();
        mount({ source: "/proc/thread-self/ns/net", target: path, flags: MS_BIND });
      },
    );
  } catch (thrown) {
    unlinkat(AT_FDCWD, path);
    throw thrown;
  }
}

/** Lets a named network namespace go; false where there was none. It lives on while a process is in it. */
export function removeNamedNetns(path: Path): boolean {
  const enoent = 2;
  const unmounted = scoped(() => call("umount2", putPath(path), MNT_DETACH));
  if (unmounted === -enoent) return false;
  if (unmounted !== -einval) check(unmounted, "unmount", path);
  const removed = scoped(() => call("unlinkat", AT_FDCWD, putPath(path)));
  if (removed === -enoent) return false;
  return check(removed, "remove", path) === 0;
}

const inet = 2;
const datagramCloexec = 2 | 0o2000000;
const setFlags = 0x8914;

/** Sets the loopback device of this thread's network namespace up. */
export function bringLoopbackUp(): void {
  const socket = check(call("socket", inet, datagramCloexec), "open a socket");
  try {
    scoped(() => check(call("ioctl", socket, setFlags, loopbackUp()), "set up the network device", "lo"));
  } finally {
    closeQuietly(socket);
  }
}

/** The same by a child in its own. @param request the address of `loopbackUp()` */
const loopbackCalls = (request: number): ChildCall[] => [["socket", inet, datagramCloexec, 0], ["ioctl", before, setFlags, request]];

/** The address of a request that the device "lo" be up; of its other flags the kernel lets nobody change any. */
function loopbackUp(): number {
  const up = 1;
  const bytes = new Uint8Array(40);
  bytes.set([0x6c, 0x6f]);
  bytes[16] = up;
  return putBytes(bytes);
}

/**
 * As createNamedNetns, by a child, for who cannot come back to the namespace he is in, having no rights over it.
 * False where this machine needs another way.
 */
export function createNetnsByChild(path: Path): boolean {
  return scoped(() => inChild(CLONE_NEWNET, [
    ...loopbackCalls(loopbackUp()), ["mount", putPath("/proc/thread-self/ns/net"), putPath(path), 0, MS_BIND, 0],
  ], "make a network namespace"));
}

/** Sets the loopback device of the namespace that `path` names up, by a child. False where this machine needs another way. */
export function bringLoopbackUpByChild(path: Path): boolean {
  const there = openat2(AT_FDCWD, path, { flags: O_RDONLY });
  try {
    return scoped(() => inChild(0, [["setns", there, CLONE_NEWNET], ...loopbackCalls(loopbackUp())], "set up the loopback of a network namespace"));
  } finally {
    closeQuietly(there);
  }
}

/** Leaves this thread in a new mount namespace whose mounts do not reach the old one. */
export function enterPrivateMountNamespace(): void {
  unshare(CLONE_NEWNS);
  setPropagation("/", "slave", true);
}
