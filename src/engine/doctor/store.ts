// The doctor's look at the store: its place, its database, what it holds, and what was left behind.

import { accessSync, chmodSync, constants, existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Fault, reasonOf } from "../../base/fault.ts";
import { mounts, unmountAll, type MountEntry } from "../../kernel/mounts.ts";
import { geteuid } from "../../kernel/users.ts";
import { databaseLocked } from "../../storage/probe.ts";
import { check, repair } from "../check.ts";
import { configured, type Check, type Looked, type Scene } from "./finding.ts";

const spareBytesMin = 64 * 1024 * 1024;
const spareInodesMin = 1000;

/** The directory itself, or the nearest above it that is there. */
function nearest(path: string): string {
  let at = path;
  while (!existsSync(at) && at !== "/") at = dirname(at);
  return at;
}

function mountOf(path: string): MountEntry | undefined {
  const at = nearest(path);
  return mounts().filter(({ target }) => target === "/" || at === target || at.startsWith(`${target}/`)).sort((one, other) => one.target.length - other.target.length).at(-1);
}

/** File systems on which overlays or links do not work as the store needs them. */
const unsuitable: Readonly<Record<string, string>> = {
  overlay: "overlays cannot stand on overlays", nfs: "its locks and attributes are not enough", nfs4: "its locks and attributes are not enough",
  vfat: "it has no owners and no links", exfat: "it has no owners and no links", msdos: "it has no owners and no links", "9p": "it lacks attributes that overlays need",
  cifs: "it has no owners and no links", ecryptfs: "overlays cannot stand on it",
};

function writable(path: string): string | undefined {
  try {
    accessSync(nearest(path), constants.W_OK | constants.X_OK);
    return statSync(nearest(path)).isDirectory() ? undefined : "it is not a directory";
  } catch (thrown) {
    return reasonOf(thrown);
  }
}

function unwritable({ host }: Scene): Looked {
  const { root } = host.paths;
  const mount = mountOf(root);
  if (mount && (mount.options.includes("ro") || mount.superOptions.includes("ro"))) return { evidence: `${root} lies on ${mount.target}, which is mounted read-only`, next: `mount -o remount,rw ${mount.target}` };
  const reason = writable(root);
  return reason === undefined ? undefined : { evidence: `${root}: ${reason}`, next: `chown ${geteuid()} ${nearest(root)}, or choose another place with --root` };
}

function place({ host }: Scene): Looked {
  const mount = mountOf(host.paths.root);
  const reason = mount && unsuitable[mount.type];
  return reason ? { evidence: `${host.paths.root} lies on ${mount.type} (${mount.target}): ${reason}`, next: "choose a directory on ext4, xfs, btrfs or tmpfs with --root" } : undefined;
}

function mountFlags({ host }: Scene): Looked {
  const mount = mountOf(host.paths.root);
  const wrong = mount?.options.filter(option => option === "noexec" || option === "nodev") ?? [];
  const serious = host.rootless ? wrong.filter(option => option === "noexec") : wrong;
  return serious.length > 0 ? { evidence: `${mount!.target}, where the store lies, is mounted ${serious.join(", ")}: programs and devices of images do not work`, next: `mount -o remount,exec,dev ${mount!.target}` } : undefined;
}

function space({ host }: Scene): Looked {
  const { bavail, bsize } = statfsSync(nearest(host.paths.root));
  const free = bavail * bsize;
  return free < spareBytesMin ? { evidence: `${nearest(host.paths.root)} has ${Math.floor(free / 1024 / 1024)} MiB left`, next: "podman system prune --all" } : undefined;
}

function inodes({ host }: Scene): Looked {
  const { files, ffree } = statfsSync(nearest(host.paths.root));
  return files > 0 && ffree < spareInodesMin ? { evidence: `the file system of ${nearest(host.paths.root)} has room for ${ffree} more files, whatever their size`, next: "podman system prune --all" } : undefined;
}

function modes({ host }: Scene): Looked {
  const { root } = host.paths;
  const open = [root, `${root}/blobs`, `${root}/coracle.db`].filter(path => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o022) !== 0);
  return open.map(path => ({ evidence: `others may write ${path}: whoever does decides what your containers run`, next: `chmod go-w ${path}`, fix: () => chmodSync(path, statSync(path).mode & 0o755) }));
}

function owner({ host }: Scene): Looked {
  const { root } = host.paths;
  const foreign = [root, `${root}/coracle.db`].filter(path => (statSync(path, { throwIfNoEntry: false })?.uid ?? geteuid()) !== geteuid());
  return foreign.length > 0 ? { evidence: `${foreign.join(", ")}: owned by user ${statSync(foreign[0]!).uid}, not by ${geteuid()}`, next: `chown -R ${geteuid()} ${foreign[0]}` } : undefined;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, 80);
  } catch {
    return "a process that has ended";
  }
}

