// A file system in the making: configured key by key, then turned into a detached mount.
// Source: fsopen(2), fsconfig(2), fsmount(2).

import { putPath, scoped, takeDirty } from "./arena.ts";
import { showPath } from "./errno.ts";
import { call, callFault, check, type Path } from "./syscall.ts";

const setFlag = 0;
const setString = 1;
const create = 6;
const cloexec = 1;

/** A configuration handle for a file system type; the caller closes. */
export function fsopen(type: string): number {
  return scoped(() => check(call("fsopen", putPath(type), cloexec), "open a file system of type", type));
}

/** Sets one option: a string (at most 255 bytes), or a bare flag for `true`. */
export function fsconfig(fd: number, key: string, value: Path | true): void {
  const result = tryFsconfig(fd, key, value);
  if (result >= 0) return;
  const to = value === true ? "" : ` to "${showPath(value)}"`;
  throw withKernelLog(fd, result, `set the mount option ${key}${to}`);
}

/** As `fsconfig`, but returns -errno. */
export function tryFsconfig(fd: number, key: string, value: Path | true): number {
  return scoped(() => {
    if (value === true) return call("fsconfig", fd, setFlag, putPath(key));
    return call("fsconfig", fd, setString, putPath(key), putPath(value));
  });
}

/** Makes the file system as configured; returns its detached mount, which the caller closes. `attributes`: MOUNT_ATTR_… */
export function fsmount(fd: number, attributes = 0): number {
  const made = call("fsconfig", fd, create);
  if (made < 0) throw withKernelLog(fd, made, "make the file system");
  const mounted = call("fsmount", fd, cloexec, attributes);
  if (mounted < 0) throw withKernelLog(fd, mounted, "mount the file system");
  return mounted;
}

const logBytesMax = 4096;
const logLinesMax = 16;

/** The kernel's own words, which it keeps as lines such as "e overlay: No changes allowed in reconfigure". */
function withKernelLog(fd: number, result: number, attempt: string): Error {
  const lines: string[] = [];
  scoped(({ base, bytes }) => {
    const at = takeDirty(logBytesMax);
    for (let size; lines.length < logLinesMax && (size = call("read", fd, base + at, logBytesMax)) > 0; ) {
      lines.push(new TextDecoder().decode(bytes.subarray(at, at + size)).trim().replace(/^[ewi] /, ""));
    }
  });
  return callFault(-result, lines.length === 0 ? attempt : `${attempt} (${lines.join("; ")})`);
}
