// The door to the kernel: one machine-code thunk that enters it and returns -errno, made on first use.
// Source: syscall(2) "Architecture calling conventions"; System V ABI; AAPCS64.

import { dlopen, FFIType, linkSymbols, ptr, toArrayBuffer } from "bun:ffi";
import type { Pointer } from "bun:ffi";
import { Fault } from "../base/fault.ts";
import { callFault } from "./errno.ts";
import { numbers, type SyscallName } from "./numbers.ts";

export { callFault, errnoName, errnoNumber, errnoText } from "./errno.ts";

/** A path as the kernel sees it; bytes where a name need not be UTF-8. */
export type Path = string | Uint8Array;

type Argument = number | bigint;
type Enter = (...args: [Argument, Argument, Argument, Argument, Argument, Argument, Argument]) => number;

const arch = process.arch === "arm64" ? 1 : 0;
let enter: Enter | undefined;

/** Enters the kernel; negative results are -errno. Arguments left out are 0. */
export function call(
  name: SyscallName,
  a: Argument = 0,
  b: Argument = 0,
  c: Argument = 0,
  d: Argument = 0,
  e: Argument = 0,
  f: Argument = 0,
): number {
  return (enter ??= makeThunk())(numbers[name][arch], a, b, c, d, e, f);
}

/** Passes a good result on; throws the fault `cannot <attempt> "<value>": <reason>` for -errno. */
export function check(result: number, attempt: string, value?: Path): number {
  if (result < 0) throw callFault(-result, attempt, value);
  return result;
}

/** The address of the first byte of `bytes`, good until the next touch of `bytes.buffer` or its end; 0 when empty. */
export function address(bytes: Uint8Array): number {
  return bytes.byteLength === 0 ? 0 : ptr(bytes);
}

/** Writes the thunk into a fresh page, which then becomes executable and read-only. */
function makeThunk(): Enter {
  const libc = openLibc();
  const readWrite = 3;
  const readExecute = 5;
  const privateAnonymous = 0x22;
  const page = libc.mmap(0, 4096, readWrite, privateAnonymous, -1, 0);
  if (page === null || Number(page) < 0) throw new Fault("system.failed", "cannot map a page for system calls");
  new Uint8Array(toArrayBuffer(page, 0, 4096)).set(machineCode());
  if (libc.mprotect(Number(page), 4096, readExecute) !== 0) {
    throw new Fault("system.denied", "cannot make the page for system calls executable", {
      hint: "allow executable memory for this program, for instance by an SELinux rule for execmem",
    });
  }
  const { i64, i64_fast: returns } = FFIType;
  const linked = linkSymbols({
    enter: { ptr: page, args: [i64, i64, i64, i64, i64, i64, i64], returns },
  });
  return linked.symbols.enter as unknown as Enter;
}

function openLibc() {
  try {
    return dlopen("libc.so.6", {
      mmap: { args: ["u64", "u64", "i32", "i32", "i32", "i64"], returns: "ptr" },
      mprotect: { args: ["u64", "u64", "i32"], returns: "i32" },
    }).symbols;
  } catch (cause) {
    throw new Fault("system.denied", "cannot make code at run time: the system denies this program executable memory; where that is SELinux, allow it by: udica --engine-policy", { cause });
  }
}

function machineCode(): Uint8Array {
  if (arch === 1) {
    // mov x8,x0 · mov x0,x1 · … · mov x5,x6 · svc #0 · ret
    const words = [0xaa0003e8, 0xaa0103e0, 0xaa0203e1, 0xaa0303e2, 0xaa0403e3, 0xaa0503e4, 0xaa0603e5];
    return new Uint8Array(new Uint32Array([...words, 0xd4000001, 0xd65f03c0]).buffer);
  }
  // mov rax,rdi · rdi,rsi · rsi,rdx · rdx,rcx · r10,r8 · r8,r9 · r9,[rsp+8] · syscall · ret
  return new Uint8Array([
    0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x48, 0x89, 0xca, 0x4d, 0x89, 0xc2, 0x4d, 0x89, 0xc8, 0x4c,
    0x8b, 0x4c, 0x24, 0x08, 0x0f, 0x05, 0xc3,
  ]);
}

/** Maps `size` bytes that never move and are never collected. */
export function mapMemory(size: number): { readonly base: number; readonly bytes: Uint8Array } {
  const base = check(call("mmap", 0, size, 3, 0x22, -1, 0), "map memory");
  return { base, bytes: new Uint8Array(toArrayBuffer(base as Pointer, 0, size)) };
}

/** Maps what `fd` shows, to be read and written; `unmap` frees it, after which nothing may touch the bytes. */
export function mapShared(fd: number, size: number): { readonly base: number; readonly bytes: Uint8Array } {
  const base = check(call("mmap", 0, size, 3, 1, fd, 0), "map a file");
  return { base, bytes: new Uint8Array(toArrayBuffer(base as Pointer, 0, size)) };
}

export function unmap(base: number, size: number): void {
  check(call("munmap", base, size), "unmap memory");
}
