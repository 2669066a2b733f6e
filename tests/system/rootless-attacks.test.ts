// What another user of the machine may not do to one who has containers, what he may not plant, and what an image may not gain.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { isAlive, mustRun } from "../fixtures/coracle.ts";
import { busybox } from "../fixtures/images.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { IMAGE } from "../fixtures/store.ts";
import { makeUser, type User } from "../fixtures/user.ts";

let ann: User;
let eve: User;
let registry: Registry;
let running: number;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(busybox(), "busybox");
  ann = makeUser("ann", 2001);
  eve = makeUser("eve", 2002);
  ann.ok("pull", "-q", IMAGE);
  // The home is open, as some distributions make it: the store must not lean on it.
  chmodSync(ann.home, 0o755);
  ann.ok("run", "-d", "--name", "c", "-e", "TOKEN=hush", "--network", "none", IMAGE, "sh", "-c", "echo said; sleep 1000");
  ann.ok("run", "-d", "--name", "other-users", "--userns", "keep-id", "--network", "none", IMAGE, "sleep", "1000");
  running = Number(ann.ok("inspect", "--format", "{{.State.Pid}}", "c"));
}, 60_000);
afterAll(async () => {
  for (const user of [ann, eve]) user.run(["podman", "rm", "-fa", "-t0"]);
  await registry?.stop();
}, 60_000);

const storeOf = (user: User): string => `${user.home}/.local/share/containers/coracle`;
const runOf = (user: User): string => `${user.runDirectory}/containers/coracle`;
const pauseOf = (user: User): number => Number(readFileSync(`${user.runDirectory}/libpod/tmp/pause.pid`, "utf8"));

/** Every entry that eve could reach by its own path, had she every right to the home and the run directory themselves. */
function openEntries(directory: string): string[] {
  return (readdirSync(directory, { withFileTypes: true })).filter(entry => {
    const { mode } = statSync(`${directory}/${entry.name}`);
    return entry.isDirectory() && (mode & 0o007) !== 0;
  }).map(({ name }) => name);
}

test("another user can neither list, read nor enter the store, the run directory or what lies in them", () => {
  const id = ann.ok("inspect", "--format", "{{.Id}}", "c");
  const files = [
    storeOf(ann), `${storeOf(ann)}/coracle.db`, `${storeOf(ann)}/layers`, `${storeOf(ann)}/containers/${id}`, `${storeOf(ann)}/roots/${id}/diff`,
    runOf(ann), `${runOf(ann)}/containers/${id}/bundle/config.json`, `${ann.runDirectory}/libpod/tmp/pause.pid`, `/proc/${running}/root/etc`,
    `/proc/${running}/environ`, `/proc/${pauseOf(ann)}/root/tmp`,
  ];
  for (const file of files) {
    expect([file, ann.podman("unshare", "ls", "-d", file).status]).toEqual([file, 0]);
    expect([file, eve.run(["sh", "-c", 'if [ -d "$0" ]; then ls "$0"; else cat "$0"; fi', file]).status === 0]).toEqual([file, false]);
  }
  expect(openEntries(storeOf(ann))).toEqual([]);
  expect(openEntries(runOf(ann))).toEqual([]);
});

test("another user's programs cannot talk to the sockets of a container, nor to its processes", () => {
  const id = ann.ok("inspect", "--format", "{{.Id}}", "c");
  const socket = `${runOf(ann)}/containers/${id}/bundle/attach`;
  expect(existsSync(socket)).toBe(true);
  const connect = ["perl", "-MSocket", "-e", "socket(S, AF_UNIX, SOCK_SEQPACKET, 0); connect(S, pack_sockaddr_un($ARGV[0])) or die $!", "/tmp/way-to-socket/attach"];
  // Whoever may enter its directory can connect: that nobody else may is what keeps them out.
  symlinkSync(socket.slice(0, -"/attach".length), "/tmp/way-to-socket");
  try {
    expect(ann.run(connect).status).toBe(0);
    expect(eve.run(connect).err).toContain("Permission denied");
  } finally {
    rmSync("/tmp/way-to-socket");
  }
  for (const pid of [running, pauseOf(ann)]) {
    expect(eve.run(["kill", "-9", String(pid)]).status).not.toBe(0);
    expect(eve.run(["nsenter", "--preserve-credentials", `--user=/proc/${pid}/ns/user`, "true"]).status).not.toBe(0);
    expect(isAlive(pid)).toBe(true);
  }
  expect(eve.podman("--root", storeOf(ann), "--runroot", runOf(ann), "ps").status).toBe(125);
  expect(eve.run(["env", `HOME=${ann.home}`, "podman", "ps"]).status).toBe(125);
});

