// A whole tree copied to a directory of the host, or as an archive.

import { closeQuietly, openDirectory } from "../../kernel/files.ts";
import { privilege } from "../../storage/privilege.ts";
import { TarReader } from "../../storage/tar/reader.ts";
import { tarOfTree } from "../../storage/tar/tree.ts";
import { Unpacker } from "../../storage/tar/unpack.ts";

export const tarOf = (tree: string): Iterable<Uint8Array> => tarOfTree(tree);

export function exportTree(tree: string, directory: string): void {
  const rootFd = openDirectory(directory);
  const unpacker = new Unpacker({ rootFd, ...privilege(), lenient: true, whiteouts: "keep" });
  try {
    const reader = new TarReader(unpacker);
    for (const chunk of tarOfTree(tree)) reader.push(chunk);
    reader.end();
    unpacker.finish();
  } finally {
    unpacker.dispose();
    closeQuietly(rootFd);
  }
}
