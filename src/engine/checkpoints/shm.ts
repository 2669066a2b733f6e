// What lies in a container's /dev/shm, which is a mount of the host's and so in none of criu's images.

import { closeSync, existsSync, openSync, readSync, writeSync } from "node:fs";
import { close, openDirectory } from "../../kernel/files.ts";
import { isMountpoint } from "../../kernel/mounts.ts";
import { TarReader } from "../../storage/tar/reader.ts";
import { tarOfTree } from "../../storage/tar/tree.ts";
import { CopySink } from "../containers/copy-sink.ts";
import { mountShm, shmDirectory } from "../containers/root.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";

/** Writes chunks to a new file of ours alone. */
export function writeChunks(path: string, chunks: Iterable<Uint8Array>): void {
  const fd = openSync(path, "w", 0o600);
  try {
    for (const chunk of chunks) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
  } finally {
    closeSync(fd);
  }
}

const pieceBytes = 1024 * 1024;

/** Puts a tar archive's files into a directory, over what is there; nothing leads out of it. */
export function unpackInto(directory: string, archive: string): void {
  const target = openDirectory(directory);
  const sink = new CopySink({ directory: target, shown: "/", overwrite: true, noDevices: false });
  const fd = openSync(archive, "r");
  const buffer = new Uint8Array(pieceBytes);
  try {
    const reader = new TarReader(sink);
    for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) reader.push(buffer.subarray(0, got));
    reader.end();
    sink.finish();
  } finally {
    sink.dispose();
    closeSync(fd);
    close(target);
  }
}

export function saveShm(host: Host, { id }: ContainerRecord, path: string): void {
  const directory = shmDirectory(host, id);
  if (isMountpoint(directory)) writeChunks(path, tarOfTree(directory));
}

export function restoreShm(host: Host, record: ContainerRecord, path: string): void {
  const kind = record.spec.namespaces?.ipc?.kind ?? "shareable";
  if (kind !== "shareable" || !existsSync(path)) return;
  unpackInto(mountShm(host, record), path);
}
