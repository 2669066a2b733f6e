// --userns auto: a range of IDs that no other container has, given in the transaction that inserts the container's row.
// Source: podman-run(1), "--userns auto"; containers-storage.conf(5), "auto-userns".

import { lstatSync } from "node:fs";
import type { ContainerSpec, IdMapping } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { filled, totalOf, without, type IdKind, type IdRange } from "../../base/id-mapping.ts";
import { readInside } from "../../runtime/identity.ts";
import { lineToAdd, rangesFile, subordinateRanges } from "../../kernel/subordinate-ids.ts";
import { ownIdMaps } from "../../kernel/users.ts";
import type { StoredImage } from "../../storage/store.ts";
import type { Host } from "../host.ts";
import { fromParent, readOptions } from "./mapping.ts";

const sizeMin = 1024;
const sizeMax = 65_536;
const nobody = 65_534;
/** Whose ranges root takes from. */
const rangesUser = "containers";

/** The spec with its maps, where it asked for them; to be called in the transaction that inserts it. */
export function withAutoUsers(host: Host, spec: ContainerSpec, image: StoredImage | undefined): ContainerSpec {
  const { user } = spec.namespaces ?? {};
  if (user?.kind !== "auto" || spec.uidMap?.length) return spec;
  const options = readOptions(user.target, ["size", "uidmapping", "gidmapping"]);
  const size = sizeOf(host, spec, { image, asked: options.findLast(([name]) => name === "size")?.[1] });
  const maps = (["uid", "gid"] as const).map(kind => {
    const given = options.filter(([name]) => name === `${kind}mapping`).flatMap(([, text]) => readMapping(text, kind));
    return allotted(given, { free: freeRanges(host, kind), size: Math.max(size, ...given.map(line => line.containerId + line.size)), kind });
  });
  return { ...spec, uidMap: maps[0]!, gidMap: maps[1]! };
}

/** CONTAINER:[@]HOST[:SIZE] */
function readMapping(text: string, kind: IdKind): IdMapping[] {
  const found = /^(\d{1,10}):(@?)(\d{1,10})(?::(\d{1,10}))?$/.exec(text);
  if (!found) throw new Fault("usage.invalid", `initializing ID mappings: ${kind.toUpperCase()} setting is malformed expected ["uint32:[@]uint32[:uint32]"] : ${JSON.stringify(text)}`);
  const line = { containerId: Number(found[1]), hostId: Number(found[3]), size: Number(found[4] ?? 1) };
  return found[2] ? fromParent(line, kind, ownIdMaps(kind)) : [line];
}

/** As large as was asked, else as the image's accounts need. */
function sizeOf(host: Host, spec: ContainerSpec, { image, asked }: { image: StoredImage | undefined; asked: string | undefined }): number {
  if (asked !== undefined && !/^\d{1,10}$/.test(asked)) throw new Fault("usage.invalid", `strconv.ParseUint: parsing ${JSON.stringify(asked)}: invalid syntax`);
  if (asked !== undefined && Number(asked) > 0) return Number(asked);
  const user = (spec.user ?? "").split(":").filter(text => /^\d+$/.test(text)).map(Number);
  const size = Math.max(sizeMin, ...[...accountIds(host, image), ...user].map(id => id + 1));
  if (size <= sizeMax) return size;
  throw new Fault("usage.invalid", `the container needs a user namespace with size ${size} that is bigger than the maximum value allowed with userns=auto ${sizeMax}`);
}

/** IDs in the image's own /etc/passwd and /etc/group, of the topmost layer that has them. */
function accountIds(host: Host, image: StoredImage | undefined): number[] {
  const top = image?.layers.at(-1);
  const trees = top === undefined ? [] : host.store.layers.trees(top);
  return ["etc/passwd", "etc/group"].flatMap(path => {
    const tree = trees.find(place => lstatSync(`${place}/${path}`, { throwIfNoEntry: false })?.isFile());
    if (tree === undefined) return [];
    const fields = readInside(tree, path).split("\n").map(line => line.split(":"));
    return fields.flatMap(words => words.slice(2, 4)).filter(word => /^\d{1,9}$/.test(word)).map(Number).filter(id => id !== nobody && id < nobody);
  });
}

/** What the ranges have less what other containers were given. */
function freeRanges(host: Host, kind: IdKind): IdRange[] {
  const taken = host.state.containers().filter(({ spec }) => !["keep-id", "nomap", "container"].includes(spec.namespaces?.user?.kind ?? ""))
    .flatMap(({ spec }) => (kind === "uid" ? spec.uidMap : spec.gidMap) ?? []);
  return without(ranges(host, kind), taken.map(({ hostId, size }) => ({ start: hostId, count: size })));
}

function ranges(host: Host, kind: IdKind): readonly IdRange[] {
  if (host.user) return ownIdMaps(kind).filter(({ inside }) => inside > 0).map(({ inside, count }) => ({ start: inside, count }));
  const found = subordinateRanges(kind, { name: rangesUser, id: -1 });
  if (found.length > 0) return found;
  throw new Fault("usage.invalid", `cannot find mappings for user ${JSON.stringify(rangesUser)}: no sub${kind} ranges found for user ${JSON.stringify(rangesUser)} in ${rangesFile(kind)}`, {
    hint: `give it some, by adding to ${rangesFile(kind)} the line ${lineToAdd(kind, rangesUser).replace(/65536$/, "2147483647")}`,
  });
}

interface Allotting {
  readonly free: readonly IdRange[];
  readonly size: number;
  readonly kind: IdKind;
}

/** `given` and, for the other IDs below `size`, what is free. */
export function allotted(given: readonly IdMapping[], { free, size, kind }: Allotting): IdMapping[] {
  const left = without(free, given.map(line => ({ start: line.hostId, count: line.size })));
  const maps = filled(given, left, size);
  if (maps.reduce((sum, line) => sum + line.size, 0) >= size) return maps;
  throw new Fault("usage.invalid", `creating container storage: not enough unused IDs in user namespace: ${size} ${kind.toUpperCase()}s are needed and ${totalOf(left)} are free`, {
    hint: "remove containers that hold IDs, ask for fewer with --userns auto:size=, or widen the ranges in /etc/subuid and /etc/subgid",
  });
}
