// Where a layer that is one EROFS file shows its tree: mounted when it is first needed, and until the layer goes or the machine starts anew.
// One mount for all containers, so that they share what they have read. Source: Documentation/filesystems/erofs.rst.

import * as fs from "node:fs";
import { type Digest, hexOf } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { AT_FDCWD, close, O_RDONLY, openat2, readInto } from "../../kernel/files.ts";
import { lockFile } from "../../kernel/locks.ts";
import { isMountpoint, mount, MS_RDONLY, unmountAll } from "../../kernel/mounts.ts";
import { blobPath, layerPath, type StorePlace } from "../place.ts";
import { headBytes, readHead } from "./format.ts";

const viewsPath = ({ runroot }: StorePlace): string => `${runroot}/layers`;
const viewPath = (place: StorePlace, chainId: Digest): string => `${viewsPath(place)}/${hexOf(chainId)}`;

/** Undefined where the layer is not here. */
function isImage(file: string): boolean | undefined {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile();
}

/** Where the layer's tree lies, or will lie once it is needed. */
export function treePath(place: StorePlace, chainId: Digest): string {
  const path = layerPath(place, chainId);
  return isImage(path) ? viewPath(place, chainId) : path;
}

/** The same, there to be read. Undefined where the layer is not here. @throws Fault where the kernel does not mount it */
export function shownTree(place: StorePlace, { chainId, blob }: { readonly chainId: Digest; readonly blob: Digest }): string | undefined {
  const path = layerPath(place, chainId);
  const found = isImage(path);
  if (found === undefined) return undefined;
  if (!found) return path;
  const view = viewPath(place, chainId);
  if (!isMountpoint(view)) show(place, view, () => mountImage(path, { archive: blobPath(place, blob), target: view }));
  return view;
}

function show(place: StorePlace, view: string, mountIt: () => void): void {
  fs.mkdirSync(view, { recursive: true, mode: 0o700 });
  using _lock = lockFile(`${viewsPath(place)}/lock`, { exclusive: true, wait: true });
  fs.mkdirSync(view, { recursive: true, mode: 0o700 });
  if (!isMountpoint(view)) mountIt();
}

/** @param at.archive where the data lie, when not in the file itself */
export function mountImage(file: string, at: { readonly archive: string; readonly target: string }): void {
  const head = readHead(beginning(file));
  if (head === undefined) {
    throw new Fault("store.damaged", `cannot mount layer "${file}": it is no EROFS file system`, { hint: "run: podman system check --repair" });
  }
  mount({ source: file, target: at.target, type: "erofs", flags: MS_RDONLY, ...(head.hasArchive ? { data: `device=${at.archive}` } : {}) });
}

function beginning(file: string): Uint8Array {
  const bytes = new Uint8Array(headBytes);
  const fd = openat2(AT_FDCWD, file, { flags: O_RDONLY });
  try {
    return bytes.subarray(0, readInto(fd, bytes, 0));
  } finally {
    close(fd);
  }
}

/** Before the layer goes or another takes its place; containers that have it keep what they have. */
export function hideTree(place: StorePlace, chainId: Digest): void {
  const view = viewPath(place, chainId);
  if (!fs.existsSync(view)) return;
  unmountAll(view);
  fs.rmdirSync(view);
}

/** Of layers that no container has. */
export function hideUnused(place: StorePlace): void {
  const views = viewsPath(place);
  if (!fs.existsSync(views)) return;
  const used = new Set(place.db.query<{ chain: Digest }, []>(`WITH RECURSIVE used (chain) AS (
    SELECT layer FROM roots WHERE layer IS NOT NULL
    UNION SELECT layers.parent FROM layers JOIN used ON layers.chain = used.chain WHERE layers.parent IS NOT NULL
  ) SELECT chain FROM used`).all().map(({ chain }) => hexOf(chain)));
  for (const name of fs.readdirSync(views)) if (/^[0-9a-f]{64}$/.test(name) && !used.has(name)) hideTree(place, `sha256:${name}`);
}

/** Of all layers, for the end of a store. */
export function hideTrees(runroot: string): void {
  const views = `${runroot}/layers`;
  if (!fs.existsSync(views)) return;
  for (const name of fs.readdirSync(views)) unmountAll(`${views}/${name}`);
  fs.rmSync(views, { recursive: true, force: true });
}
