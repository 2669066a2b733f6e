// storage.conf, as far as it concerns a store of ours: where additional image stores lie, and a root that is one of ours.
// Source: containers-storage.conf(5).

import { existsSync, readFileSync } from "node:fs";
import { configHome } from "../base/conf-module.ts";
import { errnoOf, Fault, reasonOf } from "../base/fault.ts";
import type { LayerForm } from "../storage/store.ts";
import { parseToml, type TomlTable } from "../base/toml.ts";

export interface StorageConf {
  /** Only where they name a store of ours: Podman's own is never written to. */
  readonly root?: string;
  readonly runroot?: string;
  /** How large layers are kept; undefined where that is to be found out. */
  readonly layerForm?: LayerForm;
  /** In their order; absolute. */
  readonly additionalImageStores: readonly string[];
  /** The file it was read from; undefined where there is none. */
  readonly file?: string;
}

interface StorageConfPlaces {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly rootless: boolean;
  /** --storage-opt, which takes the place of the file's options. */
  readonly options?: readonly string[];
}

const bytesMax = 1024 * 1024;

function fileOf({ env, rootless }: StorageConfPlaces): string | undefined {
  const asked = env["CONTAINERS_STORAGE_CONF"];
  if (asked) return asked;
  const home = rootless ? configHome(env) : undefined;
  const own = home === undefined ? [] : [`${home}/storage.conf`];
  return [...own, "/etc/containers/storage.conf", "/usr/share/containers/storage.conf"].find(path => existsSync(path));
}

function readTable(file: string): TomlTable {
  try {
    const text = readFileSync(file, "utf8");
    if (text.length > bytesMax) throw new Fault("input.too-large", `cannot read "${file}": larger than ${bytesMax} bytes`);
    return parseToml(text, file);
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    if (errnoOf(cause) === "ENOENT") throw new Fault("config.invalid", `cannot read "${file}": no such file or directory`, { cause, hint: "correct CONTAINERS_STORAGE_CONF" });
    throw new Fault("config.invalid", `cannot read "${file}": ${reasonOf(cause)}`, { cause });
  }
}

const wrong = (file: string, key: string, wanted: string): Fault =>
  new Fault("config.invalid", `cannot read "${file}": ${key} is not ${wanted}`, { hint: `give ${key} ${wanted}` });

function tableIn(table: TomlTable, key: string, file: string): TomlTable {
  const found = table[key] ?? {};
  if (typeof found !== "object" || Array.isArray(found)) throw wrong(file, key, "a table");
  return found as TomlTable;
}

function textIn(table: TomlTable, key: string, file: string): string | undefined {
  const found = table[key];
  if (found === undefined || typeof found === "string") return found;
  throw wrong(file, `storage.${key}`, "a string");
}

/** "overlay.imagestore=DIR" and ".imagestore=DIR"; other options are the original's affair and say nothing about a store of ours. */
const storesOfOptions = (options: readonly string[]): string[] => options.flatMap(option => /^(?:overlay2?|vfs)?\.?imagestore=(.+)$/.exec(option)?.[1] ?? []);

/** Of ours alone: `layers` in [storage.options.overlay], or "overlay.layers=…" */
function checkedForm(form: unknown, where: string): { readonly layerForm?: LayerForm } {
  if (form === undefined || form === "") return {};
  if (form === "erofs" || form === "directory") return { layerForm: form };
  throw wrong(where, "storage.options.overlay.layers", '"erofs" or "directory"');
}

const formOfOptions = (options: readonly string[]): string | undefined => options.flatMap(option => /^overlay2?\.layers=(.*)$/.exec(option)?.[1] ?? []).at(-1);

/** @throws Fault "config.invalid" with the file */
export function readStorageConf(places: StorageConfPlaces): StorageConf {
  const written = storesOfOptions(places.options ?? []);
  const file = fileOf(places);
  const form = checkedForm(formOfOptions(places.options ?? []), "--storage-opt");
  if (file === undefined) return { additionalImageStores: checked(written, "--storage-opt"), ...form };
  const storage = tableIn(readTable(file), "storage", file);
  const listed = tableIn(storage, "options", file)["additionalimagestores"] ?? [];
  if (!Array.isArray(listed) || !listed.every(entry => typeof entry === "string")) throw wrong(file, "storage.options.additionalimagestores", "a list of strings");
  const ofOverlay = tableIn(tableIn(storage, "options", file), "overlay", file)["layers"];
  const root = textIn(storage, "graphroot", file);
  const runroot = textIn(storage, "runroot", file);
  const isOurs = root !== undefined && existsSync(`${root}/coracle.db`);
  return {
    additionalImageStores: written.length > 0 ? checked(written, "--storage-opt") : checked(listed as string[], file),
    ...checkedForm(ofOverlay, file),
    ...form,
    ...(isOurs ? { root, ...(runroot ? { runroot } : {}) } : {}),
    file,
  };
}

function checked(stores: readonly string[], where: string): readonly string[] {
  const relative = stores.find(store => !store.startsWith("/"));
  if (relative === undefined) return stores;
  throw new Fault("config.invalid", `cannot use the additional image store "${relative}" of ${where}: its path is not absolute`);
}
