// User namespaces of single containers: who is who inside and outside, whose files they are, and what is left.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mustRun, ok, podman, run, type Ran } from "../fixtures/coracle.ts";
import { busybox, busyboxLayer } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { IMAGE } from "../fixtures/store.ts";
import { paxRecord, tarOf } from "../fixtures/tar.ts";
import { makeUser, type User } from "../fixtures/user.ts";

let ann: User;
let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(busybox(), "busybox");
  ann = makeUser("ann", 2001);
  writeFileSync("/etc/subuid", `${readFileSync("/etc/subuid", "utf8")}containers:10000000:200000\n`);
  writeFileSync("/etc/subgid", `${readFileSync("/etc/subgid", "utf8")}containers:10000000:200000\n`);
  ann.ok("pull", "-q", IMAGE);
  ok("pull", "-q", IMAGE);
}, 60_000);
afterAll(async () => {
  ann.run(["podman", "rm", "-fa", "-t0"]);
  podman("rm", "-fa", "-t0");
  await registry?.stop();
}, 60_000);

const words = (text: string): string[] => text.trim().split("\n").map(line => line.trim().split(/\s+/).join(" "));
const none = ["--network", "none"];

test("root's container has the mapped IDs, and its files are its root's", () => {
  const said = ok("run", "--rm", ...none, "--uidmap", "0:200000:5000", IMAGE, "sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map; stat -c %u:%g /bin /etc/hosts /dev/shm; touch /x && stat -c %u /x");
  expect(words(said)).toEqual(["0 200000 5000", "0 200000 5000", "0:0", "0:0", "0:0", "0"]);
});

test("what it writes is its mapped user's outside, and is unmapped in archives, images and copies", () => {
  ok("run", "--name", "w", ...none, "--uidmap", "0:200000:5000", IMAGE, "sh", "-c", "mkdir /d; touch /d/f; chown 7:8 /d/f");
  const merged = ok("mount", "w");
  const { uid, gid } = statSync(`${merged}/d/f`);
  expect([uid, gid, statSync(`${merged}/bin`).uid]).toEqual([200007, 200008, 200000]);
  ok("umount", "w");
  expect(run(["bash", "-c", "podman export w | tar -tvf - --numeric-owner d/f bin"]).out).toMatch(/ 0\/0 .*bin -> [^]* 7\/8 .*d\/f/);
  ok("commit", "-q", "w", "made");
  expect(ok("run", "--rm", ...none, "made", "stat", "-c", "%u:%g", "/d/f")).toBe("7:8");
  ok("cp", "/etc/hostname", "w:/d/copied");
  const again = ok("mount", "w");
  expect(statSync(`${again}/d/copied`).uid).toBe(200000);
  ok("umount", "w");
  ok("rm", "w");
});

test("its user, volumes and :U are of the container's own users", () => {
  const folder = newFolder("mounted");
  writeFileSync(`${folder}/f`, "");
  const said = ok("run", "--rm", ...none, "--uidmap", "0:200000:5000", "--user", "9:9", "-v", `${folder}:/m:U`, "-v", "vol:/v", IMAGE, "sh", "-c", "id -u; stat -c %u /m/f /v");
  expect(words(said)).toEqual(["9", "9", "9"]);
  expect(statSync(`${folder}/f`).uid).toBe(200009);
  ok("volume", "rm", "vol");
});

test(":U leaves alone what was given away in a source that is the user's already", () => {
  const folder = newFolder("given");
  writeFileSync(`${folder}/f`, "");
  const stat = () => words(ok("run", "--rm", ...none, "--user", "9:9", "-v", `${folder}:/m:U`, IMAGE, "stat", "-c", "%u", "/m", "/m/f"));
  expect(stat()).toEqual(["9", "9"]);
  mustRun(["chown", "7:7", `${folder}/f`]);
  expect(stat()).toEqual(["9", "7"]);
});

test(":idmap shows a volume's owners as the container's, and writes them as they were", () => {
  const folder = newFolder("idmapped");
  writeFileSync(`${folder}/f`, "");
  mustRun(["chown", "7:8", `${folder}/f`]);
  const said = ok("run", "--rm", ...none, "--uidmap", "0:200000:5000", "-v", `${folder}:/m:idmap`, IMAGE, "sh", "-c", "stat -c '%u %g' /m /m/f; touch /m/made; chown 5 /m/made");
  expect(words(said)).toEqual(["0 0", "7 8"]);
  expect([statSync(`${folder}/made`).uid, statSync(`${folder}/f`).uid]).toEqual([5, 7]);
});

