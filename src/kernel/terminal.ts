// Terminals: raw mode and back, the window's size, pseudo terminals.
// Source: ioctl_tty(2), termios(3), pts(4). Not node:tty, whose import alone costs milliseconds.

import { scoped, take, takeDirty } from "./arena.ts";
import { AT_FDCWD, closeQuietly, O_NOCTTY, O_RDWR, openat2 } from "./files.ts";
import { call, check } from "./syscall.ts";

const getAttributes = 0x5401;
const setAttributesNow = 0x5402;
const setAttributesDrained = 0x5403;
const getWindow = 0x5413;
const setWindow = 0x5414;
const termiosBytes = 36;

/** Whether `fd` is a terminal. */
export function isTerminal(fd: number): boolean {
  return scoped(({ base }) => call("ioctl", fd, getAttributes, base + takeDirty(termiosBytes)) === 0);
}

/** The terminal's settings, opaque, for `tcsetattr`. */
export function tcgetattr(fd: number): Uint8Array {
  return scoped(({ base, bytes }) => {
    const at = take(termiosBytes);
    check(call("ioctl", fd, getAttributes, base + at), "read the settings of the terminal");
    return bytes.slice(at, at + termiosBytes);
  });
}

/** Sets what `tcgetattr` gave, at once or after the output has gone out. */
export function tcsetattr(fd: number, settings: Uint8Array, when: "now" | "drained" = "drained"): void {
  scoped(({ base, bytes }) => {
    const at = take(termiosBytes);
    bytes.set(settings.subarray(0, termiosBytes), at);
    const request = when === "now" ? setAttributesNow : setAttributesDrained;
    check(call("ioctl", fd, request, base + at), "change the settings of the terminal");
  });
}

/** Raw settings made from others, as cfmakeraw(3) does. */
export function rawSettings(settings: Uint8Array): Uint8Array {
  const raw = settings.slice();
  const view = new DataView(raw.buffer);
  const clear = (offset: number, bits: number): void => {
    view.setUint32(offset, view.getUint32(offset, true) & ~bits, true);
  };
  // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
  clear(0, 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000);
  clear(4, 0o1); // OPOST
  clear(8, 0o60 | 0o400); // CSIZE PARENB
  view.setUint32(8, view.getUint32(8, true) | 0o60, true); // CS8
  clear(12, 0o10 | 0o100 | 0o2 | 0o1 | 0o100000); // ECHO ECHONL ICANON ISIG IEXTEN
  raw[controlCharacters + 6] = 1; // VMIN
  raw[controlCharacters + 5] = 0; // VTIME
  return raw;
}
const controlCharacters = 17;

/** Puts the terminal into raw mode; the returned function puts it back and may be called more than once. */
export function makeRaw(fd: number): () => void {
  const before = tcgetattr(fd);
  tcsetattr(fd, rawSettings(before));
  let raw = true;
  return () => {
    if (raw) tcsetattr(fd, before);
    raw = false;
  };
}

export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** The window's size, or undefined where `fd` is no terminal. */
export function windowSize(fd: number): WindowSize | undefined {
  return scoped(({ base, view }) => {
    const at = take(8);
    if (call("ioctl", fd, getWindow, base + at) < 0) return undefined;
    return { rows: view.getUint16(at, true), columns: view.getUint16(at + 2, true) };
  });
}

export function setWindowSize(fd: number, size: WindowSize): void {
  scoped(({ base, view }) => {
    const at = take(8);
    view.setUint16(at, size.rows, true);
    view.setUint16(at + 2, size.columns, true);
    check(call("ioctl", fd, setWindow, base + at), "set the size of the terminal");
  });
}

/** A new pseudo terminal: the side we hold, and the side a program runs on. The caller closes both. */
export function openPty(): { readonly master: number; readonly terminal: number } {
  const unlock = 0x40045431;
  const openPeer = 0x5441;
  const master = openat2(AT_FDCWD, "/dev/ptmx", { flags: O_RDWR | O_NOCTTY });
  try {
    scoped(({ base }) => check(call("ioctl", master, unlock, base + take(4)), "unlock a pseudo terminal"));
    const flags = O_RDWR | O_NOCTTY | 0o2000000;
    return { master, terminal: check(call("ioctl", master, openPeer, flags), "open a pseudo terminal") };
  } catch (thrown) {
    closeQuietly(master);
    throw thrown;
  }
}
