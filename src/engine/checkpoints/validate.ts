// Looks at everything in an imported checkpoint before anything of it is used.

import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { parseJson } from "../../base/shape.ts";
import { number, readImage, type Message } from "../../runtime/criu-images.ts";
import { TarReader } from "../../storage/tar/reader.ts";
import { cleanName } from "../../storage/tar/names.ts";
import { members } from "./archive.ts";
import type { Taken } from "./intake.ts";
import { checkDeleted } from "./rootfs-diff.ts";

const jsonBytesMax = 64 * 1024 * 1024;

const damaged = (reason: string): Fault =>
  new Fault("input.malformed", `cannot import the checkpoint: ${reason}`, { hint: "fetch or make the archive again: this one is damaged or incomplete" });

export function readJsonMember({ folder }: Pick<Taken, "folder">, name: string): unknown {
  return parseJson(readFileSync(`${folder}/${name}`), { what: `${name} of the checkpoint`, code: "input.malformed" }, jsonBytesMax);
}

/** Ours say at their end what they hold: a member that is missing, new or other than it was is seen. */
function checkDigests(taken: Taken): void {
  const { names, digests } = taken;
  if (!names.has(members.digests)) {
    if (names.has(members.own)) throw damaged(`${members.digests} is missing: the archive was cut off`);
    return;
  }
  const listed = readJsonMember(taken, members.digests);
  if (typeof listed !== "object" || listed === null || Array.isArray(listed)) throw damaged(`${members.digests} is no list`);
  const wanted = new Map(Object.entries(listed));
  for (const [name, digest] of digests) {
    if (name === members.digests) continue;
    if (wanted.get(name) !== digest) throw new Fault("digest.mismatch", `cannot import the checkpoint: ${name} has digest ${digest}, not ${String(wanted.get(name) ?? "any that was written down")}`, { hint: "do not trust this archive: it was changed after it was made, or is damaged" });
    wanted.delete(name);
  }
  const [missing] = wanted.keys();
  if (missing !== undefined) throw damaged(`${JSON.stringify(missing)} is missing`);
}

/** criu's numbers, by the names that images have for it. */
const machines: Readonly<Record<number, string>> = { 1: "amd64", 2: "arm", 3: "arm64", 4: "ppc64le", 5: "s390x", 6: "mips64le", 7: "loong64", 8: "riscv64" };

function checkMachine(core: Message | undefined, here: string): void {
  const made = machines[number(core, 1)] ?? `machine ${number(core, 1)}`;
  if (made !== here) throw new Fault("image.wrong-platform", `cannot import the checkpoint: it was made on ${made}, and this is ${here}`, { hint: `restore it on a machine of ${made}` });
}

const pageBytes = 4096;
const flagPresent = 4;
const flagParent = 1;

/** Pages that a map of memory says are there must be there. */
function checkPages(folder: string, pagemap: string): void {
  const [head, ...maps] = readImage(`${folder}/${pagemap}`);
  const pages = `${folder}/pages-${number(head, 1)}.img`;
  const size = statSync(pages, { throwIfNoEntry: false })?.size ?? 0;
  const wanted = maps.reduce((sum, map) => {
    const flags = map.has(4) ? number(map, 4) : number(map, 3) ? flagParent : flagPresent;
    const count = number(map, 5) || number(map, 2);
    return flags & flagPresent ? sum + count * pageBytes : sum;
  }, 0);
  if (size < wanted) throw damaged(`pages-${number(head, 1)}.img holds ${size} bytes of memory, not ${wanted}`);
}

function checkImages(taken: Taken, here: string): void {
  const folder = `${taken.folder}/${members.images}`;
  if (!existsSync(`${folder}/inventory.img`)) throw damaged("a complete checkpoint for this container cannot be found: there is no checkpoint/inventory.img");
  readImage(`${folder}/inventory.img`);
  const processes = readImage(`${folder}/pstree.img`);
  if (processes.length === 0) throw damaged("it holds no process");
  for (const process of processes) {
    const pid = number(process, 1);
    const [core] = readImage(`${folder}/core-${pid}.img`);
    checkMachine(core, here);
    // A zombie has no memory.
    if (existsSync(`${folder}/pagemap-${pid}.img`)) checkPages(folder, `pagemap-${pid}.img`);
    else if (existsSync(`${folder}/mm-${pid}.img`)) throw damaged(`pagemap-${pid}.img is missing`);
  }
}

/** The archives inside the archive: their names are looked at, and that they are whole. */
function checkInner(path: string, name: string): void {
  const fd = openSync(path, "r");
  const buffer = new Uint8Array(1024 * 1024);
  const reader = new TarReader({ entry: ({ name: entry }) => void cleanName(entry), data: () => {}, done: () => {} });
  try {
    for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) reader.push(buffer.subarray(0, got));
    reader.end();
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new Fault("input.malformed", `cannot import the checkpoint: ${name}: ${thrown.message}`, { cause: thrown, hint: "do not trust this archive: it is damaged, or tries to write outside of the container" });
  } finally {
    closeSync(fd);
  }
}

function checkNetwork(taken: Taken): void {
  if (!taken.names.has(members.networkStatus)) return;
  const status = readJsonMember(taken, members.networkStatus);
  if (status !== null && (typeof status !== "object" || Array.isArray(status))) throw damaged("network.status is no list of networks");
}

/** @param options.here this machine's architecture, as images call it. @throws Fault; nothing has been used then */
export function validate(taken: Taken, { here, preCheckpoint = false }: { here: string; preCheckpoint?: boolean }): void {
  for (const name of [members.config, members.spec]) if (!taken.names.has(name)) throw damaged(`${name} is missing: this is no archive of a checkpoint`);
  checkDigests(taken);
  if (!preCheckpoint) checkImages(taken, here);
  for (const name of taken.names) if (name.endsWith(".tar")) checkInner(`${taken.folder}/${name}`, name);
  if (taken.names.has(members.deleted)) checkDeleted(readJsonMember(taken, members.deleted));
  checkNetwork(taken);
}

