// SELinux's own libraries, where they are installed: lists of the policy store, labels of paths, modules in one transaction.
// Source: semanage/*.h of libsemanage 2 and later; selabel_open(3), selabel_lookup(3).

import { CString, dlopen, ptr, read, type Pointer } from "bun:ffi";
import { Fault } from "../base/fault.ts";

export interface StoredPort {
  readonly type: string;
  readonly protocol: string;
  readonly low: number;
  readonly high: number;
}

export interface StoredContext {
  readonly expression: string;
  readonly type: string | undefined;
}

type Handle = Pointer;
const recordsMax = 1_000_000;

const of = (...args: ("ptr" | "cstring" | "i32")[]) => ({ args, returns: "i32" }) as const;
const giving = (...args: ("ptr" | "cstring" | "i32")[]) => ({ args, returns: "ptr" }) as const;

function openSemanage() {
  return dlopen("libsemanage.so.2", {
    semanage_handle_create: giving(), semanage_handle_destroy: of("ptr"), semanage_is_managed: of("ptr"),
    semanage_connect: of("ptr"), semanage_disconnect: of("ptr"), semanage_commit: of("ptr"),
    semanage_set_disable_dontaudit: { args: ["ptr", "i32"], returns: "void" },
    semanage_msg_set_callback: { args: ["ptr", "ptr", "ptr"], returns: "void" },
    semanage_module_install_file: of("ptr", "ptr"), semanage_module_remove: of("ptr", "ptr"),
    semanage_port_list: of("ptr", "ptr", "ptr"), semanage_port_list_local: of("ptr", "ptr", "ptr"),
    semanage_port_get_con: giving("ptr"), semanage_port_get_proto: of("ptr"), semanage_port_get_proto_str: giving("i32"),
    semanage_port_get_low: of("ptr"), semanage_port_get_high: of("ptr"), semanage_context_get_type: giving("ptr"),
    semanage_fcontext_list: of("ptr", "ptr", "ptr"), semanage_fcontext_list_local: of("ptr", "ptr", "ptr"),
    semanage_fcontext_list_homedirs: of("ptr", "ptr", "ptr"),
    semanage_fcontext_get_expr: giving("ptr"), semanage_fcontext_get_con: giving("ptr"),
  }).symbols;
}

type Semanage = ReturnType<typeof openSemanage>;
type List = (handle: Handle, records: Pointer, count: Pointer) => number;

const failed = (attempt: string): Fault => new Fault("system.failed", `cannot ${attempt}: libsemanage refused`);
type Returned = Pointer | bigint | null;
const text = (at: Returned): string => (at === null ? "" : new CString(at as Pointer).toString());
const terminated = (word: string): Uint8Array => {
  if (word.includes("\0")) throw new Fault("input.malformed", "cannot pass on a text that holds a NUL byte");
  return Buffer.from(`${word}\0`);
};

/** Runs `use` with a connection to the policy store. @throws Fault "system.failed" where there is none for us */
function connected<T>(isQuiet: boolean, use: (library: Semanage, handle: Handle) => T): T {
  const library = openLibrary("libsemanage", openSemanage);
  const handle = library.semanage_handle_create() as Pointer | null;
  if (handle === null) throw failed("open the policy store");
  if (isQuiet) library.semanage_msg_set_callback(handle, null, null);
  let isConnected = false;
  try {
    if (library.semanage_is_managed(handle) !== 1 || library.semanage_connect(handle) < 0) throw failed("connect to the policy store");
    isConnected = true;
    return use(library, handle);
  } finally {
    if (isConnected) library.semanage_disconnect(handle);
    library.semanage_handle_destroy(handle);
  }
}

function openLibrary<T>(name: string, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    throw new Fault("component.missing", `cannot use ${name}: ${(cause as Error).message}`, { cause });
  }
}

function records(handle: Handle, list: List): Pointer[] {
  const at = new BigUint64Array(1);
  const count = new Uint32Array(2);
  if (list(handle, ptr(at), ptr(count)) < 0) throw failed("list the policy store");
  if (count[0]! > recordsMax) throw failed("list the policy store");
  const base = Number(at[0]);
  return base === 0 ? [] : Array.from({ length: count[0]! }, (_, index) => read.ptr(base as Pointer, index * 8) as Pointer);
}

/** Those added on this machine first, then the policy's. What is listed is not freed: the process soon ends. */
export function listStoredPorts(): StoredPort[] {
  return connected(true, (library, handle) =>
    [library.semanage_port_list_local as List, library.semanage_port_list as List].flatMap(list => records(handle, list).map(port => ({
      type: text(library.semanage_context_get_type(library.semanage_port_get_con(port) as Pointer)),
      protocol: text(library.semanage_port_get_proto_str(library.semanage_port_get_proto(port))),
      low: library.semanage_port_get_low(port),
      high: library.semanage_port_get_high(port),
    }))));
}

/** The policy's, then those added on this machine, then those of home directories. */
export function listStoredContexts(): StoredContext[] {
  return connected(true, (library, handle) => {
    const { semanage_fcontext_list: all, semanage_fcontext_list_local: local, semanage_fcontext_list_homedirs: homes } = library;
    return [all, local, homes].flatMap(list => records(handle, list as List).map(context => {
      const found = library.semanage_fcontext_get_con(context);
      const type = found === null ? undefined : text(library.semanage_context_get_type(found as Pointer));
      return { expression: text(library.semanage_fcontext_get_expr(context)), type };
    }));
  });
}

/** The whole context that the policy wants for a path of any kind, or undefined for none. */
export function lookupContext(path: string): string | undefined {
  const library = openLibrary("libselinux", () => dlopen("libselinux.so.1", {
    selabel_open: giving("i32", "ptr", "i32"), selabel_lookup: of("ptr", "ptr", "ptr", "i32"), selabel_close: { args: ["ptr"], returns: "void" },
    freecon: { args: ["ptr"], returns: "void" },
  }).symbols);
  const handle = library.selabel_open(0, null, 0) as Pointer | null;
  if (handle === null) throw new Fault("system.failed", "cannot open the file contexts of the policy");
  try {
    const found = new BigUint64Array(1);
    const wanted = terminated(path);
    if (library.selabel_lookup(handle, ptr(found), ptr(wanted), 0) !== 0 || found[0] === 0n) return undefined;
    const at = Number(found[0]) as Pointer;
    const context = text(at);
    library.freecon(at);
    return context;
  } finally {
    library.selabel_close(handle);
  }
}

export interface ModuleChange {
  readonly install?: readonly string[];
  readonly remove?: readonly string[];
  /** Whether denials that the policy calls harmless are logged too; absent leaves that as it is. */
  readonly auditsAll?: boolean;
}

/** Installs module files and removes modules by name in one transaction: all or none. @throws Fault "system.failed" */
export function changeModules(change: ModuleChange): void {
  connected(false, (library, handle) => {
    if (change.auditsAll !== undefined) library.semanage_set_disable_dontaudit(handle, change.auditsAll ? 1 : 0);
    for (const name of change.remove ?? []) if (library.semanage_module_remove(handle, ptr(terminated(name))) < 0) throw failed(`remove the module "${name}"`);
    for (const file of change.install ?? []) if (library.semanage_module_install_file(handle, ptr(terminated(file))) < 0) throw failed(`install the module "${file}"`);
    if (library.semanage_commit(handle) < 0) throw failed("load the changed policy");
  });
}
