// Who a container's process is: "user[:group]" looked up in the container's own /etc/passwd and /etc/group.
// Source: passwd(5), group(5); podman-run(1), --user.

import { Fault, errnoOf } from "../base/fault.ts";
import { close, fstat, openat2, openDirectory, O_CLOEXEC, O_NONBLOCK, O_RDONLY, RESOLVE_IN_ROOT, readAll } from "../kernel/files.ts";

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
  /** Name in the container's passwd, if any. */
  readonly name?: string;
}

const accountBytesMax = 4 * 1024 * 1024;

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** A file of the container's tree, never outside of it; "" where there is none. */
export function readInside(rootPath: string, path: string, bytesMax = accountBytesMax): string {
  const root = openDirectory(rootPath);
  try {
    // An image may hold a fifo there: opening it must not wait, and only a plain file is read.
    const fd = openat2(root, path, { flags: O_RDONLY | O_CLOEXEC | O_NONBLOCK, resolve: RESOLVE_IN_ROOT });
    try {
      if ((fstat(fd).mode & 0o170000) !== 0o100000) return "";
      return new TextDecoder().decode(readAll(fd, bytesMax));
    } finally {
      close(fd);
    }
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "ENXIO"].includes(errnoOf(thrown) ?? "")) return "";
    throw thrown;
  } finally {
    close(root);
  }
}

function accounts(text: string): Account[] {
  return text.split("\n").flatMap(line => {
    const [name, , uid, gid, , home] = line.split(":");
    return name && /^\d+$/.test(uid ?? "") && /^\d+$/.test(gid ?? "") ? [{ name, uid: Number(uid), gid: Number(gid), home: home || "/" }] : [];
  });
}

function groups(text: string): { name: string; gid: number; members: string[] }[] {
  return text.split("\n").flatMap(line => {
    const [name, , gid, members] = line.split(":");
    return name && /^\d+$/.test(gid ?? "") ? [{ name, gid: Number(gid), members: (members ?? "").split(",").filter(Boolean) }] : [];
  });
}

const isNumber = (text: string): boolean => /^\d{1,10}$/.test(text);
const idMax = 2 ** 31 - 1;

function checked(id: number): number {
  if (id <= idMax) return id;
  throw new Fault("usage.invalid", `uids and gids must be in range 0-${idMax}`);
}

export interface Accounts {
  /** Names and numbers of --group-add. */
  readonly groups?: readonly string[];
  /** Texts in the place of what the tree has. */
  readonly passwd?: string;
  readonly group?: string;
}

/**
 * @param written "user", "uid", "user:group", …; "" is root
 * @throws Fault "usage.invalid", worded as scripts know it
 */
export function identityOf(rootPath: string, written = "", { groups: extra = [], passwd, group: groupText }: Accounts = {}): Identity {
  const [user = "", group] = written.split(":") as [string, string | undefined];
  const all = accounts(passwd ?? readInside(rootPath, "/etc/passwd"));
  const allGroups = groups(groupText ?? readInside(rootPath, "/etc/group"));
  const account = findAccount(all, user === "" ? "0" : user);
  const gidOf = (name: string): number => {
    const known = allGroups.find(one => one.name === name);
    if (known) return checked(known.gid);
    if (isNumber(name)) return checked(Number(name));
    throw new Fault("process.no-account", `unable to find group ${name}: no matching entries in group file`);
  };
  const gid = group ? gidOf(group) : checked(account.gid ?? 0);
  const own = account.name !== undefined && !group ? allGroups.filter(one => one.members.includes(account.name!)).map(one => one.gid) : [];
  const added = extra.filter(name => name !== "keep-groups").map(gidOf);
  const additionalGids = [...new Set([gid, ...own, ...added])].filter(id => id <= idMax).sort((a, b) => a - b);
  return { uid: checked(account.uid), gid, additionalGids, home: account.home, ...(account.name === undefined ? {} : { name: account.name }) };
}

function findAccount(all: readonly Account[], user: string): { uid: number; gid?: number; home: string; name?: string } {
  const named = all.find(({ name }) => name === user) ?? (isNumber(user) ? all.find(({ uid }) => uid === Number(user)) : undefined);
  if (named) return named;
  if (isNumber(user)) return { uid: Number(user), home: user === "0" ? "/root" : "/" };
  throw new Fault("process.no-account", `unable to find user ${user}: no matching entries in passwd file`);
}
