// What the tests of this room share: stores in temporary directories, archives made by our writer, layers from them.

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { digestOf, type Digest } from "../base/digest.ts";
import { openStore, type ApplyLayer, type Store, type StoreOptions } from "./store.ts";
import { hideTrees } from "./erofs/views.ts";
import { tarEnd, tarHeader, tarPadding, type WrittenEntry } from "./tar/writer.ts";

export interface TestStore extends Disposable {
  readonly directory: string;
  readonly store: Store;
  /** Opens the same store once more, as another process would. */
  again(): Store;
}

export function testStore(how: Pick<StoreOptions, "layerForm"> = {}): TestStore {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "coracle-store-"));
  const opened: Store[] = [];
  const again = (): Store => {
    const store = openStore({ root: `${directory}/root`, runroot: `${directory}/run`, ...how });
    opened.push(store);
    return store;
  };
  const store = again();
  return {
    directory,
    store,
    again,
    [Symbol.dispose]() {
      for (const root of store.roots.list()) store.roots.unmount(root.id, { force: true });
      for (const one of opened) one.close();
      hideTrees(`${directory}/run`);
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}

const plain: WrittenEntry = {
  name: "", kind: "file", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: { sec: 1_600_000_000, nsec: 0 }, linkName: "",
  device: { major: 0, minor: 0 }, xattrs: undefined,
};

export type TestEntry = Partial<WrittenEntry> & { readonly name: string; readonly text?: string };

export function archive(...entries: TestEntry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const { text = "", ...fields } of entries) {
    const data = Buffer.from(text);
    parts.push(tarHeader({ ...plain, ...fields, size: data.length }), data, tarPadding(data.length));
  }
  return Uint8Array.from(Buffer.concat([...parts, tarEnd()]));
}

export async function* inChunks(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

/** A layer of the given archive, alone on the bottom; fields may be told lies. */
export function layerOf(tar: Uint8Array<ArrayBuffer>, lies: Partial<ApplyLayer> & { blob?: Uint8Array } = {}): ApplyLayer {
  const { blob = Bun.gzipSync(tar), ...rest } = lies;
  const diffId = digestOf(tar);
  return {
    chainId: diffId,
    diffId,
    source: { digest: digestOf(blob), size: blob.length, compression: "gzip", open: async offset => inChunks(blob.subarray(offset)) },
    ...rest,
  };
}

/** All names below a directory, sorted, but the database's and notes: of what is being written back, of what was found out by trying. */
export function tree(directory: string): string[] {
  const names = fs.readdirSync(directory, { recursive: true, encoding: "utf8" });
  return names.filter(name => !/^(coracle\.db|write-back|driver$|layer-form$)/.test(name)).sort();
}

export const emptyTree = ["blobs", "blobs/partial", "blobs/sha256", "layers", "roots", "staging"];

/** Puts an image of these layers (from the base up) under a name; returns its ID. */
export async function putImage(store: Store, name: string, tars: readonly Uint8Array<ArrayBuffer>[]): Promise<string> {
  const { chainIds } = await import("./chain.ts");
  using lease = store.lease();
  const diffIds = tars.map(tar => digestOf(tar));
  const chain = chainIds(diffIds);
  const blobs: Digest[] = [];
  for (const [index, tar] of tars.entries()) {
    const applied = await store.layers.apply({ ...layerOf(tar), chainId: chain[index]!, parent: chain[index - 1], lease });
    blobs.push(applied.blob);
  }
  const config = store.blobs.put(Buffer.from(JSON.stringify({ name, diffIds })), lease);
  const manifest = store.blobs.put(Buffer.from(JSON.stringify({ config })), lease);
  return store.images.put({ config, manifest: { digest: manifest, mediaType: "test" }, layers: chain, blobs, names: [name] }).id;
}
