// volume export and import, mount and unmount: a volume's files as a tar stream and at a path of the host.
// Source: podman-volume-export(1), podman-volume-import(1), podman-volume-mount(1).

import { Fault } from "../../base/fault.ts";
import { close, openDirectory } from "../../kernel/files.ts";
import { inflate } from "../../storage/inflate.ts";
import { TarReader } from "../../storage/tar/reader.ts";
import { tarOfTree } from "../../storage/tar/tree.ts";
import { CopySink } from "../containers/copy-sink.ts";
import { isLive, observe } from "../containers/observe.ts";
import type { Host } from "../host.ts";
import { isBacked, isMountedVolume, mountVolume, unmountVolume } from "./backing.ts";
import { getVolume } from "./volumes.ts";

/** Where its files are; mounted first where it is a mount of its own. @throws Fault "volume.not-found" */
export function mountVolumeOf(host: Host, name: string): string {
  const volume = getVolume(host, name);
  if (isBacked(volume)) mountVolume(host, volume);
  return volume.mountpoint;
}

/** A running container's volume stays mounted. Answers its name. */
export function unmountVolumeOf(host: Host, name: string): string {
  const volume = getVolume(host, name);
  const isUsed = host.state.usersOfVolume(volume.name).some(id => {
    const record = host.state.findById(id);
    return record !== undefined && isLive(observe(host, record).state);
  });
  if (!isUsed && isMountedVolume(host, volume.name)) unmountVolume(host, volume.name);
  return volume.name;
}

/** A mount that is there only for `act` goes after it. */
async function whileMounted(host: Host, name: string, act: (path: string) => void | Promise<void>): Promise<void> {
  const wasMounted = isMountedVolume(host, getVolume(host, name).name);
  const path = mountVolumeOf(host, name);
  try {
    await act(path);
  } finally {
    if (!wasMounted) unmountVolumeOf(host, name);
  }
}

export async function exportVolume(host: Host, name: string, write: (chunk: Uint8Array) => void): Promise<void> {
  await whileMounted(host, name, path => {
    for (const chunk of tarOfTree(path, { withRoot: true })) write(chunk);
  });
}

/** What is in the archive, packed or not, comes to what is in the volume. @throws Fault "layer.malformed" */
export async function importVolume(host: Host, name: string, archive: AsyncIterable<Uint8Array>): Promise<void> {
  await whileMounted(host, name, path => unpack(path, archive));
  const record = host.state.findVolume(getVolume(host, name).name);
  // It has its content now; the image's must not come over it.
  if (record?.needsCopyUp) host.state.saveVolume({ ...record, needsCopyUp: false });
}

async function unpack(path: string, archive: AsyncIterable<Uint8Array>): Promise<void> {
  const directory = openDirectory(path);
  const sink = new CopySink({ directory, shown: "/", overwrite: true, noDevices: false });
  try {
    const reader = new TarReader(sink);
    await inflate(archive, bytes => reader.push(bytes));
    reader.end();
    if (sink.count === 0) throw new Fault("layer.malformed", "cannot import: the archive is empty");
    sink.finish();
  } finally {
    sink.dispose();
    close(directory);
  }
}
