// What a process may do: capabilities, seccomp profiles and AppArmor, as tables.

import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { apparmorOf } from "./apparmor.ts";
import { boundedCapabilities, capabilityName, capabilityNames, capabilitySet, defaultCapabilities, processCapabilities, type CapabilityWishes } from "./capabilities.ts";
import { readProfileFile, resolveProfile, seccompOf, shippedProfile, type OciSeccomp } from "./seccomp.ts";

const place = mkdtempSync("/tmp/coracle-security-");
afterAll(() => rmSync(place, { recursive: true, force: true }));

const sets: [string, CapabilityWishes, readonly string[]][] = [
  ["the default", {}, defaultCapabilities],
  ["one more, one less", { defaults: ["CAP_CHOWN", "CAP_KILL"], add: ["sys_time"], drop: ["cap_kill"] }, ["CAP_CHOWN", "CAP_SYS_TIME"]],
  ["all", { add: ["all"] }, [...capabilityNames].sort()],
  ["all but one", { add: ["ALL"], drop: ["KILL"] }, capabilityNames.filter(name => name !== "CAP_KILL").sort()],
  ["only one", { add: ["KILL"], drop: ["all"] }, ["CAP_KILL"]],
  ["none", { drop: ["ALL"] }, []],
  ["privileged", { privileged: true }, [...capabilityNames].sort()],
  ["privileged, whatever is dropped", { privileged: true, drop: ["ALL"] }, [...capabilityNames].sort()],
];
for (const [name, wishes, expected] of sets) {
  test(`capabilities: ${name}`, () => expect(capabilitySet(wishes, capabilityNames)).toEqual([...expected].sort()));
}

for (const [wishes, reason] of [
  [{ add: ["FLY"] }, 'unknown capability "FLY"'],
  [{ add: ["KILL"], drop: ["cap_kill"] }, 'capability "CAP_KILL" cannot be dropped and added'],
  [{ add: ["__proto__"] }, "unknown capability"],
] as [CapabilityWishes, string][]) {
  test(`capabilities are refused: ${JSON.stringify(wishes)}`, () => {
    expect(() => capabilitySet(wishes, capabilityNames)).toThrow(expect.objectContaining({ code: "usage.invalid", message: expect.stringContaining(reason) }));
  });
}

test("what we lack ourselves is refused when it is asked for by name, and left out else", () => {
  expect(() => capabilitySet({ add: ["MKNOD"] }, ["CAP_CHOWN"])).toThrow("it is not available in the current environment");
  expect(capabilitySet({}, ["CAP_CHOWN"])).toEqual(["CAP_CHOWN"]);
  expect(capabilitySet({ privileged: true }, ["CAP_CHOWN"])).toEqual(["CAP_CHOWN"]);
});

test("root has all of its set; another user only what was added, as ambient too", () => {
  const root = processCapabilities({}, true);
  expect([root.effective, root.permitted]).toEqual([root.bounding, root.bounding]);
  expect([root.inheritable, root.ambient]).toEqual([undefined, undefined]);
  expect(processCapabilities({}, false)).toEqual({ bounding: root.bounding! });
  expect(processCapabilities({ add: ["chown"] }, false).ambient).toEqual(["CAP_CHOWN"]);
});

test("our own bounding set is made of names we know", () => {
  for (const name of boundedCapabilities()) expect(capabilityName(name.slice("CAP_".length).toLowerCase())).toBe(name);
});

const rules = ({ syscalls }: OciSeccomp): Map<string, string[]> => {
  const found = new Map<string, string[]>();
  for (const { names, action, errnoRet, args } of syscalls) {
    for (const name of names) found.set(name, [...found.get(name) ?? [], JSON.stringify([action, errnoRet, args])].sort());
  }
  return found;
};
const answer = async (name: string, capabilities: string[], machine = "x64"): Promise<string[]> =>
  resolveProfile(await shippedProfile(), capabilities, machine).syscalls.filter(rule => rule.names.includes(name)).map(rule => rule.action);

