// Fault: the one error a person may meet; its code decides exit and HTTP status.
// Anything else that is thrown is a bug of ours.

/** Every fault code, with the process exit status and the HTTP status it stands for. */
export const faults = {
  "usage.invalid": { exit: 125, http: 400 },
  "usage.unknown-command": { exit: 125, http: 404 },
  "usage.unsupported": { exit: 125, http: 501 },
  "config.invalid": { exit: 125, http: 500 },
  "component.missing": { exit: 125, http: 500 },
  "component.failed": { exit: 125, http: 500 },
  "system.failed": { exit: 125, http: 500 },
  "system.no-space": { exit: 125, http: 507 },
  "system.denied": { exit: 125, http: 403 },
  "system.not-found": { exit: 125, http: 404 },
  "system.exists": { exit: 125, http: 409 },
  "input.malformed": { exit: 125, http: 400 },
  "input.too-large": { exit: 125, http: 413 },
  "reference.malformed": { exit: 125, http: 400 },
  "reference.ambiguous": { exit: 125, http: 400 },
  "digest.malformed": { exit: 125, http: 400 },
  "digest.mismatch": { exit: 125, http: 400 },
  "registry.unreachable": { exit: 125, http: 502 },
  "registry.malformed": { exit: 125, http: 502 },
  "registry.denied": { exit: 125, http: 401 },
  "registry.not-found": { exit: 125, http: 404 },
  "registry.failed": { exit: 125, http: 502 },
  "registry.blocked": { exit: 125, http: 403 },
  "policy.rejected": { exit: 125, http: 403 },
  "image.not-found": { exit: 125, http: 404 },
  "image.in-use": { exit: 125, http: 409 },
  "image.ambiguous": { exit: 125, http: 409 },
  "image.malformed": { exit: 125, http: 400 },
  "image.unsupported": { exit: 125, http: 400 },
  "image.wrong-platform": { exit: 125, http: 400 },
  "artifact.not-found": { exit: 125, http: 404 },
  "artifact.exists": { exit: 125, http: 409 },
  "artifact.ambiguous": { exit: 125, http: 409 },
  "layer.malformed": { exit: 125, http: 400 },
  "layer.escapes": { exit: 125, http: 400 },
  "layer.too-large": { exit: 125, http: 413 },
  "store.damaged": { exit: 125, http: 500 },
  "store.busy": { exit: 125, http: 500 },
  "container.not-found": { exit: 125, http: 404 },
  "container.ambiguous": { exit: 125, http: 409 },
  "container.name-in-use": { exit: 125, http: 409 },
  "container.wrong-state": { exit: 125, http: 409 },
  "container.running": { exit: 125, http: 409 },
  "container.in-use": { exit: 125, http: 409 },
  "exec.not-found": { exit: 125, http: 404 },
  "process.not-executable": { exit: 126, http: 400 },
  "process.no-account": { exit: 126, http: 400 },
  "process.not-found": { exit: 127, http: 400 },
  "runtime.failed": { exit: 126, http: 500 },
  "network.not-found": { exit: 125, http: 404 },
  "network.exists": { exit: 125, http: 409 },
  "network.in-use": { exit: 125, http: 409 },
  "network.failed": { exit: 126, http: 500 },
  "volume.not-found": { exit: 125, http: 404 },
  "volume.exists": { exit: 125, http: 409 },
  "volume.in-use": { exit: 125, http: 409 },
  "secret.not-found": { exit: 125, http: 404 },
  "build.failed": { exit: 125, http: 500 },
  "containerfile.malformed": { exit: 125, http: 400 },
  "checkpoint.failed": { exit: 125, http: 500 },
} as const satisfies Record<string, { exit: number; http: number }>;

export type FaultCode = keyof typeof faults;

export interface FaultDetails {
  /** One imperative sentence a person can act on, no period. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Set where a command must leave with another status than its code's. */
  readonly exit?: number;
  /** The system's own name of the error, such as "ENOSPC", where a system call failed. */
  readonly errno?: string;
}

/** What a person may meet: says what was attempted, on what, why it failed, and the way out. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly hint: string | undefined;
  readonly errno: string | undefined;
  readonly #exit: number | undefined;

  constructor(code: FaultCode, message: string, details: FaultDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "Fault";
    this.code = code;
    this.hint = details.hint;
    this.errno = details.errno;
    this.#exit = details.exit;
  }

  get exit(): number {
    return this.#exit ?? faults[this.code].exit;
  }

  get http(): number {
    return faults[this.code].http;
  }
}

const errnoCodes: Readonly<Record<string, FaultCode>> = {
  ENOSPC: "system.no-space",
  EDQUOT: "system.no-space",
  EACCES: "system.denied",
  EPERM: "system.denied",
  EROFS: "system.denied",
  ENOENT: "system.not-found",
  EEXIST: "system.exists",
};

const errnoHints: Readonly<Record<string, string>> = {
  ENOSPC: "free some space, for instance with: podman image prune",
  EDQUOT: "free some space or raise the disk quota",
  EMFILE: "raise the limit of open files: ulimit -n 4096",
  EROFS: "the file system is mounted read-only: choose another place with --root",
};

/** A Fault for a failed system call; `errno` such as "ENOSPC", `message` without the errno's text. */
export function systemFault(errno: string, message: string, cause?: unknown): Fault {
  const hint = errnoHints[errno];
  return new Fault(errnoCodes[errno] ?? "system.failed", message, { errno, cause, ...(hint ? { hint } : {}) });
}

/** The errno name ("ENOENT") of anything thrown by the runtime's own file functions or by us, or undefined. */
export function errnoOf(thrown: unknown): string | undefined {
  if (thrown instanceof Fault) return thrown.errno;
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** The reason in anything thrown, as the system words it: "no such file or directory", without Node's "ENOENT: …, open '/x'". */
export function reasonOf(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return /^E[A-Z0-9]+: ([^,]+), [a-z]+/.exec(message)?.[1] ?? message;
}

const attempts: Readonly<Record<string, string>> = {
  mkdir: "make", open: "open", scandir: "list", unlink: "remove", rmdir: "remove", rename: "rename", lstat: "look at", stat: "look at", copyfile: "copy", symlink: "link", link: "link",
};

/** What the runtime's own file functions throw, as a Fault with its way out; anything else as it is. */
export function withWayOut(thrown: unknown): unknown {
  // Where the end of something failed too, the first failure says why.
  const first = typeof SuppressedError === "function" && thrown instanceof SuppressedError ? (thrown.suppressed as unknown) : thrown;
  const errno = errnoOf(first);
  if (first instanceof Fault || errno === undefined) return first;
  const { syscall, path } = first as { syscall?: string; path?: string };
  if (syscall === undefined) return first;
  return systemFault(errno, `cannot ${attempts[syscall] ?? syscall}${path === undefined ? "" : ` ${JSON.stringify(path)}`}: ${reasonOf(first)}`, first);
}
