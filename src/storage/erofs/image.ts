// A layer as one EROFS file: what its archive says, in front of or beside the archive's own bytes, from which the kernel reads the files' data.

import { O_CREAT, O_EXCL, O_WRONLY, AT_FDCWD, close, openat2, writeAll } from "../../kernel/files.ts";
import type { RootAttributes } from "../tar/unpack.ts";
import { TarReader } from "../tar/reader.ts";
import { blockBytes, headBytes, headOf } from "./format.ts";
import { layOut } from "./layout.ts";
import { LayerNodes } from "./nodes.ts";

const roundUp = (value: number): number => Math.ceil(value / blockBytes) * blockBytes;

/** Takes the archive in chunks; the file is whole after `end`. */
export class LayerImage implements Disposable {
  readonly #fd: number;
  readonly #nodes: LayerNodes;
  readonly #reader: TarReader;
  #size = 0;
  #keepsArchive = false;

  /** @param file does not exist yet */
  constructor(file: string) {
    this.#nodes = new LayerNodes(Math.floor(Date.now() / 1000));
    this.#reader = new TarReader(this.#nodes);
    this.#fd = openat2(AT_FDCWD, file, { flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600 });
  }

  /** With `isStored` these bytes lie in a file of their own, at the same position. The same for all chunks. @throws Unsuited, Fault as `Unpacker` */
  push(bytes: Uint8Array, isStored: boolean): void {
    this.#reader.push(bytes);
    if (!isStored) {
      writeAll(this.#fd, bytes, headBytes + this.#size);
      this.#keepsArchive = true;
    }
    this.#size += bytes.length;
  }

  end(): RootAttributes | undefined {
    this.#reader.end();
    const archiveEnd = headBytes + (this.#keepsArchive ? roundUp(this.#size) : 0);
    const metadataBlock = archiveEnd / blockBytes;
    const place = this.#keepsArchive ? { device: 0, firstBlock: headBytes / blockBytes } : { device: 1, firstBlock: 0 };
    const { bytes, rootNid, inodes } = layOut(this.#nodes.top, { ...place, metadataBlock });
    writeAll(this.#fd, bytes, archiveEnd);
    const blocks = metadataBlock + bytes.length / blockBytes;
    const archiveBlocks = this.#keepsArchive ? undefined : roundUp(this.#size) / blockBytes;
    writeAll(this.#fd, headOf({ rootNid, inodes, blocks, metadataBlock, archiveBlocks }), 0);
    return this.#nodes.root;
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}
