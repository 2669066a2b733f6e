// Weights, rates and swap sizes as written.
// Source: podman-run(1), --blkio-weight*, --device-read-bps and its kin, --memory-swap.

import { parseSize } from "../../../base/bytes.ts";
import { refuse } from "./refuse.ts";

export function readWeight(written: string): number {
  const weight = Number(written);
  if (!/^\d+$/.test(written)) throw refuse(`invalid value for blkio-weight: strconv.ParseUint: parsing ${JSON.stringify(written)}: invalid syntax`);
  if (weight !== 0 && (weight < 10 || weight > 1000)) throw refuse(`invalid value for blkio-weight: range is from 10 to 1000`);
  return weight;
}

/** PATH:WEIGHT */
export function readWeightDevice(written: string): { path: string; weight: number } {
  const { path, value } = splitDevice(written);
  const weight = Number(value);
  if (!/^\d+$/.test(value) || (weight !== 0 && (weight < 10 || weight > 1000))) throw refuse(`invalid weight for device: ${written}`);
  return { path, weight };
}

/** PATH:RATE; `sized` rates take units. */
export function readRate(written: string, sized: boolean): { path: string; rate: number } {
  const { path, value } = splitDevice(written);
  const rate = sized ? sizeOr(value) : /^\d+$/.test(value) ? Number(value) : NaN;
  if (Number.isNaN(rate) || rate < 0) {
    const shape = sized
      ? "<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
      : "<device-path>:<number>. Number must be a positive integer";
    throw refuse(`invalid rate for device: ${written}. The correct format is ${shape}`);
  }
  return { path, rate };
}

export const readSwap = (written: string): number => (written === "-1" ? -1 : parseSize(written));

function splitDevice(written: string): { path: string; value: string } {
  const colon = written.lastIndexOf(":");
  if (colon <= 0) throw refuse(`bad format: ${written}`);
  const path = written.slice(0, colon);
  if (!path.startsWith("/dev/")) throw refuse(`bad format for device path: ${written}`);
  return { path, value: written.slice(colon + 1) };
}

function sizeOr(value: string): number {
  try {
    return parseSize(value);
  } catch {
    return NaN;
  }
}
