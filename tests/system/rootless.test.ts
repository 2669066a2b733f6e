// As an ordinary user: the first command, storage, containers, network, and what other users may not.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { isAlive, mustRun, until } from "../fixtures/coracle.ts";
import { busybox, busyboxLayer } from "../fixtures/images.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { IMAGE } from "../fixtures/store.ts";
import { paxRecord, tarOf } from "../fixtures/tar.ts";
import { makeUser, type User } from "../fixtures/user.ts";

let ann: User;
let bob: User;
let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(busybox(), "busybox");
  ann = makeUser("ann", 2001);
  bob = makeUser("bob", 2002, { ranges: "", withRunDirectory: false });
  ann.ok("pull", "-q", IMAGE);
}, 60_000);
afterAll(async () => {
  for (const user of [ann, bob]) user.run(["podman", "rm", "-fa", "-t0"]);
  rmSync("/tmp/podman-run-2002", { recursive: true, force: true });
  await registry?.stop();
}, 60_000);

test("unshare is root of the user's own ranges, and leaves as its command does", () => {
  expect(ann.ok("unshare", "cat", "/proc/self/uid_map").split("\n").map(line => line.trim().split(/\s+/).join(" "))).toEqual(["0 2001 1", "1 200100000 65536"]);
  expect(ann.podman("unshare", "sh", "-c", "exit 3").status).toBe(3);
  expect(ann.podman("unshare", "/etc").status).toBe(126);
  expect(ann.podman("unshare", "no-such-program").status).toBe(127);
});

test("every command is in the same namespaces, until system migrate", async () => {
  const namespace = (): string => ann.ok("unshare", "readlink", "/proc/self/ns/user");
  const first = namespace();
  expect(namespace()).toBe(first);
  const file = `${ann.runDirectory}/libpod/tmp/pause.pid`;
  const keeper = Number(readFileSync(file, "utf8"));
  ann.ok("system", "migrate");
  expect(existsSync(file)).toBe(false);
  await until("the keeper to end", () => !isAlive(keeper));
  // The kernel may give the new namespace the old one's number.
  namespace();
  expect(Number(readFileSync(file, "utf8"))).not.toBe(keeper);
});

test("a pause file whose number is another program's by now is told of, and made anew", () => {
  const file = `${ann.runDirectory}/libpod/tmp/pause.pid`;
  const keeper = readFileSync(file, "utf8");
  process.kill(Number(keeper), "SIGKILL");
  const other = Bun.spawn([...ann.prefix, "sleep", "100"], { cwd: "/" });
  try {
    writeFileSync(file, String(other.pid));
    const ran = ann.podman("info");
    expect([ran.status, ran.err]).toEqual([0, expect.stringContaining(`pause.pid file refers to PID ${other.pid} which is not a pause process. Removing ${file}`)]);
    expect(readFileSync(file, "utf8")).not.toBe(String(other.pid));
    expect(ann.podman("info").err).toBe("");
  } finally {
    other.kill(9);
  }
});

test("where nothing keeps the namespace of running containers any more, the next command says so, and they can be removed", async () => {
  ann.ok("run", "-d", "--name", "lost", "--network", "none", IMAGE, "sleep", "1000");
  const monitor = Number(ann.ok("inspect", "--format", "{{.State.ConmonPid}}", "lost"));
  for (const pid of [Number(readFileSync(`${ann.runDirectory}/libpod/tmp/pause.pid`, "utf8")), monitor]) process.kill(pid, "SIGKILL");
  await until("the monitor to end", () => !isAlive(monitor));
  const ran = ann.podman("unshare", "true");
  expect([ran.status, ran.err]).toEqual([0, expect.stringContaining("Failed to join existing conmon namespace: the monitors of 1 containers are gone")]);
  expect(ann.podman("unshare", "true").err).toBe("");
  ann.podman("rm", "-f", "-t0", "lost");
  expect(ann.ok("ps", "-aq")).toBe("");
});

test.if(process.arch === "x64")("a command goes into the namespaces in its own process, without a second start", async () => {
  ann.ok("run", "-d", "--name", "talks", "--network", "none", IMAGE, "sleep", "100");
  const follower = Bun.spawn([...ann.prefix, "podman", "logs", "-f", "talks"], { cwd: "/", stdout: "ignore", stderr: "ignore" });
  const space = (pid: number | string): string => readlinkSync(`/proc/${pid}/ns/user`);
  const keeper = readFileSync(`${ann.runDirectory}/libpod/tmp/pause.pid`, "utf8");
  await until("it to be inside", () => space(follower.pid) === space(keeper));
  // What a second start is told it has in its environment from its beginning.
  expect(readFileSync(`/proc/${follower.pid}/environ`, "utf8")).not.toContain("_CONTAINERS_USERNS_CONFIGURED");
  ann.ok("rm", "-f", "-t0", "talks");
  await follower.exited;
});

test("many commands at once all come in", async () => {
  const all = Array.from({ length: 24 }, () => Bun.spawn([...ann.prefix, "podman", "ps", "-q"], { cwd: "/", stdout: "ignore", stderr: "ignore" }));
  expect(await Promise.all(all.map(({ exited }) => exited))).toEqual(all.map(() => 0));
}, 60_000);

