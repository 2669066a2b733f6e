// The door to the kernel: one machine-code thunk that enters it and returns -errno, made on first use.
// Source: syscall(2) "Architecture calling conventions"; System V ABI; AAPCS64.

import { readFileSync } from "node:fs";
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
let page = 0;
/** Where in the thunk's page the code lies that ends a thread, and that of a child. */
const threadEndAt = 128;
const childAt = 256;

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
  const mapped = libc.mmap(0, 4096, readWrite, privateAnonymous, -1, 0);
  if (mapped === null || Number(mapped) < 0) throw new Fault("system.failed", "cannot map a page for system calls");
  const bytes = new Uint8Array(toArrayBuffer(mapped, 0, 4096));
  bytes.set(machineCode());
  bytes.set(threadEndCode(), threadEndAt);
  bytes.set(childCode(), childAt);
  page = Number(mapped);
  if (libc.mprotect(page, 4096, readExecute) !== 0) {
    throw new Fault("system.denied", "cannot make the page for system calls executable", {
      hint: "allow executable memory for this program, for instance by an SELinux rule for execmem",
    });
  }
  const { i64, i64_fast: returns } = FFIType;
  const linked = linkSymbols({
    enter: { ptr: mapped, args: [i64, i64, i64, i64, i64, i64, i64], returns },
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
    const limit = memoryLimit();
    if (limit) throw new Fault("system.failed", `cannot start: a limit allows this program too little memory to set aside (${limit}); raise it by ulimit`, { cause });
    throw new Fault("system.denied", "cannot make code at run time: the system denies this program executable memory; where that is SELinux, allow it by: udica --engine-policy", { cause });
  }
}

/** What limits the memory that we may set aside, as the kernel words it. */
function memoryLimit(): string | undefined {
  const lines = readFileSync("/proc/self/limits", "utf8").split("\n");
  const found = lines.find(line => /^Max (address space|data size) +\d/.test(line));
  return found === undefined ? undefined : `${/^Max ([a-z ]+?) {2,}/.exec(found)![1]}: ${/\d+/.exec(found)![0]} bytes`;
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

/**
 * The handler of a signal that ends the thread it comes to, and no other, where that thread sat in a call that waits; elsewhere it
 * may hold a lock, and goes on. `back` is for SA_RESTORER. Undefined where we have no such code.
 */
export function threadEnd(): { readonly handler: number; readonly back: number } | undefined {
  if (arch === 1) return undefined;
  enter ??= makeThunk();
  return { handler: page + threadEndAt, back: page + threadEndAt + threadBackAt };
}

const threadBackAt = 64;

/** The third argument is the thread's context: rax is at 144 of it, rip at 168; -4 is EINTR, and 0f 05 is `syscall`. exit(2) is not exit_group(2). */
function threadEndCode(): Uint8Array {
  const bytes = new Uint8Array(threadBackAt + 16);
  // cmp qword [rdx+144],-4 · jne back · mov rax,[rdx+168] · cmp word [rax-2],0x050f · jne back · mov eax,60 · xor edi,edi · syscall · back: ret
  bytes.set([
    0x48, 0x83, 0xba, 0x90, 0, 0, 0, 0xfc, 0x75, 24, 0x48, 0x8b, 0x82, 0xa8, 0, 0, 0, 0x66, 0x81, 0x78, 0xfe, 0x0f, 0x05, 0x75, 9,
    0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05, 0xc3,
  ]);
  // mov eax,15 (rt_sigreturn) · syscall
  bytes.set([0xb8, 15, 0, 0, 0, 0x0f, 0x05], threadBackAt);
  return bytes;
}

/**
 * Clones this process by `flags` (VM and VFORK among them) into a child that makes the `count` calls of a table and ends; gives its
 * number, or -errno. Undefined where we have no such code. A row is eight words: number, six arguments, the address where the result
 * goes. The first that fails is the last; the child's status is how many were left with it, and 0 where none failed.
 */
export function cloneInto(): ((flags: number, table: number, count: number) => number) | undefined {
  if (arch === 1) return undefined;
  enter ??= makeThunk();
  const { i64, i64_fast: returns } = FFIType;
  const linked = linkSymbols({ clone: { ptr: (page + childAt) as Pointer, args: [i64, i64, i64], returns } });
  return linked.symbols.clone as unknown as (flags: number, table: number, count: number) => number;
}

/** The child has our memory, stack and all: it keeps to its registers. */
function childCode(): Uint8Array {
  return new Uint8Array([
    // mov r9,rsi · xor esi,esi · mov eax,56 (clone) · syscall · test rax,rax · jz child · ret
    0x49, 0x89, 0xf1, 0x31, 0xf6, 0xb8, 56, 0, 0, 0, 0x0f, 0x05, 0x48, 0x85, 0xc0, 0x74, 1, 0xc3,
    // child: mov rbx,r9 · mov rbp,rdx · loop: mov rax,[rbx] · rdi,[rbx+8] · rsi,[rbx+16] · rdx,[rbx+24] · r10,[rbx+32] · r8,[rbx+40] · r9,[rbx+48]
    0x4c, 0x89, 0xcb, 0x48, 0x89, 0xd5, 0x48, 0x8b, 0x03, 0x48, 0x8b, 0x7b, 8, 0x48, 0x8b, 0x73, 16, 0x48, 0x8b, 0x53, 24,
    0x4c, 0x8b, 0x53, 32, 0x4c, 0x8b, 0x43, 40, 0x4c, 0x8b, 0x4b, 48,
    // syscall · mov rcx,[rbx+56] · mov [rcx],rax · test rax,rax · js end · add rbx,64 · dec rbp · jnz loop
    0x0f, 0x05, 0x48, 0x8b, 0x4b, 56, 0x48, 0x89, 0x01, 0x48, 0x85, 0xc0, 0x78, 9, 0x48, 0x83, 0xc3, 64, 0x48, 0xff, 0xcd, 0x75, 0xce,
    // end: mov edi,ebp · mov eax,60 (exit) · syscall
    0x89, 0xef, 0xb8, 60, 0, 0, 0, 0x0f, 0x05,
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
