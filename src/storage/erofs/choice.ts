// Whether large layers are kept as EROFS files here: found out by trying, once for a store and a kernel.

import * as fs from "node:fs";
import { errnoOf, Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { mountOverlay, unmountAll } from "../../kernel/mounts.ts";
import { knownDriver } from "../driver.ts";
import { takeLease } from "../leases.ts";
import type { StorePlace } from "../place.ts";
import { privilege } from "../privilege.ts";
import type { LayerForm } from "../store.ts";
import type { TarEntry } from "../tar/entry.ts";
import { tarEnd, tarHeader, tarPadding } from "../tar/writer.ts";
import { LayerImage } from "./image.ts";
import { mountImage } from "./views.ts";

/** Bytes of the blob. A smaller layer is unpacked in less time than its mount would take from those who use it. */
const imageBytesMin = 1024 * 1024;

/** How a layer of so many bytes is to be kept. */
export function formFor(place: StorePlace, blobBytes: number | undefined): LayerForm {
  if ((blobBytes ?? 0) < imageBytesMin || place.layerForm === "directory") return "directory";
  if (place.layerForm === "erofs") return "erofs";
  return remembered(place) ?? choose(place);
}

/** Each kernel is tried by itself. */
const choiceFile = ({ root }: StorePlace): string => `${root}/layer-form`;
const kernelRelease = (): string => fs.readFileSync("/proc/sys/kernel/osrelease", "latin1").trim();

function remembered(place: StorePlace): LayerForm | undefined {
  try {
    const [form, release] = fs.readFileSync(choiceFile(place), "latin1").trim().split(" ");
    return release === kernelRelease() && (form === "erofs" || form === "directory") ? form : undefined;
  } catch {
    return undefined;
  }
}

/** Where nothing can be written nothing can be tried, and no layer will come: it is not remembered then. */
function choose(place: StorePlace): LayerForm {
  try {
    const form = works(place) ? "erofs" : "directory";
    const staged = `${choiceFile(place)}.${process.pid}`;
    fs.writeFileSync(staged, `${form} ${kernelRelease()}\n`, { mode: 0o600 });
    fs.renameSync(staged, choiceFile(place));
    return form;
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    log.debug(`layers are kept as directories: ${(thrown as Error).message}`);
    return "directory";
  }
}

/**
 * Labels are the files' own in a directory, and an EROFS file has none: with SELinux layers stay directories.
 * Another overlay over the first one must be possible too, as builds have it: each may count as one of the two levels that the kernel allows.
 */
function works(place: StorePlace): boolean {
  if (privilege().lenient || (knownDriver(place) ?? "overlay") !== "overlay" || fs.existsSync("/sys/fs/selinux/enforce")) return false;
  using lease = takeLease(place, () => {});
  const inside = (name: string): string => `${lease.directory}/${name}`;
  for (const name of ["tree", "one", "one/upper", "one/work", "one/merged", "two", "two/upper", "two/work", "two/merged"]) fs.mkdirSync(inside(name));
  try {
    writeTrial(inside("archive"), inside("image"));
    mountImage(inside("image"), { archive: inside("archive"), target: inside("tree") });
    // Unmounting another would write back all that the disk's file system has in memory.
    const over = (name: string, lower: string): void =>
      mountOverlay({ lower: [lower], upper: inside(`${name}/upper`), work: inside(`${name}/work`), target: inside(`${name}/merged`), options: { redirectDir: "off", volatile: true } });
    over("one", inside("tree"));
    over("two", inside("one/merged"));
    return fs.readFileSync(inside("two/merged/file"), "latin1") === trialText;
  } catch (thrown) {
    if (!(thrown instanceof Fault) && (thrown as { code?: string }).code === undefined) throw thrown;
    log.debug(`layers are kept as directories: ${(thrown as Error).message}`);
    return false;
  } finally {
    for (const name of ["two/merged", "one/merged", "tree"]) unmountAll(inside(name));
  }
}

const trialText = "read from the archive";
const trialEntry: TarEntry = {
  name: "file", kind: "file", mode: 0o644, uid: 0, gid: 0, size: trialText.length, mtime: { sec: 0, nsec: 0 }, linkName: "",
  device: { major: 0, minor: 0 }, xattrs: undefined, regions: undefined,
};

function writeTrial(archive: string, file: string): void {
  const bytes = Buffer.concat([tarHeader(trialEntry), Buffer.from(trialText), tarPadding(trialText.length), tarEnd()]);
  fs.writeFileSync(archive, bytes);
  using image = new LayerImage(file);
  image.push(bytes, true);
  image.end();
}
