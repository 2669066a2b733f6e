// Operands checked in skopeo's words.

import { Fault } from "../../base/fault.ts";
import type { Completer } from "../../cli/complete.ts";
import type { Operands } from "../../cli/operands.ts";

/** The same check with one message for every failure. */
export function refuseManyWords(operands: Operands, message: string): Operands {
  return {
    ...operands,
    check(written) {
      try {
        operands.check(written);
      } catch (cause) {
        throw new Fault("usage.invalid", message, { cause });
      }
    },
  };
}

const starts = [
  "containers-storage:", "dir:", "docker://", "docker-archive:", "docker-daemon:", "oci:", "oci-archive:", "sif:", "tarball:",
];

/** Transports, as far as no colon is written. */
export const imageNames: Completer = (word) => (word.includes(":") ? { words: [], files: true } : { words: starts, open: true });
