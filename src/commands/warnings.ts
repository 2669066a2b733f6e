// Warnings on standard error, in the form scripts know.

import { log } from "../base/log.ts";

export function warn(text: string): void {
  log.warn(text);
}
