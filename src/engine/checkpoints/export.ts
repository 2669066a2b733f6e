// A checkpoint as an archive that other hosts, and podman, can import.
// Source: podman-container-checkpoint(1), "--export".

import { mkdirSync, rmSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import type { Compression } from "../../base/media-types.ts";
import { tarOfTree } from "../../storage/tar/tree.ts";
import { hostPlatform } from "../../image/platform.ts";
import { criuVersion, needCriu } from "../../runtime/criu.ts";
import { logPath } from "../containers/logs.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";
import { mountVolumeOf } from "../volumes/archive.ts";
import { archiveOf, fileMember, imageMembers, jsonBytes, members, type Member } from "./archive.ts";
import type { CheckpointOptions } from "./checkpoint.ts";
import type { CheckpointFiles } from "./files.ts";
import { podmanConfig, podmanSpec, readBundleConfig } from "./podman-config.ts";
import { deletedPaths, saveRootfs } from "./rootfs-diff.ts";
import { writeChunks } from "./shm.ts";

export interface ExportOptions {
  readonly compression: Compression;
  readonly ignoreRootfs?: boolean;
  readonly ignoreVolumes?: boolean;
  readonly preCheckpoint?: boolean;
}

/** Of our own part of an archive; another number means another meaning. */
export const formVersion = 1;

/** What only we read: the whole spec, and where the dump was made. */
function ownDump(record: ContainerRecord): Uint8Array {
  const { id, name, spec } = record;
  const { os, architecture } = hostPlatform();
  return jsonBytes({ version: formVersion, id, name, os, architecture, criu: criuVersion(needCriu()).text, spec });
}

/** To be called before the dump: what cannot be exported is not dumped either. */
export function refuseTravel({ id, spec }: ContainerRecord): void {
  const cannot = (reason: string, hint: string): Fault => new Fault("usage.unsupported", `cannot export the checkpoint of container ${id}: ${reason}`, { hint });
  if (spec.requires?.length) throw cannot("cannot export checkpoints of containers with dependencies", "checkpoint it in place, without --export");
  if (spec.rootfs) throw cannot("its root is a directory of this host", "checkpoint it in place, or make an image of the directory first");
  if (spec.secrets?.length) throw cannot("it uses secrets, which stay on this host", "checkpoint it in place, without --export");
}

/** Volumes' files, each as an archive of its own; `scratch` is the caller's to remove. */
function volumeMembers(host: Host, { spec }: ContainerRecord, scratch: string): Member[] {
  const names = [...new Set((spec.mounts ?? []).filter(({ kind }) => kind === "volume").map(({ source }) => source))];
  return names.flatMap((name, index) => {
    const file = `${scratch}/volume-${index}.tar`;
    writeChunks(file, tarOfTree(mountVolumeOf(host, name), { withRoot: true }));
    return fileMember(`${members.volumes}/${name}.tar`, file);
  });
}

function rootfsMembers(host: Host, record: ContainerRecord, scratch: string): Member[] {
  const file = `${scratch}/rootfs.tar`;
  saveRootfs(host, record, file);
  const deleted = deletedPaths(host, record);
  return [...fileMember(members.rootfs, file), ...(deleted.length > 0 ? [{ name: members.deleted, bytes: jsonBytes(deleted) }] : [])];
}

interface Exporting {
  readonly host: Host;
  readonly record: ContainerRecord;
  readonly files: CheckpointFiles;
  readonly options: Omit<ExportOptions, "compression">;
  readonly scratch: string;
}

function allMembers({ host, record, files, options, scratch }: Exporting): Member[] {
  const config = readBundleConfig(record.state.bundle ?? `${host.paths.runDir(record.id)}/bundle`);
  const { driver = "k8s-file" } = record.spec.log ?? {};
  const isLogged = driver === "k8s-file" || driver === "json-file";
  return [
    { name: members.config, bytes: jsonBytes(podmanConfig(record, config)) },
    { name: members.spec, bytes: jsonBytes(podmanSpec(host, record, config)) },
    { name: members.own, bytes: ownDump(record) },
    ...fileMember(members.networkStatus, files.networkStatus),
    ...fileMember(members.statistics, files.dumpStatistics),
    ...fileMember(members.shm, files.shm),
    ...(isLogged ? fileMember(members.log, logPath(host, record)) : []),
    ...(options.ignoreRootfs ? [] : rootfsMembers(host, record, scratch)),
    ...(options.ignoreVolumes ? [] : volumeMembers(host, record, scratch)),
    ...(options.preCheckpoint ? imageMembers(files.preImages, members.preImages) : imageMembers(files.images, members.images)),
  ];
}

const packedBytes = 4 * 1024 * 1024;

/** Packs pieces of some megabytes, each a member or frame of its own: every reader takes them one after the other. */
export async function packing(compression: Compression, write: (chunk: Uint8Array) => void): Promise<{ write(chunk: Uint8Array): void; end(): void }> {
  if (compression === "none") return { write, end: () => {} };
  const zlib = await import("node:zlib");
  const level = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };
  const pack = compression === "gzip" ? (bytes: Uint8Array<ArrayBuffer>) => Bun.gzipSync(bytes, { level: 4 }) : (bytes: Uint8Array) => zlib.zstdCompressSync(bytes, level);
  const gathered = new Uint8Array(packedBytes);
  let filled = 0;
  const flush = (): void => {
    if (filled > 0) write(pack(gathered.subarray(0, filled)));
    filled = 0;
  };
  return {
    write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const part = chunk.subarray(at, at + packedBytes - filled);
        gathered.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled === packedBytes) flush();
      }
    },
    end: flush,
  };
}

/** The archive, unpacked, of a container that stands still. */
export function* checkpointArchive(host: Host, record: ContainerRecord, files: CheckpointFiles, options: Omit<ExportOptions, "compression"> = {}): Generator<Uint8Array> {
  refuseTravel(record);
  const scratch = `${files.folder}/export`;
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { mode: 0o700 });
  try {
    yield* archiveOf(allMembers({ host, record, files, options, scratch }));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** For CheckpointOptions.use. @param write gets the packed bytes; each chunk is valid during the call */
export function exportTo(write: (chunk: Uint8Array) => void, { compression, ...options }: ExportOptions): NonNullable<CheckpointOptions["use"]> {
  return async (host, record, files) => {
    const packed = await packing(compression, write);
    for (const chunk of checkpointArchive(host, record, files, options)) packed.write(chunk);
    packed.end();
  };
}
