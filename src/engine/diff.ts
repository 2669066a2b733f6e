// diff: what a container or an image changed in what it was made from, or in another one.
// Source: podman-diff(1).

import { Fault } from "../base/fault.ts";
import { lookupImage } from "../image/resolve.ts";
import { changesOf } from "../storage/changes.ts";
import { compareTrees } from "../storage/compare.ts";
import type { Change, StoredImage } from "../storage/store.ts";
import { readRoot } from "./containers/export.ts";
import { find } from "./containers/lookup.ts";
import type { Host } from "./host.ts";
import { mountImage, unmountImage } from "./images-mount.ts";
import type { ContainerRecord } from "./state/state.ts";
import { findWorking } from "./working/records.ts";

export type DiffKind = "container" | "image" | "any";

type Subject = { readonly image: StoredImage } | { readonly record: Pick<ContainerRecord, "id" | "spec"> };

/** What the runtime puts into every container. */
const ofEveryContainer: readonly string[] = [
  "/dev", "/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf", "/proc", "/run", "/run/.containerenv", "/run/notify",
  "/run/podman-init", "/run/secrets", "/sys",
];

/** From `before` (absent: what it was made from) to `name`. @throws Fault "container.not-found", "image.not-found" */
export function diff(host: Host, name: string, { before, kind = "any" }: { before?: string; kind?: DiffKind } = {}): Change[] {
  const subject = getSubject(host, name, kind);
  const changes = before === undefined ? ownChanges(host, subject) : changesBetween(host, getSubject(host, before, kind), subject);
  return changes.filter(({ path }) => !ofEveryContainer.includes(path));
}

function getSubject(host: Host, name: string, kind: DiffKind): Subject {
  const image = kind === "container" ? undefined : lookupImage(host.store, name, host.imageSystem)?.image;
  if (image) return { image };
  const record = kind === "image" ? undefined : find(host, name);
  if (record) return { record };
  const working = kind === "image" ? undefined : findWorking(host, name);
  if (working) return { record: { id: working.id, spec: working.run } };
  if (kind === "image") throw new Fault("image.not-found", `${name}: image not known`);
  throw new Fault("container.not-found", `${name} not found: no such ${kind === "any" ? "object" : "container"}`);
}

function ownChanges(host: Host, subject: Subject): Change[] {
  if ("record" in subject) return subject.record.spec.rootfs ? [] : host.store.roots.changes(subject.record.id);
  const { layers } = host.store;
  const top = subject.image.layers.at(-1);
  if (top === undefined) return [];
  const [upper, ...lower] = layers.trees(top);
  return upper === undefined ? [] : changesOf(upper, lower);
}

function changesBetween(host: Host, before: Subject, after: Subject): Change[] {
  using one = mounted(host, before);
  using two = mounted(host, after);
  return compareTrees(one.path, two.path);
}

function mounted(host: Host, subject: Subject): { readonly path: string } & Disposable {
  if ("record" in subject) return readRoot(host, subject.record);
  const { image } = subject;
  return { path: mountImage(host, image), [Symbol.dispose]: () => void unmountImage(host, image.id) };
}