test("the directory we are called in and our name stay", () => {
  expect(ann.run(["podman", "unshare", "pwd"], { cwd: "/usr" }).out).toBe("/usr\n");
  expect(ann.run(["buildah", "--version"]).out).toContain("buildah");
});

test("what unshare's command prints goes where --out says", () => {
  const file = `${ann.home}/printed`;
  expect(ann.podman("--noout", "unshare", "echo", "lost").out).toBe("");
  expect(ann.podman("--out", file, "unshare", "echo", "kept").out).toBe("");
  expect(readFileSync(file, "utf8")).toBe("kept\n");
});

test("users of the machine are shown by the machine's own numbers and names", () => {
  ann.ok("run", "-d", "--name", "mapped", "--network", "none", "--userns", "nomap", IMAGE, "sleep", "100");
  ann.ok("run", "-d", "--name", "plain", "--network", "none", IMAGE, "sleep", "100");
  expect(ann.ok("top", "mapped", "huser", "hgroup", "user").split("\n")[1]?.split(/\s+/)).toEqual(["200100000", "200100000", "root"]);
  expect(ann.ok("top", "plain", "huser", "hgroup", "user").split("\n")[1]?.split(/\s+/)).toEqual(["ann", "ann", "root"]);
  ann.ok("rm", "-f", "-t0", "mapped", "plain");
});

test("a map that reaches over the user's own number and his ranges works, and one beyond them is refused", () => {
  const maps = (...words: string[]) => ann.podman("run", "--rm", "--network", "none", ...words, IMAGE, "sh", "-c", "cat /proc/self/gid_map | wc -l");
  expect(maps("--uidmap", "0:1:1000", "--gidmap", "0:0:1000")).toMatchObject({ status: 0, out: "2\n" });
  expect(maps("--uidmap", "0:1:1000", "--gidmap", "0:65000:1000").status).toBe(125);
});

test("a container runs as root of the namespace, writes, and is gone", () => {
  expect(ann.ok("run", "--rm", "--network", "none", IMAGE, "sh", "-c", "id -u; touch /x; rm /bin/true; ls /x")).toBe("0\n/x");
  expect(ann.ok("ps", "-aq")).toBe("");
});

test("a container is watched, entered, logged and removed", () => {
  ann.ok("run", "-d", "--name", "c", "--network", "none", IMAGE, "sh", "-c", "echo said; sleep 100");
  expect(ann.ok("exec", "c", "cat", "/proc/1/uid_map")).toContain("2001");
  expect(ann.ok("logs", "c")).toBe("said");
  expect(ann.ok("ps", "--format", "{{.Names}}")).toBe("c");
  ann.ok("rm", "-f", "-t0", "c");
});

test("pasta connects a container and publishes its port", () => {
  ann.ok("run", "-d", "--name", "p", "-p", "8099:80", IMAGE, "sh", "-c", "echo hello | nc -l -p 80");
  const heard = ann.run(["bash", "-c", "for i in $(seq 50); do exec 3<>/dev/tcp/127.0.0.1/8099 && head -c5 <&3 && exit; sleep 0.1; done 2>/dev/null"]);
  expect(heard.out).toBe("hello");
  ann.ok("rm", "-f", "-t0", "p");
});


test("a limit is refused by one clear message where cgroups give a user none", () => {
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) return;
  const ran = ann.podman("run", "--rm", "--network", "none", "-m", "50m", IMAGE, "true");
  expect([ran.status, ran.err.startsWith("Error: cannot limit a container's resources")]).toEqual([125, true]);
});

test("figures of containers are refused where cgroups keep none for each", () => {
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) return;
  expect(ann.podman("stats", "--no-stream").err).toStartWith("Error: stats is not supported in rootless mode without cgroups v2\n");
});

test("what is no limit is not refused, and a clone takes none over", () => {
  expect(ann.ok("run", "--rm", "--network", "none", "--memory", "0", "--pids-limit", "-1", IMAGE, "echo", "free")).toBe("free");
  ann.ok("create", "--name", "mother", "--network", "none", IMAGE, "true");
  ann.ok("container", "clone", "--run", "mother");
  ann.ok("rm", "-f", "mother", "mother-clone");
  const ruled = ann.podman("run", "--rm", "--device-cgroup-rule", "b 7:* rmw", IMAGE, "true");
  expect([ruled.status, ruled.err.split("\n")[0]]).toEqual([125, "Error: device cgroup rules are not supported in rootless mode or in a user namespace"]);
});

test("a score below the user's own becomes his own, with a warning", () => {
  const own = ann.run(["cat", "/proc/self/oom_score_adj"]).out.trim();
  const ran = ann.podman("run", "--rm", "--network", "none", "--oom-score-adj", "-1000", IMAGE, "cat", "/proc/self/oom_score_adj");
  expect(ran.out.trim()).toBe(own);
  expect(ran.err).toContain("Requested oom_score_adj=-1000 is lower than the current one, changing to " + own);
});