test("a root shown for users of a container's own lies where nobody else can look", () => {
  const place = "/tmp/coracle-roots-2001";
  expect(eve.run(["ls", place]).out).toBe("");
  expect(existsSync(place) ? readdirSync(place).flatMap(name => readdirSync(`${place}/${name}`)) : []).toEqual([]);
});

test("a pause file that names another user's process, a link or a pipe leads nowhere else", () => {
  const file = `${eve.runDirectory}/libpod/tmp/pause.pid`;
  eve.ok("ps");
  const own = readFileSync(file, "utf8");
  const plant = (make: () => void, owner = eve.uid): void => {
    rmSync(file, { force: true });
    make();
    if (!existsSync(file)) return;
    chownSync(file, owner, owner);
  };
  const inside = (): string => eve.ok("unshare", "cat", "/proc/self/uid_map").trim().split(/\s+/).slice(0, 3).join(" ");
  for (const make of [
    () => writeFileSync(file, String(pauseOf(ann))), () => writeFileSync(file, "1"), () => writeFileSync(file, "-1"),
    () => writeFileSync(file, "9".repeat(40)), () => symlinkSync("/etc/passwd", file),
  ]) {
    plant(make);
    expect(inside()).toBe("0 2002 1");
  }
  // One that somebody else has put there counts for nothing, even with a number that would do.
  plant(() => writeFileSync(file, own), ann.uid);
  expect(inside()).toBe("0 2002 1");
  expect(readFileSync(file, "utf8")).not.toBe(own);
});

test("directories that somebody else has put in place are refused, and nothing is written into them", () => {
  const places: [string, (path: string) => Record<string, string>, string][] = [
    ["/tmp/planted-data", path => ({ XDG_DATA_HOME: path }), "containers/coracle"],
    ["/tmp/planted-run", path => ({ XDG_RUNTIME_DIR: path }), "containers/coracle"],
    ["/tmp/planted-pause", path => ({ XDG_RUNTIME_DIR: path }), "libpod"],
  ];
  for (const [path, variables, below] of places) {
    try {
      mkdirSync(`${path}/${below}`, { recursive: true });
      chownSync(path, ann.uid, ann.uid);
      chmodSync(path, 0o700);
      chownSync(`${path}/${below}`, eve.uid, eve.uid);
      chmodSync(`${path}/${below}`, 0o777);
      const ran = ann.run(["env", ...Object.entries(variables(path)).map(([name, value]) => `${name}=${value}`), "podman", "ps"]);
      expect([path, ran.status, ran.err]).toEqual([path, 125, expect.stringContaining("is not a directory of the current user")]);
      expect(readdirSync(`${path}/${below}`)).toEqual([]);
    } finally {
      rmSync(path, { recursive: true, force: true });
    }
  }
});

test("a run directory that others may write to is refused", () => {
  const path = "/tmp/open-run";
  mkdirSync(path);
  try {
    chownSync(path, ann.uid, ann.uid);
    chmodSync(path, 0o777);
    const ran = ann.run(["env", `XDG_RUNTIME_DIR=${path}`, "podman", "ps"]);
    expect([ran.status, ran.err]).toEqual([125, expect.stringContaining("others may write to it")]);
  } finally {
    rmSync(path, { recursive: true });
  }
});

