import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import * as users from "./users.ts";

const status = (name: string): string =>
  new RegExp(`^${name}:\\s+(.*)$`, "m").exec(readFileSync("/proc/thread-self/status", "utf8"))![1]!;

test("ids and capabilities are those that the kernel shows in /proc", () => {
  const { effective, permitted, inheritable } = users.capget();
  const hex = (bits: bigint): string => bits.toString(16).padStart(16, "0");
  expect(hex(effective)).toBe(status("CapEff"));
  expect(hex(permitted)).toBe(status("CapPrm"));
  expect(hex(inheritable)).toBe(status("CapInh"));
  expect(hex(users.boundingCapabilities())).toBe(status("CapBnd"));
  expect([users.getuid(), users.geteuid()].join("\t")).toBe(status("Uid").split("\t").slice(0, 2).join("\t"));
  expect([users.getgid(), users.getegid()].join("\t")).toBe(status("Gid").split("\t").slice(0, 2).join("\t"));
  expect(users.hasCapability(users.CAP_SYS_ADMIN)).toBe(((effective >> 21n) & 1n) === 1n);
  expect(users.hasCapability(63)).toBe(false);
});

test("a user namespace is told from the machine's own", () => {
  const script = `import { isInInitialUserNamespace, ownIdMaps } from "${import.meta.dir}/users.ts";
    console.log(JSON.stringify([isInInitialUserNamespace(), ownIdMaps("gid")]));`;
  const run = (prefix: string[]): unknown => {
    const { stdout } = Bun.spawnSync([...prefix, process.execPath, "-e", script]);
    return JSON.parse(stdout.toString());
  };
  const gid = users.getgid();
  expect(run(["unshare", "--user", "--map-root-user"])).toEqual([false, [{ inside: 0, outside: gid, count: 1 }]]);
  expect(run([])).toEqual([users.isInInitialUserNamespace(), users.ownIdMaps("gid")]);
});
