// The map of a root directory that is shown with other owners: what --rootfs PATH:idmap=MAP says.
// Source: podman-run(1), "--rootfs" and "--volume", "idmap".

import { Fault } from "../../base/fault.ts";
import { outsideId, type IdMaps } from "../../base/id-mapping.ts";

interface Line {
  readonly from: number;
  readonly to: number;
  readonly size: number;
  /** Whether `to` is the container's number. */
  readonly isInside: boolean;
}

interface MountMap {
  readonly uids: readonly Line[];
  readonly gids: readonly Line[];
}

const linesMax = 340;

/** "uids=FROM-TO-SIZE[#…];gids=…", with @ before a line whose TO is the container's number; one kind stands for both. @throws Fault "usage.invalid" */
export function parseMountMap(text: string): MountMap {
  const refuse = (): Fault => new Fault("usage.invalid", `cannot read the map ${JSON.stringify(text)} of idmap: it is no list of uids=FROM-TO-SIZE;gids=FROM-TO-SIZE`, { hint: "join lines of one kind by #, and write @ before a line that speaks of the container's own numbers" });
  const kinds = new Map<string, Line[]>();
  for (const part of text.split(";")) {
    const [kind = "", lines = "", ...more] = part.split("=");
    if (!["uids", "gids"].includes(kind) || kinds.has(kind) || more.length > 0 || lines.split("#").length > linesMax) throw refuse();
    kinds.set(kind, lines.split("#").map(line => {
      const [, inside, ...numbers] = /^(@?)(\d{1,10})-(\d{1,10})-(\d{1,10})$/.exec(line) ?? [];
      const [from = 0, to = 0, size = 0] = numbers.map(Number);
      if (size === 0) throw refuse();
      return { from, to, size, isInside: inside === "@" };
    }));
  }
  const uids = kinds.get("uids") ?? kinds.get("gids")!;
  return { uids, gids: kinds.get("gids") ?? uids };
}

/** From numbers of files to the machine's. @param maps the container's own @throws Fault "usage.invalid" */
export function mountMaps(text: string, maps: IdMaps): IdMaps {
  const { uids, gids } = parseMountMap(text);
  const outside = (lines: readonly Line[], own: IdMaps["uid"]): IdMaps["uid"] => lines.map(({ from, to, size, isInside }) => {
    const hostId = isInside ? outsideId(to, own) : to;
    if (hostId === undefined) throw new Fault("usage.invalid", `cannot use the map ${JSON.stringify(text)} of idmap: ${to} is not in the container's user namespace`);
    return { containerId: from, hostId, size };
  });
  return { uid: outside(uids, maps.uid), gid: outside(gids, maps.gid) };
}