test("a place for shown roots that somebody else has made is refused", () => {
  const place = "/tmp/coracle-roots-2002";
  mkdirSync(place);
  try {
    chownSync(place, ann.uid, ann.uid);
    eve.ok("pull", "-q", IMAGE);
    const ran = eve.podman("run", "--rm", "--network", "none", "--userns", "nomap", IMAGE, "true");
    expect([ran.status, ran.err]).toEqual([expect.any(Number), expect.stringContaining("it belongs to another user")]);
    expect(ran.status).not.toBe(0);
  } finally {
    rmSync(place, { recursive: true });
  }
});

test("setuid programs and capabilities of a layer are root's of the container, and on the machine nobody's but the user's own", () => {
  // Programs of the machine's own: busybox lets go of such rights by itself.
  mkdirSync(`${ann.home}/setuid/tree`, { recursive: true });
  mustRun(["sh", "-c", 'cd /; cp -L --parents $(which grep sleep) $(ldd $(which grep sleep) | grep -o "/[^ :]*") "$0"; mkdir "$0/raised" "$0/fives"; cp $(which grep sleep) "$0/raised"; cp $(which grep) "$0/fives"', `${ann.home}/setuid/tree`]);
  writeFileSync(`${ann.home}/setuid/Containerfile`, `FROM ${IMAGE}
COPY tree /
RUN chmod 6755 /raised/* && chown 5:5 /fives/grep && chmod 6755 /fives/grep
`);
  ann.ok("build", "-q", "--network", "none", "-t", "setuid", "setuid");
  const ids = (program: string): string => ann.ok("run", "--rm", "--network", "none", "--user", "7:7", "setuid", program, "-E", "^[UG]id:", "/proc/self/status").replace(/\s+/g, " ");
  expect(ids("/raised/grep")).toBe("Uid: 7 0 0 0 Gid: 7 0 0 0");
  expect(ids("/fives/grep")).toBe("Uid: 7 5 5 5 Gid: 7 5 5 5");
  ann.ok("run", "-d", "--name", "raised", "--network", "none", "--user", "7:7", "setuid", "/raised/sleep", "1000");
  const pid = ann.ok("inspect", "--format", "{{.State.Pid}}", "raised");
  // By the machine's own numbers: the real one is of the ranges, the effective one is the user.
  expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^Uid:\t200100006\t2001\t2001\t2001$/m);
  // The layer's file is setuid for its owner, whom only his own directories show. The layer below has it as it was copied.
  const holders = ann.ok("unshare", "sh", "-c", `find ${storeOf(ann)}/layers -path "*/raised/sleep"`).split("\n");
  const found = holders.find(path => (statSync(path).mode & 0o6000) !== 0);
  expect(holders.length).toBe(2);
  expect(statSync(found!).uid).toBe(2001);
  expect(statSync(found!).mode & 0o6000).toBe(0o6000);
  expect(eve.run([found!, "0"]).status).not.toBe(0);
  expect(eve.run([`/proc/${pid}/root/raised/sleep`, "0"]).status).not.toBe(0);
});

test("a container's root reaches no file of the machine that its user does not", () => {
  const secret = "/run/machine-secret";
  writeFileSync(secret, "secret\n", { mode: 0o600 });
  const ran = ann.podman("run", "--rm", "--network", "none", "-v", `${secret}:/secret`, IMAGE, "cat", "/secret");
  expect([ran.status === 0, ran.out]).toEqual([false, ""]);
  const shared = "/tmp/shared-by-all";
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  try {
    ann.ok("run", "--rm", "--network", "none", "-v", `${shared}:/s`, IMAGE, "sh", "-c", "cp /bin/busybox /s/b && chmod 4755 /s/b; touch /s/five && chown 5 /s/five; mknod /s/null c 1 3 2>/dev/null; true");
    expect([statSync(`${shared}/b`).uid, statSync(`${shared}/five`).uid, existsSync(`${shared}/null`)]).toEqual([2001, 200100004, false]);
  } finally {
    rmSync(shared, { recursive: true });
    rmSync(secret);
  }
});
