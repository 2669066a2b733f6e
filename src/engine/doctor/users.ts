// The doctor's look at an ordinary user's IDs and directories.
// Source: subuid(5), newuidmap(1).

import { statSync } from "node:fs";
import type { IdKind } from "../../base/id-mapping.ts";
import { findProgram, spawnSync } from "../../base/spawn.ts";
import { lineToAdd, rangesFile, subordinateRanges, userName } from "../../kernel/subordinate-ids.ts";
import { geteuid } from "../../kernel/users.ts";
import { userRunDirectory } from "../run-directory.ts";
import { textOf, type Check, type Looked } from "./finding.ts";

const idsUsual = 65536;

const me = () => ({ name: userName(geteuid()), id: geteuid() });
const rangesOf = (kind: IdKind) => subordinateRanges(kind, me());

function noRange(kind: IdKind): Looked {
  if (rangesOf(kind).length > 0) return undefined;
  const { name, id } = me();
  const own = name ?? String(id);
  return { evidence: `${rangesFile(kind)} has no line for ${own}: all of a container's ${kind === "uid" ? "users" : "groups"} would be one`, next: `as root: echo ${lineToAdd(kind, own)} >>${rangesFile(kind)}` };
}

function fewIds(): Looked {
  for (const kind of ["uid", "gid"] as const) {
    const sum = rangesOf(kind).reduce((total, { count }) => total + count, 0);
    if (sum > 0 && sum < idsUsual) return { evidence: `${rangesFile(kind)} gives ${me().name ?? geteuid()} ${sum} IDs; images use up to ${idsUsual}`, next: `as root: echo ${lineToAdd(kind, me().name ?? String(geteuid()))} >>${rangesFile(kind)}` };
  }
  return undefined;
}

interface Line {
  readonly file: string;
  readonly number: number;
  readonly text: string;
}

const linesOf = (kind: IdKind): Line[] => textOf(rangesFile(kind)).split("\n")
  .map((text, index) => ({ file: rangesFile(kind), number: index + 1, text: text.trim() })).filter(({ text }) => text !== "" && !text.startsWith("#"));

function malformed(): Looked {
  const wrong = (["uid", "gid"] as const).flatMap(linesOf).find(({ text }) => !/^[^:]+:\d{1,10}:\d{1,10}$/.test(text));
  return wrong && { evidence: `${wrong.file} line ${wrong.number}: ${JSON.stringify(wrong.text.slice(0, 80))} is not NAME:FIRST:COUNT`, next: `mend line ${wrong.number} of ${wrong.file}` };
}

/** Two users with the same IDs could reach each other's files. */
function overlapping(): Looked {
  for (const kind of ["uid", "gid"] as const) {
    const ranges = linesOf(kind).flatMap(line => {
      const [owner = "", start = "", count = ""] = line.text.split(":");
      return count === "" ? [] : [{ ...line, owner, start: Number(start), end: Number(start) + Number(count) }];
    }).sort((one, other) => one.start - other.start);
    for (const [index, range] of ranges.entries()) {
      const next = ranges[index + 1];
      if (next && next.start < range.end && next.owner !== range.owner) return { evidence: `${range.file}: ${range.text} and ${next.text} share IDs, so these users could reach each other's files`, next: `give one of them another range in ${range.file}` };
    }
  }
  return undefined;
}

const mappers = ["newuidmap", "newgidmap"];
const install = "as root: apt-get install uidmap";

/** Setuid, or the file capability; the latter cannot be read by everyone, so the program itself is asked. */
function powerless(): Looked {
  for (const name of mappers) {
    const path = findProgram(name);
    if (path === undefined) continue;
    const { mode, uid } = statSync(path);
    if ((mode & 0o4000) !== 0 && uid === 0) continue;
    const getcap = findProgram("getcap");
    if (getcap && /cap_set[ug]id/.test(spawnSync([getcap, path]).text())) continue;
    return { evidence: `${path} is neither setuid root nor has the capability it needs`, next: `as root: chmod u+s ${path}` };
  }
  return undefined;
}

/** Asked before all that needs the host. */
export const runDirectoryCheck: Check = {
  code: "files.no-run-directory", severity: "error", holds: "there is a run directory of this user's own", for: "user",
  look: ({ env }) => {
    try {
      userRunDirectory(env, { uid: geteuid(), seen: geteuid() });
      return undefined;
    } catch (thrown) {
      return { evidence: (thrown as Error).message, next: "unset XDG_RUNTIME_DIR, or: loginctl enable-linger" };
    }
  },
};

export const userChecks: readonly Check[] = [
  {
    code: "users.no-name", severity: "warning", holds: "this user has a name", for: "user",
    look: () => me().name === undefined ? { evidence: `user ${geteuid()} is in no user database (getpwuid)`, next: `as root: useradd --uid ${geteuid()} NAME` } : undefined,
  },
  { code: "users.malformed-ranges", severity: "error", holds: "the files of subordinate IDs can be read", look: malformed },
  { code: "users.no-subuid", severity: "error", holds: "this user has subordinate user IDs", for: "user", needs: ["users.malformed-ranges"], look: () => noRange("uid") },
  { code: "users.no-subgid", severity: "error", holds: "this user has subordinate group IDs", for: "user", needs: ["users.malformed-ranges"], look: () => noRange("gid") },
  { code: "users.few-ids", severity: "warning", holds: `this user has ${idsUsual} IDs`, for: "user", look: fewIds },
  { code: "users.shared-ids", severity: "error", holds: "no two users share subordinate IDs", look: overlapping },
  {
    code: "users.no-newuidmap", severity: "error", holds: "newuidmap and newgidmap are installed", for: "user", needs: ["component.not-executable"],
    look: () => {
      const missing = mappers.filter(name => findProgram(name) === undefined);
      return missing.length > 0 ? { evidence: `${missing.join(", ")}: not in PATH or the usual places`, next: install } : undefined;
    },
  },
  { code: "users.powerless-newuidmap", severity: "error", holds: "newuidmap and newgidmap may do their work", for: "user", look: powerless },
];
