// Maps of user and group IDs: what a person writes, and what a user namespace gets.
// Source: podman-run(1), "--uidmap", "--userns"; user_namespaces(7).

import type { IdMapping } from "./container-spec.ts";

export type IdKind = "uid" | "gid";

export interface IdMaps {
  readonly uid: readonly IdMapping[];
  readonly gid: readonly IdMapping[];
}

/** One line as it was asked for, before it is known what a user has. */
export interface AskedMapping extends IdMapping {
  /** "@": hostId is the machine's own number, as the parent namespace has it. */
  readonly ofParent?: true;
  /** "+": it replaces what lines before it say of the same IDs. */
  readonly replaces?: true;
  /** "u" or "g": it holds for these IDs only. */
  readonly only?: IdKind;
}

export interface IdRange {
  readonly start: number;
  readonly count: number;
}

/** The kernel takes 340 lines in a map. */
export const mappingsMax = 340;

/** What `id` of the container is outside; undefined where it is not mapped. */
export function outsideId(id: number, maps: readonly IdMapping[]): number | undefined {
  const line = maps.find(({ containerId, size }) => id >= containerId && id < containerId + size);
  return line && line.hostId + (id - line.containerId);
}

/** What `id` of outside is in the container. */
export function insideId(id: number, maps: readonly IdMapping[]): number | undefined {
  const line = maps.find(({ hostId, size }) => id >= hostId && id < hostId + size);
  return line && line.containerId + (id - line.hostId);
}

/** Whether every ID is itself, so that files need no other owner. */
export const isIdentity = (maps: readonly IdMapping[]): boolean => maps.every(({ containerId, hostId }) => containerId === hostId);

export function totalOf(ranges: readonly { readonly count: number }[]): number {
  return ranges.reduce((sum, { count }) => sum + count, 0);
}

/** Sorted by the container's IDs, with neighbours joined. */
export function joined(maps: readonly IdMapping[]): IdMapping[] {
  const result: IdMapping[] = [];
  for (const line of [...maps].sort((a, b) => a.containerId - b.containerId)) {
    const last = result.at(-1);
    const isNext = last && last.containerId + last.size === line.containerId && last.hostId + last.size === line.hostId;
    if (isNext) result[result.length - 1] = { ...last, size: last.size + line.size };
    else result.push({ containerId: line.containerId, hostId: line.hostId, size: line.size });
  }
  return result;
}

/** The map without all that `added` speaks of, on either side, and then with it. */
export function replacing(maps: readonly IdMapping[], added: IdMapping): IdMapping[] {
  const cuts = (line: IdMapping): IdRange[] => [
    { start: added.containerId - line.containerId, count: added.size },
    { start: added.hostId - line.hostId, count: added.size },
  ];
  const kept = maps.flatMap(line => without([{ start: 0, count: line.size }], cuts(line))
    .map(({ start, count }) => ({ containerId: line.containerId + start, hostId: line.hostId + start, size: count })));
  return [...kept, added];
}

/** Ranges less what others cover, in order. */
export function without(ranges: readonly IdRange[], taken: readonly IdRange[]): IdRange[] {
  let left = [...ranges].sort((a, b) => a.start - b.start);
  for (const { start, count } of taken) {
    const end = start + count;
    left = left.flatMap(range => [
      { start: range.start, count: Math.min(range.count, start - range.start) },
      { start: Math.max(range.start, end), count: Math.min(range.count, range.start + range.count - end) },
    ].filter(part => part.count > 0));
  }
  return left;
}

/** Gives the container's IDs that no line speaks of, from 0 on, what is free outside; `end` bounds the container's IDs. */
export function filled(maps: readonly IdMapping[], free: readonly IdRange[], end = Number.POSITIVE_INFINITY): IdMapping[] {
  const own = maps.map(({ containerId, size }) => ({ start: containerId, count: size }));
  const gaps = without([{ start: 0, count: end }], own);
  const outside = [...free];
  const added: IdMapping[] = [];
  for (const gap of gaps) {
    let { start, count } = gap;
    while (count > 0 && outside.length > 0) {
      const [first] = outside as [IdRange];
      const size = Math.min(count, first.count);
      added.push({ containerId: start, hostId: first.start, size });
      start += size;
      count -= size;
      if (size === first.count) outside.shift();
      else outside[0] = { start: first.start + size, count: first.count - size };
    }
  }
  return joined([...maps, ...added]);
}
