// How a written value is refused: one fault, in podman's words where scripts match them.

import { Fault } from "../../../base/fault.ts";

export function refuse(message: string, hint?: string): Fault {
  return new Fault("usage.invalid", message, hint === undefined ? {} : { hint });
}

/** "key=value" or "key": the value undefined when there is no "=". */
export function cut(text: string, at = "="): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + at.length)];
}