test("--rootfs with idmap=MAP shows files by that map, of the machine's numbers or with @ the container's, and refuses what is no map", () => {
  const root = newFolder("rootfs");
  mustRun(["sh", "-c", `mkdir ${root}/bin ${root}/proc ${root}/dev ${root}/sys && cp /bin/busybox ${root}/bin/stat && touch ${root}/f && chown 2000:2000 ${root}/f`]);
  const owner = (map: string, path: string): string => ok("run", "--rm", ...none, "--uidmap", "0:1000:10000", "--rootfs", `${root}:idmap${map}`, "/bin/stat", "-c", "%u:%g", path);
  expect(owner("", "/bin")).toBe("0:0");
  expect(owner("=uids=0-1001-10000;gids=0-1002-10000", "/bin")).toBe("1:2");
  expect(owner("=uids=0-1000-1#@2000-1-1", "/f")).toBe("1:1");
  for (const bad of ["=uids=0-1", "=uids=0-1-0", "=users=0-1-1", "=", "=uids=0-1-1;uids=0-1-1"]) {
    expect(podman("run", "--rm", ...none, "--uidmap", "0:1000:10000", "--rootfs", `${root}:idmap${bad}`, "/bin/stat", "/f")).toMatchObject({ status: 125, err: expect.stringContaining("of idmap: it is no list of") });
  }
});

test("an ordinary user's :idmap is refused in one sentence where the kernel maps for root alone", () => {
  const ran = ann.podman("run", "--rm", ...none, "-v", `${ann.home}:/m:idmap`, IMAGE, "true");
  expect([ran.status, ran.err.split("\n")[0]]).toEqual([125, `Error: cannot mount "${ann.home}" with the option idmap: the kernel maps the owners of its file system for root alone`]);
});

test("auto gives each container a range of its own, and takes it back", () => {
  const map = (name: string, ...more: string[]): string[] => {
    ok("run", "-d", "--name", name, ...none, `--userns=auto${more[0] ?? ""}`, IMAGE, "sleep", "100");
    return words(ok("exec", name, "cat", "/proc/self/uid_map"));
  };
  expect(map("a")).toEqual(["0 10000000 1024"]);
  expect(map("b", ":size=2000")).toEqual(["0 10001024 2000"]);
  expect(ok("inspect", "--format", "{{.HostConfig.UsernsMode}}", "a")).toBe("private");
  ok("rm", "-f", "-t0", "a");
  expect(map("c", ":size=500,uidmapping=5:77:1")).toEqual(["0 10000000 5", "5 77 1", "6 10000005 494"]);
  const joins = ok("run", "--rm", ...none, "--userns", "container:b", IMAGE, "cat", "/proc/self/uid_map");
  expect(words(joins)).toEqual(["0 10001024 2000"]);
  const pid = ok("inspect", "--format", "{{.State.Pid}}", "b");
  expect(words(ok("run", "--rm", ...none, "--userns", `ns:/proc/${pid}/ns/user`, IMAGE, "sh", "-c", "cat /proc/self/uid_map; stat -c %u /bin"))).toEqual(["0 10001024 2000", "0"]);
  ok("rm", "-f", "-t0", "b", "c");
  expect(podman("run", "--rm", "--userns=auto:size=3000000", IMAGE, "true").err).toContain("not enough unused IDs in user namespace");
});

test("a mapped container has a network of its own, which it may change", () => {
  const said = ok("run", "--rm", "--uidmap", "0:200000:5000", IMAGE, "sh", "-c", "cat /proc/sys/net/ipv4/ping_group_range; ip -4 -o addr show eth0 | wc -l; mount -t sysfs none /mnt 2>/dev/null; ls /sys/class/net");
  expect(words(said)).toEqual(["0 0", "1", "eth0", "lo"]);
});

