// The user namespace a container asked for, as maps of IDs: what is written, kept, hidden or borrowed.
// Source: podman-run(1), "--userns", "--uidmap", "--subuidname".

import type { ContainerSpec, IdMapping, NamespaceMode } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { filled, joined, mappingsMax, replacing, totalOf, without, type AskedMapping, type IdKind, type IdMaps } from "../../base/id-mapping.ts";
import { rangesFile, subordinateRanges } from "../../kernel/subordinate-ids.ts";
import { ownIdMaps, type IdMap } from "../../kernel/users.ts";
import type { Host } from "../host.ts";

/** What a resolved spec says of users; "auto" has its maps only once its row is inserted. */
export interface ResolvedUsers {
  readonly uidMap?: IdMapping[];
  readonly gidMap?: IdMapping[];
  /** Whom the container runs as where nobody said it. */
  readonly user?: string;
}

const kinds = ["uid", "gid"] as const;

/** @throws Fault "usage.invalid" for maps that cannot be */
export function usersOf(host: Host, spec: ContainerSpec, mode: NamespaceMode | undefined): ResolvedUsers {
  const hasMaps = [spec.uidMap?.length, spec.gidMap?.length, spec.subuidName, spec.subgidName].some(Boolean);
  switch (mode?.kind) {
    case "keep-id": return keepId(host, mode.target);
    case "nomap": return noMap(host);
    case "auto": case "host": case "path": case "pod": return {};
    case "container": return borrowed(host, mode.target ?? "");
    default:
      if (hasMaps) return written(host, spec);
      return mode === undefined ? {} : asMaps({ uid: ownLines("uid"), gid: ownLines("gid") });
  }
}

function asMaps({ uid, gid }: IdMaps): { uidMap: IdMapping[]; gidMap: IdMapping[] } {
  for (const [kind, maps] of [["UIDs", uid], ["GIDs", gid]] as const) {
    if (maps.length > mappingsMax) throw new Fault("usage.invalid", `cannot map ${kind} by ${maps.length} lines: the kernel takes ${mappingsMax}`);
  }
  return { uidMap: [...uid], gidMap: [...gid] };
}

/** All that this process's own namespace has, each ID as itself. */
const ownLines = (kind: IdKind): IdMapping[] => ownIdMaps(kind).map(({ inside, count }) => ({ containerId: inside, hostId: inside, size: count }));

