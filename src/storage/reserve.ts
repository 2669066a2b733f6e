// A little space and a few inodes that the store keeps back, so that what makes room also works where there is none: removing is writing first.

import * as fs from "node:fs";
import { log } from "../base/log.ts";
import { close, fallocate } from "../kernel/files.ts";
import { takeLease } from "./leases.ts";
import type { StorePlace } from "./place.ts";

const reserveBytes = 1024 * 1024;
const reserveFiles = 48;
/** Below this much free space nothing is kept back, and what is makes no difference. */
const plentyBytes = 8 * reserveBytes;
const plentyFiles = 1000;

const reservePath = (root: string): string => `${root}/reserve`;

interface Free {
  readonly bytes: number;
  readonly files: number;
}

function freeAt(root: string): Free {
  const { bavail, bsize, files, ffree } = fs.statfsSync(root);
  return { bytes: bavail * bsize, files: files > 0 ? ffree : Number.POSITIVE_INFINITY };
}

/** Makes it where it is missing and there is plenty; a failure costs nothing but the reserve. */
export function keepReserve(place: StorePlace): void {
  const { root } = place;
  if (fs.statSync(reservePath(root), { throwIfNoEntry: false })) return;
  try {
    const free = freeAt(root);
    if (free.bytes < plentyBytes || free.files < plentyFiles) return;
    using lease = takeLease(place, () => {});
    const staged = `${lease.directory}/reserve`;
    fs.mkdirSync(staged, { mode: 0o700 });
    const fd = fs.openSync(`${staged}/0`, "wx", 0o600);
    fallocate(fd, { offset: 0, bytes: reserveBytes });
    close(fd);
    for (let number = 1; number < reserveFiles; number++) fs.writeFileSync(`${staged}/${number}`, "", { flag: "wx", mode: 0o600 });
    fs.renameSync(staged, reservePath(root));
  } catch (thrown) {
    log.debug(`Keeping a little space back in ${root}: ${(thrown as Error).message}`);
  }
}

/** Gives it up where little is left; whoever opens the store with plenty again makes another. */
export function spendReserve(root: string): void {
  if (!fs.existsSync(reservePath(root))) return;
  const { bytes, files } = freeAt(root);
  if (bytes < reserveBytes || files < reserveFiles) fs.rmSync(reservePath(root), { recursive: true, force: true });
}
