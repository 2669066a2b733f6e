// What may follow a verb besides its flags: how many, checked with podman's words, and how they complete.
// Source: cobra's and podman's own argument checks (cmd/podman/validate), by their messages.

import { Fault } from "../base/fault.ts";
import type { Completer } from "./complete.ts";

export interface Written {
  readonly operands: readonly string[];
  readonly flags: Readonly<Record<string, unknown>>;
  readonly given: ReadonlySet<string>;
  /** "podman container rm". */
  readonly path: string;
}

export interface Operands {
  /** @throws Fault "usage.invalid" */
  check(written: Written): void;
  readonly complete?: Completer;
}

/** "`podman version` takes no arguments". */
export function none(): Operands {
  return {
    check({ operands, path }) {
      if (operands.length > 0) throw refuse(`\`${path}\` takes no arguments`);
    },
  };
}

export function any(complete?: Completer): Operands {
  return { check() {}, complete };
}

/** @param missing said instead of cobra's words when there are none */
export function exactly(count: number, complete?: Completer, missing?: string): Operands {
  return {
    complete,
    check({ operands }) {
      if (operands.length === 0 && count > 0 && missing !== undefined) throw refuse(missing);
      if (operands.length !== count) throw refuse(`accepts ${count} arg(s), received ${operands.length}`);
    },
  };
}

/** @param missing said instead of cobra's words when there are too few */
export function atLeast(count: number, complete?: Completer, missing?: string): Operands {
  return {
    complete,
    check({ operands }) {
      if (operands.length >= count) return;
      throw refuse(missing ?? `requires at least ${count} arg(s), only received ${operands.length}`);
    },
  };
}

export function atMost(count: number, complete?: Completer): Operands {
  return {
    complete,
    check({ operands }) {
      if (operands.length > count) throw refuse(`accepts at most ${count} arg(s), received ${operands.length}`);
    },
  };
}

export function between(least: number, most: number, complete?: Completer): Operands {
  return {
    complete,
    check({ operands }) {
      const count = operands.length;
      if (count < least || count > most) {
        throw refuse(`accepts between ${least} and ${most} arg(s), received ${count}`);
      }
    },
  };
}

/** At least one of `thing`: "X must be specified" in a verb's own words. */
export function several(missing: string, complete?: Completer): Operands {
  return atLeast(1, complete, missing);
}

/** Names, or --all, or --latest, or --cidfile/--filter: exactly one way, as podman's kill, rm, stop … check it. */
export function namesAllOrLatest(complete?: Completer, options: { idFile?: string; noNames?: boolean } = {}): Operands {
  return { complete, check: (written) => checkNamesAllOrLatest(written, options) };
}

/** One name or --latest, as podman's exec, port … check it. */
export function nameOrLatest(complete?: Completer): Operands {
  return {
    complete,
    check({ operands, flags, path }) {
      if (operands.length > 1) throw refuse(`\`${path}\` accepts at most one argument`);
      if (operands.length === 0 && !flags["latest"]) {
        throw refuse(`"${path}" requires a name, id, or the "--latest" flag`);
      }
      if (operands.length > 0 && flags["latest"]) throw refuse("--latest and containers cannot be used together");
    },
  };
}

function checkNamesAllOrLatest(written: Written, options: { idFile?: string; noNames?: boolean }): void {
  const { operands, flags, given } = written;
  const idFile = options.idFile ?? "cidfile";
  const byFile = ((flags[idFile] as readonly string[] | undefined) ?? []).length > 0;
  if (given.has("filter")) {
    if (operands.length > 0) throw refuse("--filter takes no arguments");
    return;
  }
  const { all, latest } = flags;
  if (byFile && (all || latest)) throw refuse(`--all, --latest, and --${idFile} cannot be used together`);
  if (all && latest) throw refuse("--all and --latest cannot be used together");
  if (operands.length > 0 && all) throw refuse("no arguments are needed with --all");
  if (options.noNames) return;
  if (operands.length > 0 && latest) throw refuse("--latest and containers cannot be used together");
  if (operands.length > 0 && byFile) throw refuse(`no arguments are needed with --latest or --${idFile}`);
  if (operands.length === 0 && !all && !latest && !byFile) throw refuse("you must provide at least one name or id");
}

function refuse(message: string): Fault {
  return new Fault("usage.invalid", message);
}
