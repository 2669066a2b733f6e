// /etc/passwd and /etc/group of a container whose user the image does not know: the image's own with one line more.
// Source: podman-run(1), "--passwd", "--passwd-entry", "--group-entry", "--hostuser".

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { ContainerSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { userName } from "../../kernel/subordinate-ids.ts";
import { identityOf, readInside } from "../../runtime/identity.ts";
import type { Host } from "../host.ts";
import type { ContainerRecord } from "../state/state.ts";

const fieldsOf = (text: string): string[][] => text.split("\n").filter(line => line.includes(":")).map(line => line.split(":"));

function inside(root: string, path: string): string {
  try {
    return readInside(root, path);
  } catch {
    return "";
  }
}

/** What stands for $USERNAME, $UID, $GID, $NAME and $HOME in an entry as written. */
function filled(entry: string, values: Readonly<Record<string, string>>): string {
  return `${entry.replace(/\$\{?(USERNAME|UID|GID|NAME|HOME|GROUPNAME|USERLIST)\}?/g, (_whole, name: string) => values[name] ?? "")}\n`;
}

function hostLine(name: string): string[] {
  const all = fieldsOf(readFileSync("/etc/passwd", "utf8"));
  const found = all.find(([user, , uid]) => user === name || uid === name);
  if (!found) throw new Fault("process.no-account", `user ${JSON.stringify(name)} not found on the host: no such user`, { hint: "name a user of /etc/passwd" });
  return found;
}

/** With keep-id the user has his name inside too, unless he asked for other numbers. */
function keptLine({ user }: Host, spec: ContainerSpec): string[] {
  const mode = spec.namespaces?.user;
  if (!user || mode?.kind !== "keep-id" || /\b[ug]id=/.test(mode.target ?? "")) return [];
  const [name, , , , about = "", home = "/"] = fieldsOf(readFileSync("/etc/passwd", "utf8")).find(fields => fields[2] === String(user.uid)) ?? [];
  const isThere = (spec.mounts ?? []).some(({ target }) => home === target || home.startsWith(`${target}/`));
  return [`${name ?? userName(user.uid) ?? user.uid}:*:${user.uid}:${user.gid}:${about}:${isThere ? home : spec.workdir ?? "/"}:/bin/sh`];
}

/** Lines for --hostuser, as the host has them. */
function hostLines(spec: ContainerSpec, passwd: string): string[] {
  const known = fieldsOf(passwd);
  return (spec.hostUsers ?? []).map(hostLine).filter(([name, , uid]) => !known.some(([user, , id]) => user === name || id === uid))
    .map(([name, , uid, gid, about, home, shell]) => `${name}:*:${uid}:${gid}:${about}:${home}:${shell || "/bin/sh"}`);
}

interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

function linesFor(host: Host, spec: ContainerSpec, root: string): Accounts {
  const [passwd, group] = [inside(root, "/etc/passwd"), inside(root, "/etc/group")];
  const kept = keptLine(host, spec).filter(line => !fieldsOf(passwd).some(fields => fields[2] === line.split(":")[2]));
  const users = [...hostLines(spec, passwd), ...kept];
  const identity = identityOf(root, spec.user ?? "", { passwd: `${ended(passwd)}${users.join("\n")}` });
  const uid = String(identity.uid);
  const gid = String(identity.gid);
  const knows = (text: string, id: string): boolean => fieldsOf(text).some(fields => fields[2] === id);
  const values = { USERNAME: uid, UID: uid, GID: gid, NAME: "container user", HOME: spec.workdir ?? "/", GROUPNAME: gid, USERLIST: uid };
  const user = knows(`${passwd}\n${users.join("\n")}`, uid) ? "" : spec.passwdEntry ? filled(spec.passwdEntry, values) : `${uid}:*:${uid}:${gid}:container user:${spec.workdir ?? "/"}:/bin/sh\n`;
  const isNewGroup = !knows(group, gid) && (spec.groupEntry !== undefined || user !== "" || spec.user?.includes(":"));
  return {
    passwd: users.map(line => `${line}\n`).join("") + user,
    group: isNewGroup ? (spec.groupEntry ? filled(spec.groupEntry, values) : `${gid}:x:${gid}:${user === "" ? "" : uid}\n`) : "",
  };
}

const ended = (text: string): string => text === "" || text.endsWith("\n") ? text : `${text}\n`;

/** What to mount where; nothing where the image knows the user, has no such file, or something else is mounted there. */
export function writeUserFiles(host: Host, { id, spec }: ContainerRecord, root: string): Record<string, string> {
  if (spec.passwd === false || spec.rootfs) return {};
  const more = linesFor(host, spec, root);
  const directory = `${host.paths.runDir(id)}/etc`;
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const mounted: Record<string, string> = {};
  for (const name of ["passwd", "group"] as const) {
    const target = `/etc/${name}`;
    const base = inside(root, target);
    if (more[name] === "" || base === "" || (spec.mounts ?? []).some(mount => mount.target === target || mount.target === "/etc")) continue;
    writeFileSync(`${directory}/${name}`, `${ended(base)}${more[name]}`, { mode: 0o644 });
    mounted[target] = `${directory}/${name}`;
  }
  return mounted;
}
