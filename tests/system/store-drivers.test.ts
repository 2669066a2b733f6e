// Stores where the kernel's overlay does not work: on an overlay, with fuse-overlayfs and without it; all that a container does is the same.
// Source: containers-storage.conf(5); podman-info(1).

import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { commandLines, mustRun, until } from "../fixtures/coracle.ts";
import { busybox } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { type Registry, startRegistry } from "../fixtures/registry.ts";
import { IMAGE } from "../fixtures/store.ts";
import { makeUser, type User } from "../fixtures/user.ts";

type Driver = "overlay" | "fuse-overlayfs" | "copy";

let registry: Registry;
const users = {} as Record<Driver, User>;

/** An overlay, on which the kernel lets no other one write. */
function storeOnOverlay({ home, uid }: User): void {
  const share = `${home}/.local/share`;
  const base = newFolder("nested");
  mustRun(["mount", "-t", "tmpfs", "tmpfs", base]);
  for (const path of [`${home}/.local`, share, `${base}/lower`, `${base}/upper`, `${base}/work`]) mkdirSync(path, { recursive: true });
  for (const path of [`${home}/.local`, share, `${base}/upper`]) chownSync(path, uid, uid);
  mustRun(["mount", "-t", "overlay", "overlay", "-o", `lowerdir=${base}/lower,upperdir=${base}/upper,workdir=${base}/work`, share]);
}

beforeAll(async () => {
  registry = await startRegistry();
  await registry.push(busybox(), "busybox");
  // The machine's own node keeps its mode.
  const devices = newFolder("devices");
  mustRun(["mount", "-t", "tmpfs", "tmpfs", devices]);
  mustRun(["mknod", "-m", "666", `${devices}/fuse`, "c", "10", "229"]);
  mustRun(["mount", "--bind", `${devices}/fuse`, "/dev/fuse"]);
  for (const [index, driver] of (["overlay", "fuse-overlayfs", "copy"] as const).entries()) {
    const user = makeUser(driver === "fuse-overlayfs" ? "fuse" : driver, 2001 + index);
    if (driver !== "overlay") storeOnOverlay(user);
    users[driver] = user;
  }
}, 60_000);
afterAll(async () => {
  for (const user of Object.values(users)) user.run(["podman", "rm", "-fa", "-t0"]);
  await registry?.stop();
}, 60_000);

const infoOf = (user: User): Record<string, any> => JSON.parse(user.ok("info", "--format", "json")).store;

test("the store finds out what works, keeps it, and says so", () => {
  for (const driver of ["overlay", "fuse-overlayfs"] as const) {
    const { graphDriverName, graphOptions, graphStatus } = infoOf(users[driver]);
    expect(graphStatus["Large layers"]).toBe("directories");
    expect([driver, graphDriverName, graphStatus["Native Overlay Diff"]]).toEqual([driver, "overlay", String(driver === "overlay")]);
    expect([driver, graphOptions["overlay.mount_program"]?.Executable]).toEqual([driver, driver === "overlay" ? undefined : "/usr/bin/fuse-overlayfs"]);
    expect(readFileSync(`${users[driver].home}/.local/share/containers/coracle/driver`, "utf8")).toBe(`${driver}\n`);
  }
  // From here on nobody but the one who has it chosen finds fuse.
  chmodSync("/dev/fuse", 0o600);
  try {
    expect(infoOf(users.copy).graphDriverName).toBe("vfs");
    expect(readFileSync(`${users.copy.home}/.local/share/containers/coracle/driver`, "utf8")).toBe("copy\n");
  } finally {
    chmodSync("/dev/fuse", 0o666);
  }
});

/** A directory of files with an older one hidden below it, to be changed in every way. */
const base = (user: User): string => {
  mkdirSync(`${user.home}/base`, { recursive: true });
  writeFileSync(`${user.home}/base/Containerfile`, `FROM ${IMAGE}
RUN mkdir -p /d/sub /d/old /d/same && for f in gone grown owned mode sub/deep old/file same/file; do echo $f > /d/$f; done && chown 3:4 /d/owned
RUN rm -r /d/old && mkdir /d/old && touch /d/old/later
`);
  return user.ok("build", "-q", "--network", "none", "-t", "base", "base");
};

const changing = "cd /d && rm -r sub gone && mkdir sub && echo new > sub/new && echo more >> grown && chown 5:6 owned && chmod 600 mode && ln -s x link && mknod -m 644 pipe p && mv old moved";
const looking = "cd /d; find . | sort; stat -c '%n %a %u:%g %F %s' owned mode grown pipe; readlink link";
const looked = ". ./grown ./link ./mode ./moved ./moved/later ./owned ./pipe ./same ./same/file ./sub ./sub/new".split(" ").join("\n")
  + "\nowned 644 5:6 regular file 6\nmode 600 0:0 regular file 5\ngrown 644 0:0 regular file 11\npipe 644 0:0 fifo 0\nx\n";
