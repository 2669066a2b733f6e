// The archive of a checkpoint: which members it has, in podman's names and order, as one tar stream.
// Source: checkpointctl's metadata library, "Checkpoint archive"; podman-container-checkpoint(1), "--export".

import { newHasher } from "../../base/digest.ts";
import { close, openat2, AT_FDCWD, fstat, O_NOFOLLOW, O_RDONLY, readInto } from "../../kernel/files.ts";
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { tarEnd, tarHeader, tarPadding, type WrittenEntry } from "../../storage/tar/writer.ts";

export const members = {
  config: "config.dump", spec: "spec.dump", own: "coracle.dump", digests: "coracle.digests", networkStatus: "network.status",
  statistics: "stats-dump", shm: "devshm-checkpoint.tar", log: "ctr.log", rootfs: "rootfs-diff.tar", deleted: "deleted.files",
  volumes: "volumes", images: "checkpoint", preImages: "pre-checkpoint",
} as const;

/** One member: bytes held in memory, or a file of ours. */
export type Member = { readonly name: string } & ({ readonly bytes: Uint8Array } | { readonly file: string } | { readonly link: string } | { readonly folder: true });

const entryOf = (name: string, kind: WrittenEntry["kind"], more: Partial<WrittenEntry> = {}): WrittenEntry => ({
  name, kind, mode: kind === "directory" ? 0o700 : 0o600, uid: 0, gid: 0, size: 0, mtime: { sec: Math.floor(Date.now() / 1000), nsec: 0 },
  linkName: "", device: { major: 0, minor: 0 }, xattrs: undefined, ...more,
});

const pieceBytes = 1024 * 1024;

/** Each chunk is valid until the next is asked for. */
function* fileChunks(path: string, name: string, tell: (chunk: Uint8Array) => void): Generator<Uint8Array> {
  const fd = openat2(AT_FDCWD, path, { flags: O_RDONLY | O_NOFOLLOW });
  try {
    const { size } = fstat(fd);
    yield tarHeader(entryOf(name, "file", { size }));
    const buffer = new Uint8Array(Math.min(pieceBytes, Math.max(size, 1)));
    for (let left = size; left > 0; ) {
      const part = buffer.subarray(0, Math.min(left, buffer.length));
      const got = readInto(fd, part);
      // It was cut while we read: the header has promised its size.
      if (got === 0) part.fill(0);
      const chunk = got === 0 ? part : part.subarray(0, got);
      tell(chunk);
      yield chunk;
      left -= chunk.length;
    }
    yield tarPadding(size);
  } finally {
    close(fd);
  }
}

/** The members in order, and at the end the digests of all of them, by which an importer knows that nothing is missing. */
export function* archiveOf(all: Iterable<Member>): Generator<Uint8Array> {
  const digests: Record<string, string> = {};
  for (const member of all) {
    const { name } = member;
    if ("folder" in member) yield tarHeader(entryOf(name, "directory"));
    else if ("link" in member) yield tarHeader(entryOf(name, "symlink", { linkName: member.link, mode: 0o777 }));
    else {
      const hasher = newHasher();
      if ("bytes" in member) {
        hasher.update(member.bytes);
        yield tarHeader(entryOf(name, "file", { size: member.bytes.length }));
        yield member.bytes;
        yield tarPadding(member.bytes.length);
      } else yield* fileChunks(member.file, name, chunk => hasher.update(chunk));
      digests[name] = hasher.digest();
    }
  }
  const bytes = jsonBytes(digests);
  yield tarHeader(entryOf(members.digests, "file", { size: bytes.length }));
  yield bytes;
  yield tarPadding(bytes.length);
  yield tarEnd();
}

export const jsonBytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value, undefined, 2));

/** A folder of criu's images: flat, but for the link to an earlier dump. */
export function imageMembers(folder: string, name: string): Member[] {
  if (!statSync(folder, { throwIfNoEntry: false })) return [];
  const entries = readdirSync(folder, { withFileTypes: true }).sort((one, two) => (one.name < two.name ? -1 : 1));
  return [{ name, folder: true }, ...entries.flatMap((entry): Member[] => {
    const path = `${folder}/${entry.name}`;
    if (entry.isSymbolicLink()) return [{ name: `${name}/${entry.name}`, link: readlinkSync(path) }];
    return entry.isFile() ? [{ name: `${name}/${entry.name}`, file: path }] : [];
  })];
}

export const fileMember = (name: string, file: string): Member[] => (statSync(file, { throwIfNoEntry: false }) ? [{ name, file }] : []);
