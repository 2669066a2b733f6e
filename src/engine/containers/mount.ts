// mount, umount: a container's root at a path of the host.
// Source: podman-mount(1), podman-umount(1).

import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import type { Choice, Outcome } from "../batch.ts";
import type { Host } from "../host.ts";
import { fresh, locked } from "../state/lock.ts";
import type { ContainerRecord } from "../state/state.ts";
import { mountedWorking, mountWorking, unmountWorking } from "../working/mount.ts";
import { getWorking } from "../working/records.ts";
import { apart, choose, onEach } from "./choose.ts";
import { isLive, observe } from "./observe.ts";
import { containerEvent } from "./container-event.ts";
import { rootOptions } from "./root.ts";

export interface Mounted extends Outcome {
  readonly path?: string;
}

/** Mounts each and answers its path. */
export async function mount(host: Host, choice: Choice): Promise<Mounted[]> {
  const { names, external } = apart(host, choice.names ?? []);
  if (external.length > 0) {
    const done = await Promise.all(external.map(async target => ({ target, id: getWorking(host, target).id, path: await mountWorking(host, getWorking(host, target)) })));
    return names.length > 0 ? [...done, ...await mount(host, { ...choice, names })] : done;
  }
  return onEach<Mounted>(choose(host, choice), ({ id }) => locked(host, id, () => {
    const record = fresh(host, id);
    if (record.spec.rootfs) return { path: record.spec.rootfs.path };
    const path = host.store.roots.mount(id, rootOptions(record));
    host.state.saveState(id, { ...record.state, mountCount: (record.state.mountCount ?? 0) + 1 });
    containerEvent(host, record, "mount");
    return { path };
  }));
}

/** Our own users of the mount, without the running process. */
const asked = (host: Host, record: ContainerRecord): number => host.store.roots.isMounted(record.id) ? record.state.mountCount ?? 0 : 0;

export async function unmount(host: Host, choice: Choice, options: { force?: boolean } = {}): Promise<Outcome[]> {
  const { names, external } = apart(host, choice.names ?? []);
  if (external.length > 0) {
    const records = external.map(target => ({ target, record: getWorking(host, target) }));
    for (const { record } of records) await unmountWorking(host, record);
    const done = records.map(({ target, record: { id } }) => ({ target, id }));
    return names.length > 0 ? [...done, ...await unmount(host, { ...choice, names }, options)] : done;
  }
  const chosen = choose(host, choice, { all: record => asked(host, record) > 0 });
  return onEach(chosen, ({ id }) => locked(host, id, () => {
    const record = fresh(host, id);
    const count = asked(host, record);
    const runs = isLive(observe(host, record).state) || record.state.status === "initialized";
    if (count === 0) {
      if (!options.force && !choice.all) throw new Fault("container.wrong-state", `container ${id} is not mounted: layer is not mounted`);
      return;
    }
    if (runs && count <= 0) log.warn(`container ${id} is using its mount`);
    host.store.roots.unmount(id, options.force && !runs ? { force: true } : {});
    host.state.saveState(id, { ...record.state, mountCount: options.force ? 0 : count - 1 });
    containerEvent(host, record, "unmount");
  }));
}

/** What `mount` made and nobody unmounted yet. */
export function mounted(host: Host): { id: string; name: string; path: string }[] {
  const external = mountedWorking(host).map(({ record: { id, name }, path }) => ({ id, name, path }));
  const own = host.state.containers().flatMap(record =>
    asked(host, record) > 0 || (isLive(observe(host, record).state) && !record.spec.rootfs && host.store.roots.isMounted(record.id))
      ? [{ id: record.id, name: record.name, path: host.store.roots.path(record.id) }]
      : []);
  return [...own, ...external];
}
