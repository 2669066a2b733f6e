// Learning in tables: the profile that tells, the profile that was learned, and what is kept between runs.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { OciSeccomp } from "../seccomp.ts";
import { merged, nothingLearned, optionsFor, placesOf, readLearned, sizeOf, writeWhole, type Learned } from "./learned.ts";
import { learnedProfile, watchingProfile } from "./watching-profile.ts";

const place = mkdtempSync("/tmp/coracle-learn-");
afterAll(() => rmSync(place, { recursive: true, force: true }));

const base: OciSeccomp = {
  defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38, architectures: ["SCMP_ARCH_X86_64"],
  syscalls: [
    { names: ["write", "mkdir", "ptrace"], action: "SCMP_ACT_ALLOW" }, { names: ["bpf"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
    { names: ["personality"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }] },
  ],
};
const watching = (profile: OciSeccomp | undefined, known = ["mkdir", "bpf", "reboot"]) => watchingProfile({ base: profile, socket: "/s", known });

test("every call that was allowed is told of, but for those by which it is told; what was refused stays refused", () => {
  expect(watching(base)).toEqual({
    ...base, listenerPath: "/s",
    syscalls: [
      { names: ["write"], action: "SCMP_ACT_ALLOW" }, { names: ["mkdir", "ptrace"], action: "SCMP_ACT_NOTIFY" }, base.syscalls[1]!,
      { ...base.syscalls[2]!, action: "SCMP_ACT_NOTIFY" },
    ],
  });
});

test("where all is allowed, all that has a name is told of", () => {
  expect(watching(undefined).syscalls).toEqual([{ names: ["mkdir", "bpf", "reboot"], action: "SCMP_ACT_NOTIFY" }]);
  const open = watching({ ...base, defaultAction: "SCMP_ACT_ALLOW" });
  expect(open.syscalls.at(-1)).toEqual({ names: ["reboot"], action: "SCMP_ACT_NOTIFY" });
});

for (const [what, profile] of [["a path", { ...base, listenerPath: "/l" }], ["a rule", { ...base, syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }] }]] as const) {
  test(`a profile that has a listener already is refused: ${what}`, () => expect(() => watching(profile)).toThrow("has a listener of its own"));
}

test("the learned profile is the base's, with the rules of what was used alone", () => {
  const learned = learnedProfile(base, new Set(["mkdir", "personality"]));
  expect(learned.syscalls).toEqual([{ names: ["mkdir", "write"], action: "SCMP_ACT_ALLOW" }, base.syscalls[1]!, base.syscalls[2]!]);
  expect(learnedProfile(base, new Set(["mkdir"])).syscalls.flatMap(({ names }) => names)).not.toContain("personality");
  expect([learned.defaultAction, learned.defaultErrnoRet]).toEqual(["SCMP_ACT_ERRNO", 38]);
});

test("from an open profile comes a closed one, and its refusals stay", () => {
  const learned = learnedProfile({ ...base, defaultAction: "SCMP_ACT_ALLOW" }, new Set(["mkdir", "bpf"]));
  const allowed = learned.syscalls.at(-1)!.names;
  expect([learned.defaultAction, allowed.includes("mkdir"), allowed.includes("bpf"), allowed.includes("reboot")]).toEqual(["SCMP_ACT_ERRNO", true, false, false]);
  expect(learnedProfile(undefined, new Set(["reboot"])).syscalls.at(-1)!.names).toContain("reboot");
});

const one: Learned = { runs: 1, systemCalls: ["read"], capabilities: ["CAP_CHOWN"], denials: [{ source: "a.process", target: "t", class: "file", permissions: ["read"] }] };

test("runs add up, and are read back as they were written", () => {
  const both = merged(one, { ...one, systemCalls: ["mkdir", "read"], denials: [{ ...one.denials[0]!, permissions: ["write", "read"] }] });
  expect([both.runs, both.systemCalls, both.denials[0]!.permissions, sizeOf(both)]).toEqual([2, ["mkdir", "read"], ["read", "write"], 5]);
  const { notes } = placesOf(place, "both");
  writeWhole(notes, JSON.stringify(both));
  expect(readLearned(notes)).toEqual(both);
  expect(readLearned(`${place}/none`)).toEqual(nothingLearned);
});

for (const text of ["", "[]", '{"runs":-1}', '{"runs":1,"systemCalls":["a b"]}', '{"runs":1,"denials":[{"source":"a)(b"}]}', '{"runs":1,"capabilities":[1]}']) {
  test(`notes that we did not write are refused: ${text}`, () => {
    writeFileSync(`${place}/bad`, text);
    expect(() => readLearned(`${place}/bad`)).toThrow();
  });
}

test("capabilities that nobody saw are not taken away", () => {
  const at = { name: "n", directory: "/d", hasPolicy: true };
  expect(optionsFor(one, at)).toEqual(["--security-opt label=type:n.process", "--security-opt seccomp=/d/n.seccomp.json", "--cap-drop all", "--cap-add chown"]);
  expect(optionsFor({ ...one, capabilitiesUnknown: "nobody looked" }, { ...at, hasPolicy: false })).toEqual(["--security-opt seccomp=/d/n.seccomp.json"]);
});
