// Limits and device rules in OCI's terms, and the JSON of a bundle.

import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import type { ContainerSpec } from "../base/container-spec.ts";
import { jsonText, writeBundle } from "./bundle.ts";
import { deviceOf, devicesOf } from "./devices.ts";
import type { OciConfig } from "./oci.ts";
import { readDeviceRule, resourcesOf, type LimitFacts } from "./resources.ts";

const facts: LimitFacts = { pidsLimitDefault: 2048, rootless: false, devices: [], ownUsers: false, mode: "v2" };

for (const [text, rule] of [
  ["c 1:3 rwm", { allow: true, type: "c", major: 1, minor: 3, access: "rwm" }],
  ["b *:* r", { allow: true, type: "b", access: "r" }],
  [" a 10:* mw ", { allow: true, type: "a", major: 10, access: "mw" }],
] as const) {
  test(`device rule ${JSON.stringify(text)}`, () => expect<unknown>(readDeviceRule(text)).toEqual(rule));
}

for (const text of ["", "c", "c 1:3", "x 1:3 rwm", "c 1:3 rwx", "c 1:3 rwmr", "c -1:3 r", "c 1:x r", "c :3 r", "c 1: r", "c 9999999999:1 r", "c 1:3 rwm; a *:* rwm", "c 1:3\nrwm x"]) {
  test(`device rule ${JSON.stringify(text)} is refused, for a wrong number would mean every device`, () => {
    expect(() => readDeviceRule(text)).toThrow(expect.objectContaining({ code: "usage.invalid" }));
  });
}

const limited: [string, ContainerSpec, Partial<LimitFacts>, Record<string, unknown>][] = [
  ["the default", {}, {}, { devices: [{ allow: false, access: "rwm" }], pids: { limit: 2048 } }],
  ["no limit of processes", { resources: { pidsLimit: 0 } }, {}, { devices: [{ allow: false, access: "rwm" }] }],
  ["unlimited processes", { resources: { pidsLimit: -1 } }, {}, { devices: [{ allow: false, access: "rwm" }], pids: { limit: -1 } }],
  ["rootless on v1", {}, { rootless: true, mode: "v1" }, {}],
  ["rootless on v2", {}, { rootless: true }, { pids: { limit: 2048 } }],
  ["without cgroups", { cgroups: "disabled" }, {}, { devices: [{ allow: false, access: "rwm" }] }],
  ["a user namespace", { deviceCgroupRules: ["c 1:3 r"] }, { ownUsers: true }, { devices: [{ allow: true, type: "c", major: 1, minor: 3, access: "r" }], pids: { limit: 2048 } }],
  ["v2 files", { cgroups: "disabled", resources: { unified: { "memory.high": "1" } }, cgroupConf: { "io.weight": "5" } }, { rootless: true }, { unified: { "memory.high": "1", "io.weight": "5" } }],
  ["huge swap", { cgroups: "disabled", resources: { memoryBytes: 5, memorySwapBytes: -1, memorySwappiness: 0 } }, { rootless: true }, { memory: { limit: 5, swap: -1, swappiness: 0 } }],
  ["realtime", { cgroups: "disabled", resources: { cpuRtRuntimeUs: 1, cpuRtPeriodUs: 2, cpusetMems: "0" } }, { rootless: true }, { cpu: { realtimeRuntime: 1, realtimePeriod: 2, mems: "0" } }],
  ["weights", { cgroups: "disabled", resources: { blkioWeight: 10, throttle: [{ kind: "write-iops", path: "/dev/null", rate: 4 }] } }, { rootless: true },
    { blockIO: { weight: 10, throttleWriteIOPSDevice: [{ major: 1, minor: 3, rate: 4 }] } }],
];
for (const [name, spec, over, expected] of limited) {
  test(`linux.resources: ${name}`, () => expect(resourcesOf(spec, { ...facts, ...over })).toEqual(expected));
}

test("devices below a directory that was asked for get the directory's access, others their own", () => {
  const spec: ContainerSpec = { devices: [{ source: "/dev/x", target: "/dev/x", access: "r" }, { source: "/dev/x2", target: "/dev/x2", access: "w" }] };
  const devices = ["/dev/x/1", "/dev/x2", "/dev/y"].map(path => ({ path, type: "c" as const, major: 1, minor: 2 }));
  const rules = resourcesOf(spec, { ...facts, devices }).devices as { access: string }[];
  expect(rules.map(({ access }) => access)).toEqual(["rwm", "r", "w", "rwm"]);
});

test("devices are looked at on the host; what is none is refused", () => {
  expect(deviceOf("/dev/null", "/dev/mine")).toMatchObject({ path: "/dev/mine", type: "c", major: 1, minor: 3 });
  expect(() => deviceOf("/etc/passwd", "/x")).toThrow(expect.objectContaining({ code: "usage.invalid" }));
  expect(() => devicesOf({ devices: [{ source: "/dev/none", target: "/dev/none", access: "r" }] })).toThrow("stat /dev/none: no such file or directory");
  const shown = devicesOf({ terminal: true, security: { privileged: true } }).map(({ path }) => path);
  for (const path of ["/dev/console", "/dev/null", "/dev/ptmx", "/dev/tty", "/dev/tty1"]) expect(shown).not.toContain(path);
  expect(shown.some(path => path.startsWith("/dev/pts/") || path.startsWith("/dev/shm/"))).toBe(false);
});

const place = mkdtempSync("/tmp/coracle-bundle-");
afterAll(() => rmSync(place, { recursive: true, force: true }));

test("a bundle holds the whole config, for nobody else to read, and no half file", () => {
  const config = { ociVersion: "1.1.0", process: { args: ["a\u0001b"], env: [] } } as unknown as OciConfig;
  writeBundle(`${place}/a/b`, config);
  expect(JSON.parse(readFileSync(`${place}/a/b/config.json`, "utf8"))).toEqual(config);
  expect(statSync(`${place}/a/b/config.json`).mode & 0o777).toBe(0o600);
  expect(existsSync(`${place}/a/b/config.json.new`)).toBe(false);
});

test("no limit is written as 2^64 - 1, which no double holds; texts that look like a mark stay texts", () => {
  expect(jsonText({ hard: Number.POSITIVE_INFINITY, soft: 1 })).toBe('{"hard":18446744073709551615,"soft":1}');
  const args = ["18446744073709551615", "unlimited", "unlimited.", "\u0001"];
  expect(jsonText({ args, hard: Number.POSITIVE_INFINITY })).toBe(`${JSON.stringify({ args }).slice(0, -1)},"hard":18446744073709551615}`);
});