test("a privileged container has no consoles of the machine", () => {
  expect(ann.ok("run", "--rm", "--privileged", "--network", "none", IMAGE, "sh", "-c", "ls /dev | grep -c '^tty[0-9]' || true")).toBe("0");
});

test("users that are added for a container are its users by name, and have their homes", () => {
  expect(ann.ok("run", "--rm", "--network", "none", "--hostuser", "ann", "--user", "ann", IMAGE, "sh", "-c", "id -u; id -un")).toBe("2001\nann");
  expect(ann.ok("run", "--rm", "--network", "none", "--userns", "keep-id", "--workdir", "/tmp", IMAGE, "sh", "-c", "id -un; echo $HOME")).toBe("ann\n/tmp");
  expect(ann.podman("run", "--rm", "--network", "none", "--hostuser", "ann", "--user", "bob", IMAGE, "true").status).toBe(126);
  expect(ann.podman("run", "--rm", "--network", "none", "--hostuser", "nobody-here", IMAGE, "true").status).toBe(126);
});

test("a program's own capabilities come with its image, stay in what is made of it, and hold in the container's namespace", async () => {
  // effective, CAP_NET_BIND_SERVICE
  const powers = Buffer.from("0100000200040000000000000000000000000000", "hex");
  const program = readFileSync("/bin/busybox");
  await registry.push(busybox({ layers: [busyboxLayer(), tarOf([
    { name: "pax", kind: "pax", body: paxRecord("SCHILY.xattr.security.capability", powers) }, { name: "usr/powers/busybox", mode: 0o755, body: program },
  ])] }), "powerful");
  const image = "127.0.0.1:5000/powerful:latest";
  ann.ok("pull", "-q", image);
  const held = (...words: string[]): string => ann.ok("run", "--rm", "--network", "none", ...words, "/usr/powers/busybox", "grep", "CapEff", "/proc/self/status").split(/\s+/)[1]!;
  expect(held("--user", "1000", image)).toBe("0000000000000400");
  expect(held("--userns", "keep-id", image)).toBe("0000000000000400");
  expect(held("--user", "1000", "--security-opt", "no-new-privileges", image)).toBe("0000000000000000");
  ann.ok("save", "-q", "-o", `${ann.home}/powerful.tar`, image);
  ann.ok("rmi", image);
  ann.ok("load", "-q", "-i", `${ann.home}/powerful.tar`);
  expect(held("--user", "1000", image)).toBe("0000000000000400");
});

test("mount needs unshare", () => {
  const ran = ann.podman("mount", "x");
  expect(ran.err).toContain('cannot run command "podman mount" in rootless mode, must execute `podman unshare` first');
});

test("a pulled image keeps its digest", () => {
  expect(ann.ok("image", "inspect", "--format", "{{.Digest}}", IMAGE)).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test("short names that were answered are the user's own, where root's are closed to him", () => {
  chmodSync("/var/cache/containers", 0o700);
  expect(ann.podman("inspect", "nosuch").err).toContain("no such object");
  expect(ann.podman("image", "exists", "nosuch")).toEqual({ status: 1, out: "", err: "" });
});

test("without ranges there is one ID, and the message says which lines to add", () => {
  const ran = bob.podman("unshare", "cat", "/proc/self/uid_map");
  expect(ran.out.trim().split(/\s+/)).toEqual(["0", "2002", "1"]);
  expect(ran.err).toMatch(/Add \\?"bob:\d+:65536\\?" to \/etc\/subuid/);
  expect(bob.podman("unshare", "true").err).toBe("");
});

test("an owner outside the ranges is refused with its number, and becomes the user where there is one ID only", () => {
  for (const user of [ann, bob]) mustRun(["tar", "-C", "/etc", "--owner=900000", "--group=1", "-cf", `${user.home}/far.tar`, "passwd"]);
  expect(ann.podman("import", "-q", "far.tar").err).toContain("requested 900000:1 for /passwd");
  expect(bob.podman("import", "-q", "far.tar").status).toBe(0);
});

test("without a run directory one is made that only the user may enter", () => {
  bob.ok("ps");
  const { uid, mode } = statSync("/tmp/podman-run-2002");
  expect([uid, mode & 0o777]).toEqual([2002, 0o700]);
});

test("a run directory that someone else made is refused", () => {
  const place = "/tmp/podman-run-2003";
  const eve = makeUser("eve", 2003, { withRunDirectory: false });
  mkdirSync(place);
  try {
    chownSync(place, 2001, 2001);
    const ran = eve.podman("ps");
    expect([ran.status, ran.err.includes("it is not a directory of the current user")]).toEqual([125, true]);
    const given = eve.run(["env", `XDG_RUNTIME_DIR=${ann.home}`, "podman", "ps"]);
    expect(given.status).toBe(125);
  } finally {
    rmSync(place, { recursive: true });
  }
});

test("another user can neither read the store nor the run directory", () => {
  for (const path of [`${ann.home}/.local/share/containers/coracle`, `${ann.runDirectory}/containers/coracle`]) {
    expect(statSync(path).mode & 0o077).toBe(0);
    expect(bob.run(["ls", path]).status).not.toBe(0);
  }
});
