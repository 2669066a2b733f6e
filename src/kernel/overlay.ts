// Overlay mounts of many layers, by option handles where the kernel has them and by mount(2) where not.
// Source: Documentation/filesystems/overlayfs.rst.

import { Fault } from "../base/fault.ts";
import { fsconfig, fsmount, fsopen, tryFsconfig } from "./filesystem.ts";
import { AT_FDCWD, closeQuietly, handlePath, O_PATH, openat2, openDirectory } from "./files.ts";
import * as calls from "./mount-calls.ts";
import { call, check, type Path } from "./syscall.ts";

export interface OverlayOptions {
  /** Keeps overlay's marks in user.overlay.* attributes: needed in a user namespace. */
  readonly userxattr?: boolean;
  /** Keeps hard links whole over copy-up. */
  readonly index?: boolean;
  readonly metacopy?: boolean;
  readonly redirectDir?: "on" | "off" | "follow" | "nofollow";
  readonly xino?: "on" | "off" | "auto";
  /** Never syncs: fast, and after a crash the upper directory is waste. */
  readonly volatile?: boolean;
  /** An SELinux label for the whole mount. */
  readonly context?: string;
  readonly readOnly?: boolean;
  readonly noDevices?: boolean;
  readonly noSetuid?: boolean;
}

export interface OverlayMount {
  /** Top layer first; at most 500, the kernel's own bound. */
  readonly lower: readonly Path[];
  /** Seen by nobody, but where files of the layers refer to them (Linux 6.16 for ordinary users). */
  readonly data?: readonly Path[];
  /** Both or neither, on one file system; without them the mount is read-only. */
  readonly upper?: Path;
  readonly work?: Path;
  readonly options?: OverlayOptions;
}

const lowersMax = 500;
const einval = 22;

/** Mounts the layers at `target`; one layer without an upper directory becomes a read-only bind mount of it. */
export function mountOverlay(overlay: OverlayMount & { readonly target: Path }): void {
  const fd = createOverlay(overlay);
  if (fd === undefined) return mountOverlayByOldCall(overlay);
  try {
    calls.moveMount(fd, overlay.target);
  } finally {
    closeQuietly(fd);
  }
}

/**
 * The layers as a detached mount, to be placed by `moveMount` and closed by the caller;
 * undefined where the kernel cannot take layers one by one (before Linux 6.7).
 */
export function createOverlay(overlay: OverlayMount): number | undefined {
  refuseWrong(overlay);
  if (overlay.lower.length === 1 && overlay.upper === undefined && overlay.data === undefined) return readOnlyTree(overlay.lower[0]!);
  const fd = fsopen("overlay");
  try {
    if (!addLayers(fd, overlay.lower)) return undefined;
    for (const data of overlay.data ?? []) setDirectory(fd, "datadir+", data);
    if (overlay.upper !== undefined) setDirectory(fd, "upperdir", overlay.upper);
    if (overlay.work !== undefined) setDirectory(fd, "workdir", overlay.work);
    for (const [key, value] of overlayOptions(overlay.options)) fsconfig(fd, key, value);
    return fsmount(fd, attributes(overlay.options));
  } finally {
    closeQuietly(fd);
  }
}

function readOnlyTree(layer: Path): number {
  const tree = calls.openTree(AT_FDCWD, layer, { clone: true });
  calls.setMountAttributes(tree, { set: calls.MOUNT_ATTR_RDONLY });
  return tree;
}

function addLayers(fd: number, lower: readonly Path[]): boolean {
  const first = withPlainName(lower[0]!, (name) => tryFsconfig(fd, "lowerdir+", name));
  if (first === -einval && isUnknownParameter(fd)) return false;
  if (first < 0) setDirectory(fd, "lowerdir+", lower[0]!);
  for (const layer of lower.slice(1)) setDirectory(fd, "lowerdir+", layer);
  return true;
}

const setDirectory = (fd: number, key: string, path: Path): void =>
  withPlainName(path, (name) => fsconfig(fd, key, name));

const valueBytesMax = 255;

