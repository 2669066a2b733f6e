// Signals by name and number, as --signal and STOPSIGNAL write them.
// Source: signal(7), Linux on x86 and ARM; podman-kill(1).

import { Fault } from "./fault.ts";

const names: readonly string[] = [
  "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
  "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];
const aliases: Readonly<Record<string, number>> = { IOT: 6, POLL: 29, CLD: 17, RTMIN: 34, RTMAX: 64 };
const signalMax = 64;

/** The number of "TERM", "SIGTERM", "rtmin+3"; undefined where there is none. */
export function signalNumber(name: string): number | undefined {
  const bare = name.toUpperCase().replace(/^SIG/, "");
  const index = names.indexOf(bare);
  if (index >= 0) return index + 1;
  if (Object.hasOwn(aliases, bare)) return aliases[bare];
  const real = /^(RTMIN\+|RTMAX-)(\d{1,2})$/.exec(bare);
  if (!real) return undefined;
  const number = real[1] === "RTMIN+" ? 34 + Number(real[2]) : 64 - Number(real[2]);
  return number >= 34 && number <= signalMax ? number : undefined;
}

/**
 * A signal as written on the command line: a number or a name, a leading dash is passed over.
 *
 * @throws Fault "usage.invalid" in podman's words
 */
export function parseSignal(text: string): number {
  const bare = text.startsWith("-") ? text.slice(1) : text;
  const number = /^\d{1,10}$/.test(bare) ? Number(bare) : signalNumber(bare);
  if (number === undefined || number === 0) throw new Fault("usage.invalid", `invalid signal: ${bare}`);
  if (number > signalMax) throw new Fault("usage.invalid", "valid signals are 1 through 64");
  return number;
}

/** "SIGTERM" of 15; numbers without a name stay numbers. */
export function signalName(number: number): string {
  const name = names[number - 1];
  if (name) return `SIG${name}`;
  if (number >= 34 && number <= signalMax) return number === 34 ? "SIGRTMIN" : number === 64 ? "SIGRTMAX" : `SIGRTMIN+${number - 34}`;
  return String(number);
}

export const signalNames = (): string[] => names.map(name => `SIG${name}`);
