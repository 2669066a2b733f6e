// export: a container's whole root as a tar stream.
// Source: podman-export(1).

import { errnoOf } from "../../base/fault.ts";
import { close } from "../../kernel/files.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { get } from "./lookup.ts";
import { withInsideOwners } from "../users/inside-owners.ts";
import { containerEvent } from "./container-event.ts";
import { mapsOfSpec } from "../users/start.ts";
import { rootOptions } from "./root.ts";
import { tarOfTree } from "../../storage/tar/tree.ts";

export interface ReadableRoot extends Disposable {
  readonly path: string;
  /** Each chunk is valid until the next is asked for. */
  tar(): Iterable<Uint8Array>;
}

interface Shown {
  readonly path: string;
  hide(): void;
}

function show(host: Host, record: Pick<ContainerRecord, "id" | "spec">): Shown {
  const { id, spec } = record;
  if (spec.rootfs) return { path: spec.rootfs.path, hide() {} };
  try {
    return { path: host.store.roots.mount(id, rootOptions(record)), hide: () => host.store.roots.unmount(id) };
  } catch (thrown) {
    // A store that cannot be written is read as it lies.
    const fd = errnoOf(thrown) === "EROFS" && mapsOfSpec(spec) === undefined ? host.store.roots.open(id) : undefined;
    if (fd === undefined) throw thrown;
    return { path: `/proc/self/fd/${fd}`, hide: () => close(fd) };
  }
}

/** The root as seen from the host, for as long as it is not disposed of; the lock is held by the caller. */
export function readRoot(host: Host, record: Pick<ContainerRecord, "id" | "spec">): ReadableRoot {
  const { path, hide } = show(host, record);
  return { path, tar: () => tarOfTree(path, { withRoot: true, ...withInsideOwners(record.spec) }), [Symbol.dispose]: hide };
}

/** @throws Fault "container.not-found", and whatever `write` throws */
export async function exportRoot(host: Host, nameOrId: string, write: (chunk: Uint8Array) => void): Promise<void> {
  const { id } = get(host, nameOrId);
  const record = fresh(host, id);
  // Mounting is counted, so that nobody need wait for us while we read.
  using root = await locked(host, id, () => readRoot(host, record));
  for (const chunk of root.tar()) write(chunk);
  containerEvent(host, record, "export");
}
