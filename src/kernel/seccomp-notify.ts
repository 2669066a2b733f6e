// A filter's listener: each system call that waits for an answer, and the answer that lets it go on.
// Source: seccomp_unotify(2).

import { CString, dlopen, type Pointer } from "bun:ffi";
import { Fault } from "../base/fault.ts";
import { scoped, take } from "./arena.ts";
import { call, check } from "./syscall.ts";

export interface Notified {
  /** For the answer. */
  readonly id: bigint;
  /** In our process namespace; 0 where it cannot be seen from there. */
  readonly pid: number;
  readonly number: number;
  /** AUDIT_ARCH_… */
  readonly architecture: number;
}

const receiveRequest = 0xc050_2100;
const sendRequest = 0xc018_2101;
const noticeBytes = 80;
const answerBytes = 24;
const continues = 1;
const enoent = 2;
const eintr = 4;

/** Waits for the next call; undefined where the caller was gone before we looked. */
export function receiveNotice(listener: number): Notified | undefined {
  return scoped(({ base, view }) => {
    const at = take(noticeBytes);
    const result = call("ioctl", listener, receiveRequest, base + at);
    if (result === -enoent || result === -eintr) return undefined;
    check(result, "receive from a seccomp listener");
    return { id: view.getBigUint64(at, true), pid: view.getUint32(at + 8, true), number: view.getInt32(at + 16, true), architecture: view.getUint32(at + 20, true) };
  });
}

/** The call goes on as if there were no filter. A caller that is gone by now is no error. */
export function letContinue(listener: number, { id }: Notified): void {
  scoped(({ base, view }) => {
    const at = take(answerBytes);
    view.setBigUint64(at, id, true);
    view.setUint32(at + 20, continues, true);
    const result = call("ioctl", listener, sendRequest, base + at);
    if (result !== -enoent) check(result, "answer a seccomp listener");
  });
}

/** AUDIT_ARCH_… to libseccomp's SCMP_ARCH_…, which are the same numbers but for x32. */
const x32Bit = 0x4000_0000;
const scmpX32 = 0x4000_003e;

function openSeccomp() {
  return dlopen("libseccomp.so.2", {
    seccomp_syscall_resolve_num_arch: { args: ["u32", "i32"], returns: "ptr" },
  }).symbols;
}

let library: ReturnType<typeof openSeccomp> | undefined;

/** "openat" for 257 of x86_64; undefined for a number that the library does not know. @throws Fault "component.missing" */
export function systemCallName(architecture: number, number: number): string | undefined {
  const isX32 = architecture === 0xc000_003e && (number & x32Bit) !== 0;
  const found = (library ??= load()).seccomp_syscall_resolve_num_arch(isX32 ? scmpX32 : architecture, number) as Pointer | null;
  return found === null ? undefined : new CString(found).toString();
}

const numbersMax = 1024;
const native = process.arch === "arm64" ? 0xc000_00b7 : 0xc000_003e;

/** All that this machine's kernel and the library both know. */
export function systemCallNames(): string[] {
  return Array.from({ length: numbersMax }, (_, number) => systemCallName(native, number)).filter(name => name !== undefined);
}

function load(): ReturnType<typeof openSeccomp> {
  try {
    return openSeccomp();
  } catch (cause) {
    throw new Fault("component.missing", "cannot name system calls: libseccomp.so.2 is not there", { cause, hint: "install it with: apt-get install libseccomp2" });
  }
}