/** Told where the whole was copied: an overlay only has a new directory there. */
const hiddenByOverlay = "D /d/sub/deep";
const changed = ["A /d/link", "A /d/moved", "A /d/moved/later", "A /d/pipe", "A /d/sub/new", "C /d", "C /d/grown", "C /d/mode", "C /d/owned", "C /d/sub", "D /d/gone", "D /d/old"];

for (const driver of ["overlay", "fuse-overlayfs", "copy"] as const) {
  test(`${driver}: a container changes its root, stops, starts, is compared and committed`, async () => {
    const user = users[driver];
    user.ok("pull", "-q", IMAGE);
    base(user);
    expect(user.podman("run", "--name", "changing", "--network", "none", "base", "sh", "-c", `${changing}; ${looking}`)).toEqual({ status: 0, out: looked, err: "" });
    expect(user.ok("diff", "changing").split("\n").filter(line => line.includes(" /d")).filter(line => line !== hiddenByOverlay).sort()).toEqual(changed);
    expect(user.ok("diff", "changing")).not.toMatch(/ \/(bin|lib|usr)/);
    expect(user.ok("commit", "-q", "changing", "made")).toMatch(/^[0-9a-f]{64}$/);
    expect(user.podman("run", "--rm", "--network", "none", "made", "sh", "-c", looking).out).toBe(looked);
    user.run(["podman", "start", "-a", "changing"]);
    expect(user.ok("diff", "changing")).toContain("A /d/moved/later");
    expect(user.ok("ps", "-as", "--format", "{{.Size}}")).not.toStartWith("0B");
    user.ok("rm", "changing");
  });

  test(`${driver}: a build makes layers that every other store reads`, () => {
    const user = users[driver];
    mkdirSync(`${user.home}/built`, { recursive: true });
    writeFileSync(`${user.home}/built/Containerfile`, `FROM base\nRUN ${changing}\nRUN rm -r /d/sub && mkdir /d/sub && ln /d/mode /d/second\nCOPY Containerfile /d/sub/\n`);
    user.ok("build", "-q", "--network", "none", "-t", "built", "built");
    user.ok("save", "-q", "-o", "built.tar", "built");
    const look = ["run", "--rm", "--network", "none", "built", "sh", "-c", "find /d | sort; [ /d/mode -ef /d/second ] && echo linked"];
    const here = user.podman(...look);
    expect([here.out.includes("/d/sub/Containerfile\nlinked\n"), here.out.includes("/d/sub/new"), here.out.includes("deep"), here.err]).toEqual([true, false, false, ""]);
    const other = users.overlay;
    other.run(["podman", "rmi", "-f", "built"]);
    const file = `${other.home}/other.tar`;
    mustRun(["cp", `${user.home}/built.tar`, file]);
    chownSync(file, other.uid, other.uid);
    other.ok("load", "-q", "-i", file);
    expect(other.podman(...look)).toEqual(here);
    expect(JSON.parse(user.ok("inspect", "built"))[0].RootFS).toEqual(JSON.parse(other.ok("inspect", "built"))[0].RootFS);
  });

  test(`${driver}: users of a container's own, volumes over files and image mounts`, () => {
    const user = users[driver];
    const mine = user.ok("run", "--rm", "--network", "none", "--userns", "keep-id", IMAGE, "sh", "-c", "id -u; stat -c %u /bin/ls; touch /tmp/x; stat -c %u /tmp/x");
    expect(mine.split("\n")).toEqual([String(user.uid), "0", String(user.uid)]);
    expect(user.ok("run", "--rm", "--network", "none", "-v", `${user.home}/built:/data:O`, IMAGE, "sh", "-c", "echo new > /data/new; ls /data")).toBe("Containerfile\nnew");
    expect(existsSync(`${user.home}/built/new`)).toBe(false);
    expect(user.ok("run", "--rm", "--network", "none", "--mount", "type=image,src=built,dst=/image", IMAGE, "ls", "/image/d/sub")).toBe("Containerfile");
  });
}

test("fuse-overlayfs ends with its mounts, and what was copied goes with its container", async () => {
  await until("fuse-overlayfs to end", () => !commandLines().some(line => line.includes("fuse-overlayfs")));
  const copies = (): string => mustRun(["find", `${users.copy.home}/.local/share/containers/coracle/roots`, "-mindepth", "1", "-maxdepth", "1"]);
  expect(copies()).toBe("");
  for (const { home } of Object.values(users)) {
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(`${home}/.local/share/containers/coracle/roots`);
  }
});

test("system migrate makes a store find out anew; a root that was copied stays one", () => {
  const user = users.copy;
  user.ok("create", "--name", "old", "--network", "none", IMAGE, "sh", "-c", "ls /kept 2>/dev/null; echo x > /kept");
  user.ok("start", "-a", "old");
  user.ok("system", "migrate");
  // Everybody may open /dev/fuse now.
  expect(infoOf(user).graphDriverName).toBe("overlay");
  expect(user.ok("start", "-a", "old")).toBe("/kept");
  expect(user.ok("inspect", "--format", "{{.GraphDriver.Name}}", "old")).toBe("vfs");
  expect(user.ok("run", "--rm", "--network", "none", IMAGE, "echo", "new")).toBe("new");
  user.ok("rm", "old");
});
