import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { mount, mounts, isMountpoint } from "./mounts.ts";
import { createNamedNetns, inNetns, openNamespace, removeNamedNetns, withMountNamespace } from "./namespaces.ts";
import { close } from "./files.ts";
import { testDirectory } from "./test-directory.ts";
import { geteuid } from "./users.ts";

const isRoot = geteuid() === 0;
const own = (kind: string): string => readlinkSync(`/proc/thread-self/ns/${kind}`);

test.skipIf(!isRoot)("mounts made in a new namespace are ours and our children's there, and gone outside", () => {
  using directory = testDirectory();
  const home = own("mnt");
  const cwd = process.cwd();
  const result = withMountNamespace("new", () => {
    expect(own("mnt")).not.toBe(home);
    mount({ source: "tmpfs", target: directory.path, type: "tmpfs" });
    writeFileSync(`${directory.path}/inside`, "seen");
    expect(Bun.spawnSync(["cat", `${directory.path}/inside`]).stdout.toString()).toBe("seen");
    return "returned";
  });
  expect(result).toBe("returned");
  expect(own("mnt")).toBe(home);
  expect(existsSync(`${directory.path}/inside`)).toBe(false);
  expect(isMountpoint(directory.path)).toBe(false);
  expect(readlinkSync("/proc/thread-self/cwd")).toBe(cwd);
  expect(Bun.spawnSync(["pwd", "-P"]).stdout.toString().trim()).toBe(cwd);
});

test.skipIf(!isRoot)("a throw comes home too, and an existing namespace can be entered by its handle", () => {
  const home = own("mnt");
  const thrown = new Error("inside");
  expect(() => withMountNamespace("new", () => { throw thrown; })).toThrow(thrown);
  expect(own("mnt")).toBe(home);
  using directory = testDirectory();
  const inner = withMountNamespace("new", () => {
    mount({ source: "tmpfs", target: directory.path, type: "tmpfs" });
    return openNamespace("mnt");
  });
  expect(isMountpoint(directory.path)).toBe(false);
  expect(withMountNamespace(inner, () => isMountpoint(directory.path))).toBe(true);
  expect(() => withMountNamespace(0, () => 1)).toThrow(expect.objectContaining({ errno: "EINVAL" }));
  expect(own("mnt")).toBe(home);
  close(inner);
});

test.skipIf(!isRoot)("a named network namespace lives without a process, has its loopback up, and goes by name", () => {
  using directory = testDirectory();
  const path = `${directory.path}/netns-test`;
  const home = own("net");
  createNamedNetns(path);
  try {
    expect(own("net")).toBe(home);
    expect(mounts().find(({ target }) => target === path)).toMatchObject({ type: "nsfs" });
    const seen = inNetns(path, () => {
      expect(own("net")).not.toBe(home);
      return Bun.spawnSync(["cat", "/proc/net/dev"]).stdout.toString();
    });
    expect(own("net")).toBe(home);
    expect(seen.match(/^\s*\w+:/gm)!.map((name) => name.trim())).toEqual(expect.arrayContaining(["lo:"]));
    expect(seen).not.toContain("eth0:");
    expect(inNetns(path, () => readFileSync("/proc/thread-self/net/if_inet6", "utf8"))).toContain("lo");
    const listening = inNetns(path, () => Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } }));
    listening.stop(true);
    expect(() => createNamedNetns(path)).toThrow(expect.objectContaining({ code: "system.exists" }));
    expect(isMountpoint(path)).toBe(true);
  } finally {
    expect(removeNamedNetns(path)).toBe(true);
  }
  expect(existsSync(path)).toBe(false);
  expect(removeNamedNetns(path)).toBe(false);
});

test.skipIf(!isRoot)("a network namespace that cannot be named leaves nothing and keeps ours", () => {
  using directory = testDirectory();
  const home = own("net");
  expect(() => createNamedNetns(`${directory.path}/no/directory`)).toThrow(
    expect.objectContaining({ code: "system.not-found" }),
  );
  mkdirSync(`${directory.path}/here`);
  expect(() => inNetns(`${directory.path}/here`, () => 1)).toThrow(expect.objectContaining({ errno: "EINVAL" }));
  expect(() => inNetns("/proc/self/ns/net", () => { throw new Error("inside"); })).toThrow("inside");
  expect(own("net")).toBe(home);
});
