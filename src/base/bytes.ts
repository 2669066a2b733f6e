// Sizes for people: reading "64m", writing "1.23 MB".
// Source: docker/go-units size.go, by its results.

import { Fault } from "./fault.ts";

const decimalUnits = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"] as const;
const binaryUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] as const;
const powers = "kmgtpe";

/** "1.23 MB": steps of 1000, three digits, as `podman images` prints them. */
export function humanSize(size: number, digits = 3): string {
  return human(size, { base: 1000, units: decimalUnits, digits }).join(" ");
}

/** "1.23MB": the same without the space. */
export function humanSizeTight(size: number, digits = 3): string {
  return human(size, { base: 1000, units: decimalUnits, digits }).join("");
}

/** "1.5GiB": steps of 1024, four digits. */
export function humanBinarySize(size: number): string {
  return human(size, { base: 1024, units: binaryUnits, digits: 4 }).join("");
}

function human(size: number, how: { base: number; units: readonly string[]; digits: number }): [string, string] {
  let step = 0;
  let rest = size;
  while (rest >= how.base && step < how.units.length - 1) {
    rest /= how.base;
    step++;
  }
  return [formatG(rest, how.digits), how.units[step] ?? ""];
}

/** Go's %.Ng: N significant digits, no trailing zeros, an exponent when it has at least N digits or is below -4. */
export function formatG(value: number, digits: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  const [mantissa = "", exponentText = "0"] = roundEven(value, Math.max(digits, 1) - 1).split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < digits) return trimZeros(shifted(mantissa, exponent));
  const sign = exponent < 0 ? "-" : "+";
  return `${trimZeros(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** toExponential, with exact halves going to the even digit as in Go; the runtime rounds them up. */
function roundEven(value: number, fractionDigits: number): string {
  const exact = value.toExponential(100);
  const [mantissa = "", exponent = "0"] = exact.split("e");
  const cut = mantissa.indexOf(".") + 1 + fractionDigits;
  const last = fractionDigits === 0 ? mantissa[cut - 2] : mantissa[cut - 1];
  if (/^50*$/.test(mantissa.slice(cut)) && "02468".includes(last ?? "1")) {
    return `${mantissa.slice(0, fractionDigits === 0 ? cut - 1 : cut)}e${exponent}`;
  }
  return value.toExponential(fractionDigits);
}

/** "1.23" and 1 is "12.3". */
function shifted(mantissa: string, exponent: number): string {
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return digits.length > exponent + 1 ? `${sign}${whole}.${digits.slice(exponent + 1)}` : sign + whole;
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/**
 * Bytes of "64m", "1.5 GiB", "512": every unit is a power of 1024.
 *
 * @throws Fault "usage.invalid" with go-units' wording
 */
export function parseSize(text: string): number {
  return readSize(text, 1024);
}

/** The same in powers of 1000, as sizes of logs are written. @throws Fault "usage.invalid" */
export function parseDecimalSize(text: string): number {
  return readSize(text, 1000);
}

function readSize(text: string, base: 1000 | 1024): number {
  const split = Math.max(...[..."0123456789. "].map((mark) => text.lastIndexOf(mark)));
  const amount = text.slice(0, split + 1);
  const number = amount.endsWith(" ") ? amount.slice(0, -1) : amount;
  if (split < 0 || !/^[+]?([0-9]+\.?[0-9]*|\.[0-9]+)$/.test(number)) {
    throw new Fault("usage.invalid", `invalid size: '${text}'`);
  }
  const suffix = text.slice(split + 1).toLowerCase();
  const unit = /^([kmgtpe]?)(i?b)?$/.exec(suffix);
  if (unit === null || (unit[1] === "" && suffix.startsWith("i"))) {
    throw new Fault("usage.invalid", `invalid suffix: '${suffix}'`);
  }
  const power = unit[1] ? powers.indexOf(unit[1]) + 1 : 0;
  return Math.trunc(Number(number) * base ** power);
}