for (const [asked, message] of [
  [["--userns", "nomap"], "nomap is only supported in rootless mode"],
  [["--userns", "keep-id:size"], "invalid option specified"],
  [["--userns", "auto:no=1"], "unknown option specified"],
  [["--uidmap", "0:1"], undefined],
  [["--uidmap", "0:x:1"], "UID setting is malformed"],
  [["--uidmap", "0:1:10", "--uidmap", "5:100:10"], "cannot map UIDs by"],
  [["--subuidname", "nobodyhere"], "cannot find mappings for user"],
] as const) {
  test(`${asked.join(" ")} ${message ? "is refused, and leaves nothing" : "maps one ID"}`, () => {
    const ran = podman("run", "--rm", ...none, ...asked, IMAGE, "true");
    if (message === undefined) return expect(ran.status).toBe(0);
    expect([ran.status, ran.err.includes(message)]).toEqual([125, true]);
    expect(ok("ps", "-aq")).toBe("");
  });
}

test("no mount of a mapped root is left, and nobody can list where they were", () => {
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("coracle-roots");
  expect(readdirSync("/run/coracle-roots")).toEqual([]);
  expect(statSync("/run/coracle-roots").mode & 0o777).toBe(0o711);
});

test("keep-id: the user is himself inside, root is not, and his files are his", () => {
  writeFileSync(`${ann.home}/mine`, "");
  mustRun(["chown", "2001:2001", `${ann.home}/mine`]);
  const said = ann.ok("run", "--rm", ...none, "--userns", "keep-id", "-v", `${ann.home}:/h`, IMAGE, "sh", "-c", "id -u; id -un; stat -c %u /h/mine /bin /etc/hosts; touch /h/made");
  expect(words(said)).toEqual(["2001", "ann", "2001", "0", "0"]);
  expect(statSync(`${ann.home}/made`).uid).toBe(2001);
  expect(words(ann.ok("run", "--rm", ...none, "--userns", "keep-id:uid=5,gid=6", IMAGE, "sh", "-c", "id -u; id -g; cat /proc/self/uid_map"))).toEqual(["5", "6", "0 1 5", "5 0 1", "6 6 65531"]);
});

test("layers are copied once for a map, and go with their image", () => {
  const mapped = `${ann.home}/.local/share/containers/coracle/mapped`;
  const [key] = readdirSync(mapped);
  const layers = readdirSync(`${mapped}/${key}`).filter(name => name !== "lock");
  const before = layers.map(name => statSync(`${mapped}/${key}/${name}`).ino);
  ann.ok("run", "--rm", ...none, "--userns", "keep-id", IMAGE, "true");
  expect(layers.map(name => statSync(`${mapped}/${key}/${name}`).ino)).toEqual(before);
});

/** Since 6.16 an ordinary user's overlay may refer to contents that lie elsewhere. */
const canRefer = ((release: string): boolean => {
  const [major = 0, minor = 0] = release.split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 16);
})(mustRun(["uname", "-r"]).trim());

/** Two layers: files of several names, a name that is no text, a file hidden and one replaced by the upper one. */
async function pullManifold(): Promise<string> {
  const program = readFileSync("/bin/busybox");
  const lower = tarOf([
    { name: "m", kind: "directory", mode: 0o755 }, { name: "m/large", mode: 0o640, uid: 7, gid: 8, body: program }, { name: "m/second", kind: "hardlink", target: "m/large" },
    { name: "m/hidden", body: "hidden" }, { name: "m/replaced", body: "before, and longer" }, { name: "m/empty" }, { name: "m/sticky", mode: 0o4755, body: program },
    { name: "pax", kind: "pax", body: paxRecord("path", Buffer.from("m/\xff\xfe", "latin1")) }, { name: "m/any", body: "no text" },
  ]);
  const upper = tarOf([{ name: "m/.wh.hidden" }, { name: "m/replaced", body: "after" }, { name: "m/large", body: "another" }]);
  await registry.push(busybox({ layers: [busyboxLayer(), lower, upper] }), "manifold");
  ann.ok("pull", "-q", "127.0.0.1:5000/manifold");
  return "127.0.0.1:5000/manifold";
}