const optionNumber = (text: string): number => {
  if (!/^\d{1,10}$/.test(text) || Number(text) >= 2 ** 32) throw new Fault("usage.invalid", `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
};

/** "uid=1,gid=2" with these names only. */
export function readOptions<Name extends string>(written: string | undefined, names: readonly Name[]): [Name, string][] {
  if (written === undefined) return [];
  return written.split(",").map((option): [Name, string] => {
    const at = option.indexOf("=");
    if (at < 0) throw new Fault("usage.invalid", `invalid option specified: ${JSON.stringify(option)}`);
    const name = names.find(known => known === option.slice(0, at));
    if (name === undefined) throw new Fault("usage.invalid", `unknown option specified: ${JSON.stringify(option.slice(0, at))}`, { hint: `the options are ${names.join(", ")}` });
    return [name, option.slice(at + 1)];
  });
}

/** The user keeps his own number; the container's other IDs are his ranges. As root that changes no ID. */
function keepId(host: Host, options: string | undefined): ResolvedUsers {
  const asked = Object.fromEntries(readOptions(options, ["uid", "gid", "size"]).map(([name, value]) => [name, optionNumber(value)]));
  const [uid, gid] = [asked["uid"] ?? host.user?.uid ?? 0, asked["gid"] ?? host.user?.gid ?? 0];
  const user = `${uid}:${gid}`;
  if (!host.user) return { ...asMaps({ uid: ownLines("uid"), gid: ownLines("gid") }), user };
  return { ...asMaps({ uid: keptLines(uid, rangeTotal("uid"), asked["size"]), gid: keptLines(gid, rangeTotal("gid"), asked["size"]) }), user };
}

/** How many IDs beside the user's own there are: they are 1, 2, … in his namespace. */
const rangeTotal = (kind: IdKind): number => totalOf(ownIdMaps(kind).filter(({ inside }) => inside > 0));

/** @param total IDs from 1 on @param size of the whole map, where it was asked for */
export function keptLines(id: number, total: number, size?: number): IdMapping[] {
  const most = size ? Math.min(total, size - 1) : total;
  return [
    { containerId: 0, hostId: 1, size: Math.min(id, most) },
    { containerId: id, hostId: 0, size: 1 },
    { containerId: id + 1, hostId: id + 1, size: most - id },
  ].filter(line => line.size > 0);
}

/** The user's own ID is left out. */
function noMap(host: Host): ResolvedUsers {
  if (!host.user) throw new Fault("usage.invalid", "nomap is only supported in rootless mode");
  const line = (kind: IdKind): IdMapping[] => {
    const total = rangeTotal(kind);
    if (total > 0) return [{ containerId: 0, hostId: 1, size: total }];
    throw new Fault("usage.invalid", `nomap requires additional UIDs or GIDs defined in /etc/subuid and /etc/subgid to function correctly: ${rangesFile(kind)} has none for this user`);
  };
  return asMaps({ uid: line("uid"), gid: line("gid") });
}

function borrowed(host: Host, id: string): ResolvedUsers {
  const other = host.state.findById(id)?.spec;
  return { ...(other?.uidMap ? { uidMap: other.uidMap } : {}), ...(other?.gidMap ? { gidMap: other.gidMap } : {}) };
}

/** --uidmap and the like: one of the two stands for both. */
function written(host: Host, spec: ContainerSpec): ResolvedUsers {
  const uids = (spec.uidMap?.length ? spec.uidMap : spec.gidMap ?? []) as AskedMapping[];
  const gids = (spec.gidMap?.length ? spec.gidMap : spec.uidMap ?? []) as AskedMapping[];
  const named = { uid: spec.subuidName ?? spec.subgidName, gid: spec.subgidName ?? spec.subuidName };
  const maps = Object.fromEntries(kinds.map(kind => {
    const parents = ownIdMaps(kind);
    const lines = applied(kind === "uid" ? uids : gids, kind, { parents, rootless: host.rootless });
    return [kind, [...(named[kind] ? linesOfName(kind, named[kind], parents) : []), ...lines]];
  })) as Record<IdKind, IdMapping[]>;
  for (const kind of kinds) {
    if (maps[kind].length === 0) maps[kind] = host.rootless ? filled([], insideRanges(ownIdMaps(kind))) : ownLines(kind);
  }
  return asMaps(maps);
}

const insideRanges = (parents: readonly IdMap[]) => parents.map(({ inside, count }) => ({ start: inside, count }));

/** The asked lines of one kind in order. A first line with "+" is, for an ordinary user, laid over all that he has. */
export function applied(lines: readonly AskedMapping[], kind: IdKind, { parents, rootless }: { readonly parents: readonly IdMap[]; readonly rootless: boolean }): IdMapping[] {
  let maps: IdMapping[] = [];
  let fills = false;
  for (const line of lines.filter(({ only }) => only === undefined || only === kind)) {
    fills ||= line.replaces === true && maps.length === 0 && rootless;
    for (const one of line.ofParent ? fromParent(line, kind, parents) : [line]) maps = line.replaces ? replacing(maps, one) : [...maps, one];
  }
  if (fills) maps = filled(maps, without(insideRanges(parents), maps.map(({ hostId, size }) => ({ start: hostId, count: size }))));
  return joined(maps);
}

/** A line that speaks of the machine's own numbers, in those of our namespace. */
export function fromParent({ containerId, hostId, size }: IdMapping, kind: IdKind, parents: readonly IdMap[]): IdMapping[] {
  const lines: IdMapping[] = [];
  for (let done = 0; done < size;) {
    const id = hostId + done;
    const parent = parents.find(({ outside, count }) => id >= outside && id < outside + count);
    if (!parent) throw new Fault("usage.invalid", `parent ID ${kind.toUpperCase()} ${id} is not mapped/delegated`, { hint: `name an ID that ${rangesFile(kind)} gives to the user` });
    const fits = Math.min(size - done, parent.outside + parent.count - id);
    lines.push({ containerId: containerId + done, hostId: parent.inside + (id - parent.outside), size: fits });
    done += fits;
  }
  return lines;
}

/** The ranges that /etc/subuid or /etc/subgid gives to a name, one after the other from 0 on. */
export function linesOfName(kind: IdKind, name: string, parents: readonly IdMap[]): IdMapping[] {
  const ranges = subordinateRanges(kind, { name, id: -1 });
  if (ranges.length === 0) {
    throw new Fault("usage.invalid", `cannot find mappings for ${kind === "uid" ? "user" : "group"} ${JSON.stringify(name)}: no ranges of that name in ${rangesFile(kind)}`, {
      hint: `add a line to ${rangesFile(kind)}, such as ${name}:100000:65536`,
    });
  }
  let next = 0;
  return ranges.flatMap(({ start, count }) => {
    const line = { containerId: next, hostId: start, size: count };
    next += count;
    return fromParent(line, kind, parents);
  });
}
