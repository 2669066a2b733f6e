// The way of an ordinary user into the namespaces where he is root: they are made once and kept by a pause process.
// Source: podman-unshare(1), podman-system-migrate(1).

import * as fs from "node:fs";
import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { hasEntered, insideMark, noteEntered, outerGid, outerUid, reentry } from "../base/reentry.ts";
import { scrubbed } from "../base/spawn.ts";
import { lockFile } from "../kernel/locks.ts";
import { isAlive, kill } from "../kernel/processes.ts";
import { lineToAdd, rangesFile, subordinateRanges, userName } from "../kernel/subordinate-ids.ts";
import { becomeInside, enterHere, isWayIn, keepNamespaces, keepNamespacesOf } from "../kernel/user-namespace.ts";
import { geteuid, rootlessUser, type RootlessUser } from "../kernel/users.ts";
import { defaultRoots } from "./host.ts";
import { privateDirectory, userRunDirectory } from "./run-directory.ts";

/** Whether root's rights are missing here, so that the namespaces must be entered first. */
export const isOutside = (): boolean => geteuid() !== 0;

/** This process replaced by its like in the user's namespaces. @param argv as called, the program's name first */
export async function enter(argv: readonly string[]): Promise<void> {
  const user = rootlessUser()!;
  const runDirectory = userRunDirectory(process.env, { uid: user.uid, seen: user.uid });
  const pid = await wayIn(user, runDirectory);
  const more = { [insideMark]: "done", [outerUid]: String(user.uid), [outerGid]: String(user.gid), XDG_RUNTIME_DIR: runDirectory };
  if (enterHere(pid)) {
    Object.assign(process.env, more);
    noteEntered();
    return;
  }
  return becomeInside(pid, [...ownProgram(), ...argv.slice(1)], { ...process.env, ...more, ...reentry(argv[0]!, process.cwd()) });
}

/** The compiled program, or Bun with the source it runs. */
export function ownProgram(): string[] {
  const isBun = /\/bun[^/]*$/.test(process.execPath);
  return isBun ? [process.execPath, Bun.main] : [process.execPath];
}

const pauseFile = (runDirectory: string): string => `${runDirectory}/libpod/tmp/pause.pid`;

async function wayIn(user: RootlessUser, runDirectory: string): Promise<number> {
  const file = pauseFile(runDirectory);
  const known = readPause(file, user.uid);
  if (known !== undefined && isWayIn(known)) return known;
  privateDirectory(`${runDirectory}/libpod`, user.uid);
  const directory = privateDirectory(`${runDirectory}/libpod/tmp`, user.uid);
  using _lock = lockFile(`${directory}/pause.lock`, { exclusive: true, wait: true });
  const meanwhile = readPause(file, user.uid);
  if (meanwhile !== undefined && isWayIn(meanwhile)) return meanwhile;
  if (known !== undefined && isAlive(known)) log.warn(`pause.pid file refers to PID ${known} which is not a pause process. Removing ${file}`);
  const monitor = monitorOf(user);
  const pid = (monitor === undefined ? undefined : await keepNamespacesOf(monitor)) ?? (await makeNamespaces(user));
  const staged = `${file}.new`;
  fs.writeFileSync(staged, String(pid), { mode: 0o600 });
  fs.renameSync(staged, file);
  return pid;
}

const pauseBytesMax = 32;

/** Undefined where there is none, or one that is not ours alone. */
function readPause(file: string, owner: number): number | undefined {
  try {
    const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
    try {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile() || stat.uid !== owner || stat.size > pauseBytesMax) return undefined;
      const pid = Number(fs.readFileSync(fd, "latin1").trim());
      return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/** A running container's monitor lives in the namespaces that a lost pause process kept. */
function monitorOf({ uid }: RootlessUser): number | undefined {
  const containers = `${defaultRoots({ uid, seen: uid }, process.env).runroot}/containers`;
  let names: string[];
  try {
    names = fs.readdirSync(containers);
  } catch {
    return undefined;
  }
  let gone = 0;
  for (const name of names) {
    const pid = readPause(`${containers}/${name}/conmon.pid`, uid);
    if (pid !== undefined && isWayIn(pid)) return pid;
    // A monitor that came to its end has written how.
    if (pid !== undefined && !fs.existsSync(`${containers}/${name}/exit`)) gone++;
  }
  if (gone > 0) log.warn(`Failed to join existing conmon namespace: the monitors of ${gone} containers are gone, and so is what kept their user namespace. A new one is made; stop them with: podman system migrate`);
  return undefined;
}

async function makeNamespaces({ uid, gid }: RootlessUser): Promise<number> {
  const name = userName(uid);
  const user = { name, id: uid };
  const [users, groups] = [subordinateRanges("uid", user), subordinateRanges("gid", user)];
  if (users.length === 0 || groups.length === 0) warnOfSingle(name ?? String(uid));
  return keepNamespaces({ id: uid, ranges: users }, { id: gid, ranges: groups });
}

function warnOfSingle(name: string): void {
  log.warn(`Using rootless single mapping into the namespace. This might break some images. ` +
    `Add "${lineToAdd("uid", name)}" to ${rangesFile("uid")} and "${lineToAdd("gid", name)}" to ${rangesFile("gid")}, then run: podman system migrate`);
}

/** For verbs that make mounts a person is to see: they would be seen in the namespaces alone. */
export function needUnshared(path: string): void {
  if (!hasEntered()) return;
  const program = path.startsWith("buildah ") ? "buildah" : "podman";
  throw new Fault("usage.invalid", `cannot run command "${path}" in rootless mode, must execute \`${program} unshare\` first`);
}

/** Ends the pause process: the next command makes the namespaces anew. @returns whether there was one */
export function endPause(): boolean {
  const user = rootlessUser();
  if (user === undefined) return false;
  const file = pauseFile(userRunDirectory(process.env, { uid: user.uid, seen: geteuid() }));
  const pid = readPause(file, geteuid());
  if (pid === undefined) return false;
  fs.rmSync(file, { force: true });
  return kill(pid, 9);
}

/** The environment of a program that a person starts in the namespaces. */
export const insideEnvironment = (more: Readonly<Record<string, string>>): Record<string, string> => ({ ...scrubbed(), ...more });
