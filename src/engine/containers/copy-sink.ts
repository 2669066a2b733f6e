// Where cp puts entries of an archive: below one directory, with owners changed and conflicts refused on the way.

import { Fault } from "../../base/fault.ts";
import { outsideId, type IdMaps } from "../../base/id-mapping.ts";
import { findStat, RESOLVE_BENEATH, O_PATH, O_DIRECTORY, tryOpenat2, closeQuietly } from "../../kernel/files.ts";
import { type ByteText, showName, type TarEntry, toPath } from "../../storage/tar/entry.ts";
import { cleanName, splitPath } from "../../storage/tar/names.ts";
import type { TarHandler } from "../../storage/tar/reader.ts";
import { Unpacker } from "../../storage/tar/unpack.ts";
import { privilege } from "../../storage/privilege.ts";
import { isDirectory } from "./copy-view.ts";

export interface SinkOptions {
  /** A handle on the directory; stays the caller's. */
  readonly directory: number;
  /** What messages call the directory. */
  readonly shown: string;
  /** Everything becomes theirs; absent: owners stay as the archive has them. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Whose numbers the archive has, of a container with users of its own. */
  readonly maps?: IdMaps;
  /** A directory may give way to a file, and a file to a directory. */
  readonly overwrite: boolean;
  /** Device nodes are left out. */
  readonly noDevices: boolean;
}

export class CopySink implements TarHandler {
  readonly #options: SinkOptions;
  readonly #unpacker: Unpacker;
  #isLeftOut = false;
  /** Entries so far. */
  count = 0;

  constructor(options: SinkOptions) {
    this.#options = options;
    this.#unpacker = new Unpacker({ rootFd: options.directory, ...privilege(), whiteouts: "keep" });
  }

  entry(entry: TarEntry): void {
    this.count++;
    const path = cleanName(entry.name);
    const isDevice = entry.kind === "character" || entry.kind === "block";
    // The directory itself stays as it is.
    this.#isLeftOut = path === "" || (isDevice && this.#options.noDevices);
    if (this.#isLeftOut) return;
    this.#refuseConflict(path, entry.kind === "directory");
    this.#unpacker.entry({ ...entry, ...(this.#options.owner ?? this.#outside(entry)) });
  }

  #outside({ uid, gid }: TarEntry): { uid: number; gid: number } {
    const { maps } = this.#options;
    const [outerUid, outerGid] = maps ? [outsideId(uid, maps.uid), outsideId(gid, maps.gid)] : [uid, gid];
    if (outerUid !== undefined && outerGid !== undefined) return { uid: outerUid, gid: outerGid };
    throw new Fault("usage.invalid", `cannot copy a file of ${uid}:${gid}: these are not in the container's user namespace`, { hint: "copy it with --archive, which gives it to the container's user" });
  }

  data(bytes: Uint8Array, offset: number): void {
    if (!this.#isLeftOut) this.#unpacker.data(bytes, offset);
  }

  done(): void {
    if (!this.#isLeftOut) this.#unpacker.done();
  }

  finish(): void {
    this.#unpacker.finish();
  }

  dispose(): void {
    this.#unpacker.dispose();
  }

  #refuseConflict(path: ByteText, wantsDirectory: boolean): void {
    if (this.#options.overwrite) return;
    const found = this.#find(path);
    if (found === undefined || isDirectory(found) === wantsDirectory) return;
    const whole = `${this.#options.shown.replace(/\/+$/, "")}/${showName(path)}`;
    throw new Fault("system.exists", `error creating ${JSON.stringify(whole)}: ${wantsDirectory ? "mkdir" : "open"} ${whole}: file exists`, {
      hint: "use --overwrite to let one replace the other",
    });
  }

  #find(path: ByteText): ReturnType<typeof findStat> {
    const { directory, name } = splitPath(path);
    if (directory === "") return findStat(this.#options.directory, toPath(name));
    const fd = tryOpenat2(this.#options.directory, toPath(directory), { flags: O_PATH | O_DIRECTORY, resolve: RESOLVE_BENEATH });
    if (fd < 0) return undefined;
    try {
      return findStat(fd, toPath(name));
    } finally {
      closeQuietly(fd);
    }
  }
}
