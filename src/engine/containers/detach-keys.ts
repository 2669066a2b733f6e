// Detach keys: "ctrl-p,ctrl-q" read, and found in what a person types.
// Source: podman-attach(1), --detach-keys.

import { Fault } from "../../base/fault.ts";

const controls = "@abcdefghijklmnopqrstuvwxyz[\\]^_";
export const detachKeysDefault = "ctrl-p,ctrl-q";

function keyByte(key: string): number {
  if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
  const control = /^ctrl-(.)$/.exec(key);
  const index = control ? controls.indexOf(control[1]!.toLowerCase()) : -1;
  if (index < 0) throw new Fault("usage.invalid", `invalid detach keys: ${JSON.stringify(key)} is neither a character nor ctrl-CHARACTER`);
  return index;
}

/** Bytes of keys as written; "" is none. @throws Fault "usage.invalid" */
export function parseDetachKeys(text: string): Uint8Array {
  if (text === "") return new Uint8Array();
  if (text.length > 256) throw new Fault("usage.invalid", "invalid detach keys: too long");
  return Uint8Array.from(text.split(","), keyByte);
}

export interface Scanned {
  /** To pass on. */
  readonly bytes: Uint8Array;
  readonly detach: boolean;
}

/** Looks for the keys over any number of chunks; a begun sequence is held back until it is whole or broken. */
export function detachScanner(keys: Uint8Array): (chunk: Uint8Array) => Scanned {
  let matched = 0;
  return chunk => {
    if (keys.length === 0) return { bytes: chunk, detach: false };
    const passed: number[] = [];
    for (const byte of chunk) {
      if (byte !== keys[matched] && matched > 0) {
        passed.push(...keys.subarray(0, matched));
        matched = 0;
      }
      if (byte === keys[matched]) matched++;
      else passed.push(byte);
      if (matched === keys.length) return { bytes: Uint8Array.from(passed), detach: true };
    }
    return { bytes: Uint8Array.from(passed), detach: false };
  };
}
