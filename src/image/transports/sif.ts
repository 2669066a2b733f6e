// sif: a Singularity image file as an image of one layer, whose command is what the file's definition says.
// Source: containers-transports(5), "sif:path"; Singularity definition files, "%environment", "%runscript".

import { closeSync, createReadStream, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { digestOf, newHasher } from "../../base/digest.ts";
import type { Digest } from "../../base/digest.ts";
import { Fault } from "../../base/fault.ts";
import { mediaTypes } from "../../base/media-types.ts";
import type { Descriptor } from "../../base/oci-image.ts";
import { scratch } from "../../base/scratch.ts";
import { needProgram, spawnSync } from "../../base/spawn.ts";
import { rfc3339 } from "../../base/time.ts";
import { rawManifest } from "../manifest.ts";
import type { Source } from "../source.ts";
import type { ImageSystem } from "../system.ts";
import { fileFault } from "../tree.ts";
import { readSif } from "./sif-file.ts";
import type { SifFile } from "./sif-file.ts";

const scriptDirectory = "podman";
const scriptName = `${scriptDirectory}/runscript`;
const complaintCharactersMax = 500;

interface Layer {
  readonly file: string;
  readonly descriptor: Descriptor;
}

/** Unpacks the file at once, into a scratch directory. @throws Fault "component.missing" without unsquashfs */
export async function sifSource(path: string, system: ImageSystem): Promise<Source> {
  const sif = readSif(path);
  const script = startScript(sif.definition);
  const unsquashfs = needProgram("unsquashfs", "squashfs-tools");
  const aside = scratch(system.tmpDir);
  try {
    const tree = join(aside.path, "tree");
    unpack(unsquashfs, path, { tree, sif });
    const layer = await writeLayer(tree, { file: join(aside.path, "layer.tar"), script, seconds: Math.floor(sif.modifiedMs / 1000) });
    return sourceOf({ path, sif, layer, command: script === undefined ? "bash" : `/${scriptName}` }, aside.remove);
  } catch (thrown) {
    aside.remove();
    throw fileFault(`cannot read "sif:${path}"`, thrown);
  }
}

/** What runs the image: its environment, then its run script; undefined where the definition has neither. */
export function startScript(definition: string | undefined): string | undefined {
  const sections: Record<string, string[]> = { "%environment": [], "%runscript": [] };
  let section: string[] | undefined;
  for (const line of (definition ?? "").split("\n").map(text => text.trim())) {
    if (line.startsWith("%")) section = Object.hasOwn(sections, line) ? sections[line] : undefined;
    else section?.push(line);
  }
  const [environment, runscript] = [sections["%environment"]!, sections["%runscript"]!];
  if (environment.length === 0 && runscript.length === 0) return undefined;
  return `#!/bin/bash\n${environment.join("\n")}\n${runscript.join("\n")}\n`;
}

function unpack(unsquashfs: string, path: string, { tree, sif }: { tree: string; sif: SifFile }): void {
  mkdirSync(tree);
  const ran = spawnSync([unsquashfs, "-f", "-no-progress", "-d", tree, "-o", String(sif.root.offset), path], { stdout: "ignore" });
  if (ran.status === 0) return;
  throw new Fault("image.malformed", `cannot read "sif:${path}": unsquashfs left with status ${ran.status}: ${ran.complaint().slice(0, complaintCharactersMax)}`);
}

interface Writing {
  readonly file: string;
  readonly script: string | undefined;
  readonly seconds: number;
}

/** The script is written into the archive and not into the tree, in which a link could lead out. */
async function writeLayer(tree: string, { file, script, seconds }: Writing): Promise<Layer> {
  const [{ tarOfTree }, { tarEnd, tarHeader, tarPadding }] = await Promise.all([import("../../storage/tar/tree.ts"), import("../../storage/tar/writer.ts")]);
  const entry = { linkName: "", device: { major: 0, minor: 0 }, xattrs: undefined, uid: 0, gid: 0, mode: 0o755, mtime: { sec: seconds, nsec: 0 } };
  // Who cannot give files away has unpacked them all as his own.
  const owned = process.geteuid!() === 0 ? {} : { alter: (one: object) => ({ ...one, uid: 0, gid: 0 }) as never };
  const hasher = newHasher();
  let size = 0;
  const fd = openSync(file, "w", 0o600);
  const write = (bytes: Uint8Array): void => {
    hasher.update(bytes);
    size += bytes.length;
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  };
  try {
    for (const chunk of tarOfTree(tree, { withRoot: true, withEnd: false, ...owned })) write(chunk);
    if (script !== undefined) {
      const bytes = new TextEncoder().encode(script);
      write(tarHeader({ ...entry, name: `./${scriptDirectory}`, kind: "directory", size: 0 }));
      write(tarHeader({ ...entry, name: `./${scriptName}`, kind: "file", size: bytes.length }));
      write(bytes);
      write(tarPadding(bytes.length));
    }
    write(tarEnd());
  } finally {
    closeSync(fd);
  }
  return { file, descriptor: { mediaType: mediaTypes.ociLayer, digest: hasher.digest(), size } };
}

interface Parts {
  readonly path: string;
  readonly sif: SifFile;
  readonly layer: Layer;
  readonly command: string;
}

function sourceOf({ path, sif, layer, command }: Parts, remove: () => void): Source {
  const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const created = rfc3339(sif.modifiedMs);
  const { descriptor } = layer;
  const configBytes = encode({
    created,
    architecture: sif.architecture,
    os: "linux",
    config: { Cmd: [command] },
    rootfs: { type: "layers", diff_ids: [descriptor.digest] },
    history: [
      { created, created_by: `/bin/sh -c #(nop) ADD file:${descriptor.digest.slice(7)} in /`, comment: `imported from SIF, uuid: ${sif.id}` },
      { created, created_by: `/bin/sh -c #(nop) CMD [${JSON.stringify(command)}]`, empty_layer: true },
    ],
  });
  const config = { mediaType: mediaTypes.ociConfig, digest: digestOf(configBytes), size: configBytes.length };
  const raw = rawManifest(encode({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [descriptor] }), mediaTypes.ociManifest);
  return {
    name: `sif:${path}`,
    isSynthesized: true,
    manifest: async () => raw,
    async blob({ digest }: { readonly digest: Digest }, offset = 0) {
      if (digest === config.digest) return { stream: once(configBytes.subarray(offset)), size: config.size };
      if (digest !== descriptor.digest) throw new Fault("image.malformed", `cannot read blob "${digest}": the SIF does not have it`);
      return { stream: createReadStream(layer.file, { start: offset, highWaterMark: 1024 * 1024 }), size: descriptor.size };
    },
    close: async () => remove(),
  };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
