// Extended attributes, whose values are bytes of any kind.
// Source: xattr(7), getxattr(2), listxattr(2).

import { putBytes, putPath, scoped, takeDirty } from "./arena.ts";
import { call, callFault, check, type Path } from "./syscall.ts";

/** A path (its final symbolic link is not followed), or an open handle that was not opened with O_PATH. */
export type XattrTarget = Path | number;

/** The kernel's own bound on one value and on the list of names (XATTR_SIZE_MAX, XATTR_LIST_MAX). */
const valueBytesMax = 64 * 1024;
const enodata = 61;
const eopnotsupp = 95;

/** The value, or undefined where there is none or the file system has no such attributes. */
export function getXattr(target: XattrTarget, name: string): Uint8Array | undefined {
  return scoped(({ base, bytes }) => {
    const at = takeDirty(valueBytesMax);
    const key = putPath(name);
    const result =
      typeof target === "number"
        ? call("fgetxattr", target, key, base + at, valueBytesMax)
        : call("lgetxattr", putPath(target), key, base + at, valueBytesMax);
    if (result === -enodata || result === -eopnotsupp) return undefined;
    check(result, `read the attribute ${name} of`, shown(target));
    return bytes.slice(at, at + result);
  });
}

export type XattrExpectation = "new" | "existing";

export function setXattr(target: XattrTarget, name: string, value: Uint8Array, expect?: XattrExpectation): void {
  if (value.length > valueBytesMax) throw callFault(7, `set the attribute ${name} of`, shown(target));
  scoped(() => {
    const key = putPath(name);
    const flags = expect === "new" ? 1 : expect === "existing" ? 2 : 0;
    const from = putBytes(value);
    const result =
      typeof target === "number"
        ? call("fsetxattr", target, key, from, value.length, flags)
        : call("lsetxattr", putPath(target), key, from, value.length, flags);
    check(result, `set the attribute ${name} of`, shown(target));
  });
}

/** For loops over many files: 0, or the kernel's negative number, and nothing is thrown. */
export function giveXattr(path: Path, name: string, value: Uint8Array): number {
  return scoped(() => call("lsetxattr", putPath(path), putPath(name), putBytes(value), value.length, 0));
}

/** False also where it cannot be read. */
export function hasXattr(path: Path, name: string, value: Uint8Array): boolean {
  return scoped(({ base, bytes }) => {
    const [target, key, at] = [putPath(path), putPath(name), takeDirty(value.length + 1)];
    const length = call("lgetxattr", target, key, base + at, value.length + 1);
    return length === value.length && isEqual(bytes, at, value);
  });
}

function isEqual(bytes: Uint8Array, offset: number, value: Uint8Array): boolean {
  for (let at = 0; at < value.length; at++) if (bytes[offset + at] !== value[at]) return false;
  return true;
}

/** The names in the file system's order; none where it has no attributes at all. */
export function listXattrs(target: XattrTarget): string[] {
  return scoped(({ base, bytes }) => {
    const at = takeDirty(valueBytesMax);
    const result =
      typeof target === "number"
        ? call("flistxattr", target, base + at, valueBytesMax)
        : call("llistxattr", putPath(target), base + at, valueBytesMax);
    if (result === -eopnotsupp || result === 0) return [];
    check(result, "list the attributes of", shown(target));
    return new TextDecoder().decode(bytes.subarray(at, at + result - 1)).split("\0");
  });
}

/** Removes an attribute; false where it was not there. */
export function removeXattr(target: XattrTarget, name: string): boolean {
  return scoped(() => {
    const key = putPath(name);
    const result =
      typeof target === "number"
        ? call("fremovexattr", target, key)
        : call("lremovexattr", putPath(target), key);
    if (result === -enodata) return false;
    return check(result, `remove the attribute ${name} of`, shown(target)) === 0;
  });
}

const shown = (target: XattrTarget): Path => (typeof target === "number" ? `handle ${target}` : target);