test("our profile refuses by capability, and lets through with it", async () => {
  expect(await answer("chroot", [])).toEqual(["SCMP_ACT_ERRNO"]);
  expect(await answer("chroot", ["CAP_SYS_CHROOT"])).toEqual(["SCMP_ACT_ALLOW"]);
  expect(await answer("read", [])).toEqual(["SCMP_ACT_ALLOW"]);
  expect(await answer("arch_prctl", [], "arm64")).toEqual([]);
  expect(await answer("no_such_call", [])).toEqual([]);
  const { architectures, defaultAction, defaultErrnoRet } = resolveProfile(await shippedProfile(), [], "x64");
  expect([architectures, defaultAction, defaultErrnoRet]).toEqual([["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "SCMP_ACT_ERRNO", 38]);
  expect(resolveProfile(await shippedProfile(), [], "arm64").architectures).toEqual(["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
});

const distribution = "/usr/share/containers/seccomp.json";
/** What distributions of 2023 still refused; kernels since 5.13 let it be asked for without privilege. */
const openedSince = ["fanotify_init"];
/** What they still allowed: calls of kernels long gone, and counters for CAP_SYS_ADMIN. */
const closedSince = ["readdir", "sigaction", "sigpending", "sigsuspend", "syscall", "timerfd", "perf_event_open"];

test.skipIf(!existsSync(distribution))("ours lets through what the distribution's profile does, and nothing that it refuses", async () => {
  const theirs = readProfileFile(distribution);
  const shipped = await shippedProfile();
  for (const capabilities of [[], [...defaultCapabilities], ["CAP_SYS_ADMIN"], ["CAP_SYS_PTRACE"], [...capabilityNames]]) {
    const [ours, known] = [rules(resolveProfile(shipped, capabilities, "x64")), rules(resolveProfile(theirs, capabilities, "x64"))];
    const refused = [...known].filter(([, actions]) => actions.every(action => action.includes("SCMP_ACT_ERRNO"))).map(([name]) => name).filter(name => !openedSince.includes(name));
    expect(refused.filter(name => ours.get(name)?.some(action => action.includes("SCMP_ACT_ALLOW")))).toEqual([]);
    const allowed = [...known].filter(([, actions]) => actions.every(action => action.includes("SCMP_ACT_ALLOW"))).map(([name]) => name).filter(name => !closedSince.includes(name));
    expect(allowed.filter(name => !ours.get(name)?.some(action => action.includes("SCMP_ACT_ALLOW")))).toEqual([]);
  }
});

function profile(text: string): string {
  writeFileSync(`${place}/profile.json`, text);
  return `${place}/profile.json`;
}

test("a profile of one's own is taken as it is, with both forms of names and errors", async () => {
  const path = profile(JSON.stringify({
    defaultAction: "SCMP_ACT_ALLOW", comment: "unknown fields are no error", flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [
      { name: "read", action: "SCMP_ACT_ERRNO", errno: "EPERM" }, { names: ["write"], action: "SCMP_ACT_ERRNO", errnoRet: 5, args: null },
      { names: ["clone"], action: "SCMP_ACT_LOG", args: [{ index: 0, value: 2114060288, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }], excludes: { caps: ["CAP_SYS_ADMIN"] } },
      { names: [], action: "SCMP_ACT_KILL" },
    ],
  }));
  expect(await seccompOf({ profile: path, capabilities: [] })).toMatchObject({
    defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [
      { names: ["read"], action: "SCMP_ACT_ERRNO", errnoRet: 1 }, { names: ["write"], action: "SCMP_ACT_ERRNO", errnoRet: 5 },
      { names: ["clone"], action: "SCMP_ACT_LOG", args: [{ index: 0, value: 2114060288, op: "SCMP_CMP_MASKED_EQ" }] },
    ],
  });
  expect((await seccompOf({ profile: path, capabilities: ["CAP_SYS_ADMIN"] }))?.syscalls.length).toBe(2);
});

test("unconfined is no filter, and nothing asked for is the default", async () => {
  expect(await seccompOf({ profile: "unconfined", capabilities: [] })).toBeUndefined();
  for (const asked of [undefined, "", "default"]) {
    expect((await seccompOf({ ...(asked === undefined ? {} : { profile: asked }), capabilities: [] }))?.syscalls.length).toBeGreaterThan(10);
  }
});

const wrong: Record<string, unknown> = {
  "a list": [], "a text": "SCMP_ACT_ALLOW", "null": null,
  "no default": {}, "an unknown default": { defaultAction: "ALLOW" }, "a number for the default": { defaultAction: 1 },
  "rules that are no list": { syscalls: {} }, "a rule that is null": { syscalls: [null] }, "a rule without action": { syscalls: [{ names: ["x"] }] },
  "an unknown action": { syscalls: [{ names: ["x"], action: "SCMP_ACT_NONE" }] },
  "a name that is none": { syscalls: [{ names: ["rm -rf"], action: "SCMP_ACT_ALLOW" }] }, "a name that is a number": { syscalls: [{ names: [1], action: "SCMP_ACT_ALLOW" }] },
  "both name and names": { syscalls: [{ name: "y", names: ["x"], action: "SCMP_ACT_ALLOW" }] },
  "an unknown errno": { syscalls: [{ names: ["x"], action: "SCMP_ACT_ERRNO", errno: "EWHAT" }] }, "an inherited errno": { syscalls: [{ names: ["x"], action: "SCMP_ACT_ERRNO", errno: "toString" }] },
  "an errno out of range": { syscalls: [{ names: ["x"], action: "SCMP_ACT_ERRNO", errnoRet: 4096 }] }, "an errno that is a text": { syscalls: [{ names: ["x"], action: "SCMP_ACT_ERRNO", errnoRet: "1" }] },
  "an argument out of range": { syscalls: [{ names: ["x"], action: "SCMP_ACT_ALLOW", args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] }] },
  "an unknown comparison": { syscalls: [{ names: ["x"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 0, op: "==" }] }] },
  "a negative value": { syscalls: [{ names: ["x"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: -1, op: "SCMP_CMP_EQ" }] }] },
  "a value that no double holds": { syscalls: [{ names: ["x"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 2 ** 60, op: "SCMP_CMP_EQ" }] }] },
  "conditions that are no object": { syscalls: [{ names: ["x"], action: "SCMP_ACT_ALLOW", includes: ["CAP_KILL"] }] },
  "capabilities that are a text": { syscalls: [{ names: ["x"], action: "SCMP_ACT_ALLOW", includes: { caps: "CAP_KILL" } }] },
  "two lists of architectures": { architectures: ["SCMP_ARCH_X86"], archMap: [{ architecture: "SCMP_ARCH_X86_64" }] }, "an unknown architecture": { architectures: ["pdp11"] },
  "an unknown flag": { flags: ["--all"] }, "too many rules": { syscalls: Array(4097).fill({ names: ["x"], action: "SCMP_ACT_ALLOW" }) },
};
for (const [what, value] of Object.entries(wrong)) {
  test(`a malformed profile is one clear fault: ${what}`, () => {
    const isWhole = typeof value !== "object" || value === null || Array.isArray(value) || what.endsWith("default");
    const path = profile(JSON.stringify(isWhole ? value : { defaultAction: "SCMP_ACT_ERRNO", ...value }));
    expect(() => readProfileFile(path)).toThrow(expect.objectContaining({ code: "usage.invalid", message: expect.stringContaining(`cannot read seccomp profile "${path}"`) }));
  });
}

test("what is no JSON, too deep, too large, a directory or missing is named with its path", () => {
  for (const text of ["", "{", "\u0000", "[".repeat(100_000)]) expect(() => readProfileFile(profile(text))).toThrow(`${place}/profile.json`);
  truncateSync(profile(""), 5 * 1024 * 1024);
  expect(() => readProfileFile(`${place}/profile.json`)).toThrow("larger than 4 MiB");
  symlinkSync("/dev/zero", `${place}/endless`);
  expect(() => readProfileFile(`${place}/endless`)).toThrow("larger than 4 MiB");
  expect(() => readProfileFile(place)).toThrow("it is a directory");
  expect(() => readProfileFile("/no/such.json")).toThrow("opening seccomp profile failed: open /no/such.json: no such file or directory");
});

const on = { isEnabled: true, loaded: "containers-default (enforce)\nother (complain)\n" };
const off = { isEnabled: false, loaded: "" };
for (const [choice, host, profileName] of [
  [{}, off, undefined], [{ configured: "containers-default" }, off, undefined], [{ asked: "unconfined" }, off, undefined], [{ asked: "" }, off, undefined],
  [{}, on, undefined], [{ configured: "containers-default" }, on, "containers-default"], [{ configured: "not-loaded" }, on, undefined],
  [{ configured: "containers-default", privileged: true }, on, undefined], [{ asked: "other", privileged: true }, on, "other"],
  [{ asked: "unconfined", configured: "containers-default" }, on, "unconfined"], [{ asked: "mine" }, on, "mine"],
] as const) {
  test(`AppArmor ${host.isEnabled ? "on" : "off"}, ${JSON.stringify(choice)}`, () => expect(apparmorOf(choice, host)).toBe(profileName));
}

test("an AppArmor profile that was asked for where there is no AppArmor is refused", () => {
  expect(() => apparmorOf({ asked: "mine" }, off)).toThrow(expect.objectContaining({ code: "usage.invalid", message: 'apparmor profile "mine" specified, but Apparmor is not enabled on this system' }));
});
