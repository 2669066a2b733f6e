// What a cgroup used, read from trees as v1 and v2 lay them out.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cgroupUsage } from "./cgroup-usage.ts";

const base = mkdtempSync("/tmp/cgroup-usage-");
afterAll(() => rmSync(base, { recursive: true, force: true }));

function tree(files: Readonly<Record<string, string>>): string {
  const top = mkdtempSync(`${base}/`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(`${top}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    writeFileSync(`${top}/${path}`, text);
  }
  return top;
}

test("v2 keeps all in one directory, and no limit is no number", () => {
  const top = tree({
    "a/cgroup.procs": "1\n", "a/cpu.stat": "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n", "a/memory.current": "4096\n", "a/memory.max": "max\n",
    "a/pids.current": "3\n", "a/io.stat": "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=5 wbytes=1\n",
  });
  expect(cgroupUsage({ base: top, own: "0::/a\n" })).toEqual({
    cpuNs: 1_500_000, cpuSystemNs: 500_000, memoryBytes: 4096, memoryLimitBytes: Infinity, processes: 3, readBytes: 15, writeBytes: 21,
  });
});

test("v1 has a tree for each controller, also where two share one", () => {
  const top = tree({
    "cpu,cpuacct/c/cpuacct.usage": "77\n", "cpu,cpuacct/c/cpuacct.usage_sys": "7\n", "memory/c/memory.usage_in_bytes": "8192\n",
    "memory/c/memory.limit_in_bytes": "65536\n", "pids/c/pids.current": "2\n",
    "blkio/c/blkio.throttle.io_service_bytes_recursive": "8:0 Read 100\n8:0 Write 50\n8:0 Total 150\nTotal 150\n", "unified/c/cgroup.procs": "1\n",
  });
  const own = "4:memory:/c\n3:pids:/c\n2:cpu,cpuacct:/c\n1:blkio:/c\n0::/c\n";
  expect(cgroupUsage({ base: top, own })).toEqual({
    cpuNs: 77, cpuSystemNs: 7, memoryBytes: 8192, memoryLimitBytes: 65536, processes: 2, readBytes: 100, writeBytes: 50,
  });
});

test("a cgroup that has gone has no figures", () => {
  expect(cgroupUsage({ base: tree({ "x/y": "" }), own: "0::/gone\n" })).toBeUndefined();
});
