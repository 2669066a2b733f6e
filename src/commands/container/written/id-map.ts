// --uidmap and --gidmap as written, with their "@", "+", "u" and "g".
// Source: podman-run(1), "--uidmap".

import type { AskedMapping } from "../../../base/id-mapping.ts";
import { refuse } from "./refuse.ts";

const idsMax = 2 ** 32;
const linesMax = 340;

/** [FLAGS]CONTAINER:[@]HOST[:SIZE], one or several in a row. A line of size 0 maps nothing. */
export function readIdMaps(written: string, setting: "UID" | "GID"): AskedMapping[] {
  if (written === "") return [];
  const words = written.split(":");
  if (words.length === 2) words.push("1");
  if (words.length % 3 !== 0 || words.length > 3 * linesMax) throw malformed(written, setting);
  const lines = [];
  for (let at = 0; at < words.length; at += 3) lines.push(readLine(words.slice(at, at + 3), written, setting));
  return lines.filter(({ size }) => size > 0);
}

const malformed = (written: string, setting: string): Error =>
  refuse(`initializing ID mappings: ${setting} setting is malformed expected ["[+ug]uint32:[@]uint32[:uint32]"] : ${JSON.stringify([written])}`);

function readLine([container = "", host = "", size = ""]: string[], written: string, setting: "UID" | "GID"): AskedMapping {
  const first = /^([+ug]*)(\d{1,10})$/.exec(container);
  const second = /^(@?)(\d{1,10})$/.exec(host);
  if (!first || !second || !/^\d{1,10}$/.test(size)) throw malformed(written, setting);
  const flags = first[1]!;
  const line = { containerId: Number(first[2]), hostId: Number(second[2]), size: Number(size) };
  if (line.containerId + line.size > idsMax || line.hostId + line.size > idsMax) throw malformed(written, setting);
  const only = flags.includes("u") === flags.includes("g") ? undefined : flags.includes("u") ? "uid" as const : "gid" as const;
  return {
    ...line,
    ...(second[1] ? { ofParent: true } : {}),
    ...(flags.includes("+") ? { replaces: true } : {}),
    ...(only ? { only } : {}),
  };
}
