// checkpoint inspect: what is inside a checkpoint, before anyone restores it.
// Source: criu's .proto files for the numbers of their fields.

import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { hostPlatform } from "../../image/platform.ts";
import { inside, number, readImage, text, type Message } from "../../runtime/criu-images.ts";
import type { Host } from "../host.ts";
import { members } from "./archive.ts";
import { importedContainer } from "./imported-spec.ts";
import { takeArchive, type Taken } from "./intake.ts";
import { imageAsArchive } from "./restore-from.ts";
import { readJsonMember, validate } from "./validate.ts";

export interface CheckpointProcess {
  readonly Pid: number;
  readonly ParentPid: number;
  readonly Command: string;
  readonly Threads: number;
}

export interface CheckpointSocket {
  readonly Protocol: string;
  readonly State: string;
  readonly Local: string;
  readonly Remote: string;
}

export interface CheckpointContents {
  readonly Id: string;
  readonly Name: string;
  readonly Engine: string;
  readonly Criu: string;
  readonly Runtime: string;
  readonly Architecture: string;
  readonly Image: string;
  readonly ImageID: string;
  /** Bytes of memory in it. */
  readonly MemoryBytes: number;
  /** Bytes in all, unpacked. */
  readonly Size: number;
  readonly Processes: readonly CheckpointProcess[];
  readonly Sockets: readonly CheckpointSocket[];
  readonly Mounts: readonly { readonly Type: string; readonly Destination: string; readonly Source: string }[];
  readonly Volumes: readonly string[];
  readonly Networks: unknown;
  readonly ChangedFiles: boolean;
  readonly DeletedFiles: number;
}

function processesOf(folder: string): CheckpointProcess[] {
  return readImage(`${folder}/pstree.img`).map(entry => {
    const pid = number(entry, 1);
    const [core] = readImage(`${folder}/core-${pid}.img`);
    const task = core && inside(core, 3);
    return { Pid: pid, ParentPid: number(entry, 2), Command: text(task, 6), Threads: entry.get(5)?.length ?? 1 };
  });
}

const states: Readonly<Record<number, string>> = { 1: "ESTABLISHED", 2: "SYN_SENT", 7: "CLOSED", 8: "CLOSE_WAIT", 10: "LISTEN" };
const protocols: Readonly<Record<number, string>> = { 6: "tcp", 17: "udp", 132: "sctp" };

/** Words of an address in network order, as criu keeps them in the host's. */
function addressOf(words: readonly (bigint | Uint8Array)[] | undefined, family: number): string {
  const bytes = (words ?? []).flatMap(word => typeof word === "bigint" ? [0, 8, 16, 24].map(shift => Number((word >> BigInt(shift)) & 0xffn)) : [...word]);
  if (family === 2) return bytes.slice(0, 4).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) * 256 + (bytes[index * 2 + 1] ?? 0)).toString(16));
  return `[${groups.join(":")}]`;
}

function socketOf(file: Message): CheckpointSocket[] {
  const socket = inside(file, 4);
  if (!socket) return [];
  const family = number(socket, 3);
  return [{
    Protocol: protocols[number(socket, 5)] ?? String(number(socket, 5)), State: states[number(socket, 6)] ?? String(number(socket, 6)),
    Local: `${addressOf(socket.get(11), family)}:${number(socket, 7)}`, Remote: `${addressOf(socket.get(12), family)}:${number(socket, 8)}`,
  }];
}

const bytesIn = (folder: string, pattern: RegExp): number =>
  existsSync(folder) ? readdirSync(folder).filter(name => pattern.test(name)).reduce((sum, name) => sum + statSync(`${folder}/${name}`).size, 0) : 0;

interface PodmanParts {
  readonly runtime?: string;
  readonly mounts?: readonly { readonly type?: string; readonly destination?: string; readonly source?: string }[];
  readonly criu?: string;
}

function contentsOf(taken: Taken): CheckpointContents {
  const { id, name, spec } = importedContainer(taken);
  const images = `${taken.folder}/${members.images}`;
  const config = readJsonMember(taken, members.config) as PodmanParts;
  const oci = readJsonMember(taken, members.spec) as PodmanParts;
  const own = taken.names.has(members.own) ? readJsonMember(taken, members.own) as PodmanParts : undefined;
  const files = existsSync(`${images}/files.img`) ? readImage(`${images}/files.img`) : [];
  return {
    Id: id, Name: name, Engine: own ? "coracle" : "podman", Criu: own?.criu ?? "", Runtime: config.runtime ?? "", Architecture: hostPlatform().architecture,
    Image: spec.imageReference ?? spec.imageName ?? "", ImageID: spec.imageId ?? "",
    MemoryBytes: bytesIn(images, /^pages-\d+\.img$/), Size: bytesIn(taken.folder, /./) + bytesIn(images, /./) + bytesIn(`${taken.folder}/${members.volumes}`, /./),
    Processes: processesOf(images), Sockets: files.flatMap(socketOf),
    Mounts: (oci.mounts ?? []).map(mount => ({ Type: mount.type ?? "", Destination: mount.destination ?? "", Source: mount.source ?? "" })),
    Volumes: [...taken.names].filter(member => member.startsWith(`${members.volumes}/`)).map(member => member.slice(members.volumes.length + 1, -4)),
    Networks: taken.names.has(members.networkStatus) ? readJsonMember(taken, members.networkStatus) : null,
    ChangedFiles: taken.names.has(members.rootfs), DeletedFiles: taken.names.has(members.deleted) ? (readJsonMember(taken, members.deleted) as unknown[]).length : 0,
  };
}

/** @throws Fault "input.malformed" and others: what could not be restored is not shown either */
export async function inspectArchive(host: Host, archive: AsyncIterable<Uint8Array>): Promise<CheckpointContents> {
  using lease = host.store.lease();
  const folder = `${lease.directory}/inspect`;
  mkdirSync(folder, { mode: 0o700 });
  const taken = await takeArchive(folder, archive);
  validate(taken, { here: hostPlatform().architecture });
  return contentsOf(taken);
}

/** Of an image made by --create-image. */
export const inspectImage = (host: Host, name: string): Promise<CheckpointContents> =>
  imageAsArchive(host, name, archive => inspectArchive(host, archive));
