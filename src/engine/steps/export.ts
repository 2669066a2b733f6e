// A whole tree copied to a directory of the host, or as an archive.

import { closeQuietly, openDirectory } from "../../kernel/files.ts";
import { privilege } from "../../storage/privilege.ts";
import { TarReader } from "../../storage/tar/reader.ts";
import { tarOfTree } from "../../storage/tar/tree.ts";
import { Unpacker } from "../../storage/tar/unpack.ts";

/** @param seconds since 1970: the time that every entry gets instead of its own */
export function tarOf(tree: string, seconds?: number): Iterable<Uint8Array> {
  return tarOfTree(tree, seconds === undefined ? {} : { alter: entry => ({ ...entry, mtime: { sec: seconds, nsec: 0 } }) });
}

export function exportTree(tree: string, directory: string, seconds?: number): void {
  const rootFd = openDirectory(directory);
  const unpacker = new Unpacker({ rootFd, ...privilege(), lenient: true, whiteouts: "keep" });
  try {
    const reader = new TarReader(unpacker);
    for (const chunk of tarOf(tree, seconds)) reader.push(chunk);
    reader.end();
    unpacker.finish();
  } finally {
    unpacker.dispose();
    closeQuietly(rootFd);
  }
}
