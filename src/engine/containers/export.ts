// export: a container's whole root as a tar stream.
// Source: podman-export(1).

import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { get } from "./lookup.ts";
import { withInsideOwners } from "../users/inside-owners.ts";
import { containerEvent } from "./container-event.ts";
import { rootOptions } from "./root.ts";
import { tarOfTree } from "../../storage/tar/tree.ts";

export interface ReadableRoot extends Disposable {
  readonly path: string;
  /** Each chunk is valid until the next is asked for. */
  tar(): Iterable<Uint8Array>;
}

/** The root as seen from the host, for as long as it is not disposed of; the lock is held by the caller. */
export function readRoot(host: Host, record: Pick<ContainerRecord, "id" | "spec">): ReadableRoot {
  const { id, spec } = record;
  const path = spec.rootfs ? spec.rootfs.path : host.store.roots.mount(id, rootOptions(record));
  return {
    path,
    tar: () => tarOfTree(path, { withRoot: true, ...withInsideOwners(spec) }),
    [Symbol.dispose]() {
      if (!spec.rootfs) host.store.roots.unmount(id);
    },
  };
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