function locked({ host }: Scene): Looked {
  const found = databaseLocked(host.paths.root);
  if (!found) return undefined;
  const who = found.holders.map(pid => `${pid} (${commandOf(pid)})`).join(", ");
  return { evidence: `${host.paths.root}/coracle.db is kept locked${who ? ` by ${who}` : ""}`, next: found.holders.length > 0 ? `see what it waits for, and end it: kill ${found.holders[0]}` : "wait for the command that writes, or end it" };
}

const isThere = ({ host }: Scene): boolean => existsSync(`${host.paths.root}/coracle.db`);

/** Opens what is there, and makes none. */
function database(scene: Scene): Looked {
  if (!isThere(scene)) return undefined;
  try {
    void scene.host.state;
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== "store.damaged") throw thrown;
    return { evidence: thrown.message, next: `${thrown.hint ?? "use another --root"}; podman pull and podman volume import bring back what was in it` };
  }
}

async function contents(scene: Scene): Promise<Looked> {
  if (!isThere(scene)) return undefined;
  const { host } = scene;
  const damages = await check(host, { quick: true });
  const mend = async (kind: (one: string) => boolean): Promise<void> => void await repair(host, damages.filter(one => kind(one.kind)), { force: false });
  const leavings = damages.filter(({ kind }) => kind === "leaving");
  const others = damages.filter(({ kind }) => kind !== "leaving");
  return [
    ...others.map(({ kind, id, reasons }) => ({ code: kind === "database" ? "store.database" : `store.damaged-${kind}`, evidence: `${kind} ${id}: ${reasons.join("; ")}`, next: "podman system check --repair", fix: () => mend(one => one === kind) })),
    ...(leavings.length > 0 ? [{ code: "store.leavings", evidence: `nothing needs ${leavings.slice(0, 5).map(({ id }) => id).join(", ")}${leavings.length > 5 ? " and more" : ""}`, next: "podman system check --repair", fix: () => mend(one => one === "leaving") }] : []),
  ];
}

/** Roots that are mounted although nobody uses them. */
function staleMounts(scene: Scene): Looked {
  if (!isThere(scene)) return undefined;
  const { host } = scene;
  const roots = `${host.paths.root}/roots/`;
  const stale = mounts().map(({ target }) => target).filter(target => target.startsWith(roots) && target.endsWith("/merged")).filter(target => {
    const id = target.slice(roots.length).split("/")[0]!;
    return host.store.roots.find(id) === undefined;
  });
  return stale.map(target => ({ evidence: `${target} is mounted, and no container uses it`, next: `umount ${target}`, fix: () => void unmountAll(target) }));
}

function runDirectory({ host }: Scene): Looked {
  const { runroot } = host.paths;
  const reason = writable(runroot);
  return reason === undefined ? undefined : { evidence: `${runroot}: ${reason}`, next: "choose another place with --runroot" };
}

const opened = [...configured, "store.unwritable", "store.run-unwritable", "store.foreign", "store.locked", "store.full", "store.no-inodes"];

export const storeChecks: readonly Check[] = [
  { code: "store.unwritable", severity: "error", holds: "the store can be written", needs: configured, look: unwritable },
  { code: "store.unsuitable-place", severity: "error", holds: "the store lies on a file system that can carry it", needs: configured, look: place },
  { code: "store.mount-flags", severity: "error", holds: "programs in the store may run", needs: configured, look: mountFlags },
  { code: "store.full", severity: "error", holds: "there is space", needs: configured, look: space },
  { code: "store.no-inodes", severity: "error", holds: "there is room for files", needs: configured, look: inodes },
  { code: "store.foreign", severity: "error", holds: "the store is this user's", needs: configured, look: owner },
  { code: "store.open-to-others", severity: "error", holds: "nobody else writes the store", needs: configured, look: modes },
  { code: "store.run-unwritable", severity: "error", holds: "the run directory can be written", needs: configured, look: runDirectory },
  { code: "store.locked", severity: "error", holds: "nobody keeps the database locked", needs: [...configured, "store.unwritable"], look: locked },
  { code: "store.database", severity: "error", holds: "the database is sound", needs: opened, look: database },
  { code: "store.stale-mount", severity: "warning", holds: "no root is mounted for nobody", needs: [...opened, "store.database"], look: staleMounts },
  { code: "store.damaged", severity: "error", holds: "all that the database counts is there", needs: [...opened, "store.database"], look: contents },
];