test("a first start with users of its own has all files of the layers, whose contents are copied only where the kernel refers to none", async () => {
  const image = await pullManifold();
  const mapped = `${ann.home}/.local/share/containers/coracle/mapped`;
  const keep = ["run", "--rm", ...none, "--userns", "keep-id", "--user", "0", image, "sh", "-c"];
  const said = ann.ok(...keep, [
    "cd /m; stat -c '%n %a %u %g' second sticky replaced; cmp second /bin/busybox; cat replaced large empty; echo; ls | wc -l; cat [!a-z]*; echo",
    "echo more >>second; tail -c5 second; chown 5 sticky; mv replaced moved; cat moved; rm -r /m; ls /m 2>&1 | tail -c 26",
  ].join("; "));
  // The lower layer's large and second are one file of two names, of which the upper one replaces one.
  expect(said.split("\n")).toEqual(["second 640 7 8", "sticky 4755 0 0", "replaced 644 0 0", "afteranother", "6", "no text", "more", "afterNo such file or directory"]);
  const blocks = Number(mustRun(["du", "-s", "--block-size=1K", mapped]).split("\t")[0]);
  const program = statSync("/bin/busybox").size / 1024;
  expect(readdirSync(mapped).some(name => name.endsWith("-described"))).toBe(canRefer);
  expect(blocks < program).toBe(canRefer);
  expect(ann.ok(...keep, "cat /m/replaced; cmp /m/second /bin/busybox")).toBe("after");
});

test("cp --archive=false gives files of an archive the owners it names, by the container's numbers, and refuses those it has not", () => {
  const send = (uid: number): Ran => {
    writeFileSync(`${ann.home}/owned.tar`, tarOf([{ name: `of-${uid}`, uid, gid: 1043, body: "x" }]), { mode: 0o644 });
    return ann.run(["sh", "-c", "podman cp --archive=false - kept:/tmp <owned.tar"]);
  };
  ann.ok("run", "-d", "--name", "kept", ...none, "--userns", "keep-id", IMAGE, "sleep", "1000");
  expect(send(1042)).toMatchObject({ status: 0, err: "" });
  expect(ann.ok("exec", "kept", "stat", "-c", "%u:%g", "/tmp/of-1042")).toBe("1042:1043");
  expect(send(70_000)).toMatchObject({ status: 125, err: expect.stringContaining("cannot copy a file of 70000:1043: these are not in the container's user namespace") });
  ann.ok("rm", "-f", "-t0", "kept");
});

test("trees of a container's own users go with their image", () => {
  const mapped = `${ann.home}/.local/share/containers/coracle/mapped`;
  const trees = (): string[] => readdirSync(mapped).flatMap(key => readdirSync(`${mapped}/${key}`).filter(name => name !== "lock"));
  const before = trees().length;
  ann.ok("rmi", "127.0.0.1:5000/manifold");
  // The lowest is another image's too.
  expect(trees().length).toBe(before - (canRefer ? 1 : 2));
});

test("nomap leaves the user out; auto and maps work for users, with @ for the machine's own numbers", () => {
  const map = (...asked: string[]): string[] => words(ann.ok("run", "--rm", ...none, ...asked, IMAGE, "cat", "/proc/self/uid_map"));
  expect(map("--userns", "nomap")).toEqual(["0 1 65536"]);
  expect(map("--userns", "auto:size=1000")).toEqual(["0 1 1000"]);
  expect(map("--userns", "auto:size=10,uidmapping=1:@200100000:1")).toEqual(["0 2 1", "1 1 1", "2 3 8"]);
  expect(map("--uidmap", "0:1:1000")).toEqual(["0 1 1000"]);
  expect(map("--uidmap", "+7:@2001:1")).toEqual(["0 1 7", "7 0 1", "8 8 65529"]);
});

test("a set-user-ID program of an image gains nothing outside its own users", () => {
  ok("run", "--name", "suid", ...none, "--uidmap", "0:200000:5000", IMAGE, "sh", "-c", "cp /bin/busybox /suid; chmod 4755 /suid");
  const merged = ok("mount", "suid");
  expect([statSync(`${merged}/suid`).uid, (statSync(`${merged}/suid`).mode & 0o4000) !== 0]).toEqual([200000, true]);
  expect(ann.run(["ls", merged]).status).not.toBe(0);
  ok("umount", "suid");
  ok("rm", "suid");
});