/** Gives `use` a name that fits an option: paths too long or with overlay's own separators go by a handle. */
function withPlainName<T>(path: Path, use: (name: Path) => T): T {
  const text = typeof path === "string" ? path : new TextDecoder("latin1").decode(path);
  if (new TextEncoder().encode(text).length <= valueBytesMax && !/[:,\\]/.test(text)) return use(path);
  const handle = openat2(AT_FDCWD, path, { flags: O_PATH });
  try {
    return use(handlePath(handle));
  } finally {
    closeQuietly(handle);
  }
}

/** A key that this kernel does not have fails for any value, also for one that could only fail as ENOENT. */
const isUnknownParameter = (fd: number): boolean => tryFsconfig(fd, "lowerdir+", "/proc/self/fd/-1") === -einval;

function overlayOptions(options: OverlayOptions = {}): [key: string, value: string | true][] {
  const list: [string, string | true][] = [];
  const onOff = (key: string, value: boolean | undefined): void => {
    if (value !== undefined) list.push([key, value ? "on" : "off"]);
  };
  if (options.userxattr) list.push(["userxattr", true]);
  onOff("index", options.index);
  onOff("metacopy", options.metacopy);
  if (options.redirectDir) list.push(["redirect_dir", options.redirectDir]);
  if (options.xino) list.push(["xino", options.xino]);
  if (options.volatile) list.push(["volatile", true]);
  if (options.context) list.push(["context", options.context]);
  return list;
}

function attributes({ readOnly, noDevices, noSetuid }: OverlayOptions = {}): number {
  const device = noDevices ? calls.MOUNT_ATTR_NODEV : 0;
  return (readOnly ? calls.MOUNT_ATTR_RDONLY : 0) | device | (noSetuid ? calls.MOUNT_ATTR_NOSUID : 0);
}

/**
 * By mount(2), whose options fit one page: layers are named by the numbers of their handles, seen from /proc/self/fd.
 * Exported for its test on kernels that have the better way.
 */
export function mountOverlayByOldCall(overlay: OverlayMount & { readonly target: Path }): void {
  refuseWrong(overlay);
  const handles: number[] = [];
  const handleOf = (path: Path): number => {
    const handle = openat2(AT_FDCWD, path, { flags: O_PATH });
    handles.push(handle);
    return handle;
  };
  try {
    const only = (overlay.data ?? []).map(path => `::${handleOf(path)}`).join("");
    const data = [`lowerdir=${overlay.lower.map(handleOf).join(":")}${only}`];
    if (overlay.upper !== undefined) data.push(`upperdir=${handleOf(overlay.upper)}`);
    if (overlay.work !== undefined) data.push(`workdir=${handleOf(overlay.work)}`);
    for (const [key, value] of overlayOptions(overlay.options)) {
      data.push(value === true ? key : `${key}=${quoted(key, value)}`);
    }
    const target = handlePath(handleOf(overlay.target));
    const { readOnly, noDevices, noSetuid } = overlay.options ?? {};
    const device = noDevices ? calls.MS_NODEV : 0;
    const flags = (readOnly ? calls.MS_RDONLY : 0) | device | (noSetuid ? calls.MS_NOSUID : 0);
    inHandleDirectory(() => calls.mount({ source: "overlay", target, type: "overlay", flags, data: data.join(",") }));
  } finally {
    for (const handle of handles) closeQuietly(handle);
  }
}

/** A label holds commas, which would end the option; the security module takes the quotes off. */
const quoted = (key: string, value: string): string => (key === "context" ? `"${value}"` : value);

function inHandleDirectory(use: () => void): void {
  const before = openDirectory(".");
  const handles = openDirectory("/proc/self/fd");
  try {
    check(call("fchdir", handles), "enter the directory", "/proc/self/fd");
    use();
  } finally {
    call("fchdir", before);
    closeQuietly(handles);
    closeQuietly(before);
  }
}

function refuseWrong({ lower, upper, work }: OverlayMount): void {
  if (lower.length === 0 || lower.length > lowersMax) {
    throw new Fault("usage.unsupported", `cannot mount ${lower.length} layers: a mount takes 1 to ${lowersMax}`);
  }
  if ((upper === undefined) !== (work === undefined)) {
    throw new Fault("usage.invalid", "cannot mount layers: upper and work directory belong together");
  }
}
