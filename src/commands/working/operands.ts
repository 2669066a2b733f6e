// Buildah's operands: all options stand before them, in its own words.
// Source: buildah's commands, by their messages.

import { Fault } from "../../base/fault.ts";
import type { Completer } from "../../cli/complete.ts";
import type { Operands } from "../../cli/operands.ts";
import { completer } from "../verb.ts";

export interface Expected {
  /** Said when there are none and none will not do. */
  readonly missing?: string;
  readonly most?: number;
  /** Said when there are more than `most`. */
  readonly tooMany?: string;
  readonly complete?: Completer;
}

/** Options end at the first operand; one that stands after it is refused by name. */
export function ordered({ missing, most, tooMany, complete }: Expected): Operands {
  return {
    ...(complete ? { complete } : {}),
    check({ operands }) {
      if (operands.length === 0 && missing !== undefined) throw new Fault("usage.invalid", missing);
      refuseLateOptions(operands);
      if (most !== undefined && operands.length > most) throw new Fault("usage.invalid", tooMany ?? "too many arguments specified");
    },
  };
}

export function refuseLateOptions(operands: readonly string[]): void {
  const late = operands.find((word) => word.startsWith("-"));
  if (late !== undefined) throw new Fault("usage.invalid", `no options (${late}) can be specified after the image or container name`);
}

/** Names of working containers. */
export const workingNames: Completer = completer(async ({ host }, word) => {
  const { workingContainers } = await import("../../engine/working/records.ts");
  const all = workingContainers(host);
  const ids = word.length >= 2 ? all.filter(({ id }) => id.startsWith(word)).map(({ id, name }) => `${id.slice(0, 12)}\t${name}`) : [];
  return [...ids, ...all.filter(({ name }) => name.startsWith(word)).map(({ id, name }) => `${name}\t${id.slice(0, 12)}`)];
});

/** Adds to what a fault says; its code stays. */
export function inFront(words: string, thrown: unknown): unknown {
  if (!(thrown instanceof Fault)) return thrown;
  return new Fault(thrown.code, `${words}: ${thrown.message}`, { cause: thrown, ...(thrown.hint ? { hint: thrown.hint } : {}), exit: thrown.exit });
}

/** Each in turn; all faults but the last are plain lines, the last is thrown. */
export async function eachOf<T>(targets: readonly T[], act: (target: T) => Promise<void>, err: (line: string) => void): Promise<void> {
  let last: unknown;
  for (const target of targets) {
    try {
      await act(target);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      if (last !== undefined) err((last as Fault).message);
      last = thrown;
    }
  }
  if (last !== undefined) throw last;
}
