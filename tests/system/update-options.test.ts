// Options of update and clone, one after the other: what the kernel and inspect say afterwards.
// Source: podman-update(1), podman-container-clone(1).

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { ok, podman, until } from "../fixtures/coracle.ts";
import { diskNode, newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const inspect = (name: string): Record<string, any> => JSON.parse(ok("inspect", name))[0];

/** Where the container's own cgroup lies: one directory a controller with version 1, one for all with version 2. */
function cgroupFile(name: string, controller: string, file: string): string {
  const lines = readFileSync(`/proc/${inspect(name)["State"].Pid}/cgroup`, "utf8").split("\n").map(line => line.split(":"));
  const own = lines.find(([, names]) => names!.split(",").includes(controller));
  return own ? `/sys/fs/cgroup/${controller}${own[2]}/${file}` : `/sys/fs/cgroup${lines.find(([, names]) => names === "")![2]}/${file}`;
}
/** What the kernel says, by the first of these files (the name in version 1, then in 2) that is there. */
function kernel(name: string, controller: string, ...files: string[]): string {
  const found = files.map(file => cgroupFile(name, controller, file)).find(existsSync);
  return found ? readFileSync(found, "utf8").trim() : `none of ${files}`;
}

/** A disk of this machine whose node is in /dev, to limit. */
const disk = readdirSync("/sys/block").find(name => existsSync(`/dev/${name}`) && existsSync(`/sys/block/${name}/device`));

test("cpus and cpusets: --cpu-period --cpu-quota --cpu-shares --cpuset-cpus --cpuset-mems", () => {
  ok("run", "-d", "--network", "none", "--name", "limited", "--cpu-quota", "30000", "--cpu-shares", "100", IMAGE, "sleep", "100");
  ok("update", "--cpu-period", "50000", "--cpu-shares", "512", "--cpuset-cpus", "0", "--cpuset-mems", "0", "limited");
  expect(kernel("limited", "cpu", "cpu.cfs_period_us", "cpu.max")).toMatch(/^50000$|^30000 50000$/);
  expect(kernel("limited", "cpu", "cpu.cfs_quota_us", "cpu.max")).toMatch(/^30000/);
  expect(kernel("limited", "cpu", "cpu.shares", "cpu.weight")).toMatch(/^512$|^20$|^59$/);
  expect([kernel("limited", "cpuset", "cpuset.cpus"), kernel("limited", "cpuset", "cpuset.mems")]).toEqual(["0", "0"]);
  ok("update", "--cpu-quota", "20000", "limited");
  expect(kernel("limited", "cpu", "cpu.cfs_quota_us", "cpu.max")).toMatch(/^20000( 50000)?$/);
  expect(inspect("limited")["HostConfig"]).toMatchObject({ CpuPeriod: 50_000, CpuQuota: 20_000, CpuShares: 512, CpusetCpus: "0", CpusetMems: "0" });
});

test("memory: --memory-reservation --memory-swap --memory-swappiness --pids-limit", () => {
  ok("run", "-d", "--network", "none", "--name", "limited", "--memory", "64m", IMAGE, "sleep", "100");
  ok("update", "--memory-reservation", "32m", "--memory-swap", "96m", "--pids-limit", "50", "limited");
  expect(kernel("limited", "memory", "memory.limit_in_bytes", "memory.max")).toBe("67108864");
  expect(kernel("limited", "memory", "memory.memsw.limit_in_bytes", "memory.swap.max")).toMatch(/^100663296$|^33554432$/);
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) expect(kernel("limited", "memory", "memory.low")).toBe("33554432");
  expect(kernel("limited", "pids", "pids.max")).toBe("50");
  expect(inspect("limited")["HostConfig"]).toMatchObject({ Memory: 67_108_864, MemoryReservation: 33_554_432, MemorySwap: 100_663_296, PidsLimit: 50 });
  ok("create", "--network", "none", "--name", "waiting", IMAGE, "true");
  ok("update", "--memory-swappiness", "30", "--cpu-rt-period", "1000000", "--cpu-rt-runtime", "950000", "--blkio-weight", "123", "waiting");
  expect(inspect("waiting")["HostConfig"]).toMatchObject({ MemorySwappiness: 30, CpuRealtimePeriod: 1_000_000, CpuRealtimeRuntime: 950_000, BlkioWeight: 123 });
});

test.if(disk !== undefined)("disks: --device-read-bps --device-read-iops --device-write-bps --device-write-iops --blkio-weight-device; each kind is its own", () => {
  const device = `/dev/${disk}`;
  ok("run", "-d", "--network", "none", "--name", "limited", "--device-read-bps", `${device}:1mb`, IMAGE, "sleep", "100");
  ok("update", "--device-write-bps", `${device}:2mb`, "--device-read-iops", `${device}:300`, "--device-write-iops", `${device}:400`, "limited");
  const v1 = ["read_bps", "write_bps", "read_iops", "write_iops"].map(kind => kernel("limited", "blkio", `blkio.throttle.${kind}_device`, "io.max"));
  if (v1[0]!.includes("rbps")) expect(v1[0]).toContain("rbps=1048576 wbps=2097152 riops=300 wiops=400");
  else expect(v1.map(line => line.split(" ")[1])).toEqual(["1048576", "2097152", "300", "400"]);
  const rates = ({ HostConfig }: Record<string, any>) => ["BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"].map(name => HostConfig[name].map((one: any) => one.Rate));
  expect(rates(inspect("limited"))).toEqual([[1_048_576], [2_097_152], [300], [400]]);
  ok("create", "--network", "none", "--name", "waiting", IMAGE, "true");
  ok("update", "--blkio-weight-device", `${device}:222`, "waiting");
  expect(inspect("waiting")["HostConfig"].BlkioWeightDevice).toEqual([{ Path: device, Weight: 222 }]);
});

for (const [words, message] of [
  [["--blkio-weight", "5"], "range is from 10 to 1000"],
  [["--blkio-weight-device", "/dev/no-such:100"], "no such"],
  [["--device-write-bps", "/dev/null:fast"], "fast"],
  [["--device-read-iops", "/dev/null:-1"], "-1"],
  [["--device-write-iops", "/dev/null"], "/dev/null"],
  [["--cpu-period", "-5"], "-5"],
  [["--cpu-rt-period", "x"], "x"],
  [["--cpu-rt-runtime", "x"], "x"],
  [["--memory-reservation", "much"], "much"],
  [["--memory-swap", "much"], "much"],
  [["--memory-swappiness", "101"], "101"],
  [["--health-on-failure", "panic"], "panic"],
  [["--health-timeout", "soon"], "soon"],
  [["--health-startup-interval", "soon"], "soon"],
  [["--health-max-log-count", "-1"], "-1"],
  [["--health-log-destination", "/no/such"], "/no/such"],
] as const) {
  test(`refused, and nothing changed: update ${words.join(" ")}`, () => {
    ok("create", "--network", "none", "--name", "kept", "--health-cmd", "true", IMAGE, "true");
    const before = inspect("kept");
    const ran = podman("update", ...words, "kept");
    expect([ran.status, ran.err]).toEqual([125, expect.stringContaining(message)]);
    expect(inspect("kept")).toEqual(before);
  });
}

test("what the kernel refuses changes nothing in the settings", () => {
  ok("run", "-d", "--network", "none", "--name", "limited", "--cpuset-cpus", "0", IMAGE, "sleep", "100");
  const ran = podman("update", "--cpuset-cpus", "4095", "limited");
  expect(ran.status).toBe(125);
  expect(inspect("limited")["HostConfig"].CpusetCpus).toBe("0");
  expect(kernel("limited", "cpuset", "cpuset.cpus")).toBe("0");
});

test("health: every setting is changed alone, --latest names the container", () => {
  ok("create", "--network", "none", "--name", "older", "--health-cmd", "true", IMAGE, "true");
  ok("create", "--network", "none", "--name", "newer", "--health-cmd", "true", IMAGE, "true");
  ok("update", "--latest", "--health-timeout", "3s", "--health-start-period", "9s", "--health-on-failure", "stop", "--health-max-log-count", "6", "--health-max-log-size", "200", "--health-log-destination", "events_logger");
  ok("update", "-l", "--health-startup-cmd", "echo started", "--health-startup-interval", "2s", "--health-startup-timeout", "1s", "--health-startup-retries", "8", "--health-startup-success", "2");
  const { Config } = inspect("newer");
  expect(Config.Healthcheck).toMatchObject({ Test: ["CMD-SHELL", "true"], Timeout: 3e9, StartPeriod: 9e9, Retries: 3 });
  expect(Config.StartupHealthCheck).toMatchObject({ Test: ["CMD-SHELL", "echo started"], Interval: 2e9, Timeout: 1e9, Retries: 8, Successes: 2 });
  expect(Config).toMatchObject({ HealthcheckOnFailureAction: "stop", HealthcheckMaxLogCount: 6, HealthcheckMaxLogSize: 200, HealthLogDestination: "events_logger" });
  expect(inspect("older")["Config"].Healthcheck).toMatchObject({ Timeout: 30e9 });
});

test("a running container follows its new health settings: log, timeout, action", async () => {
  const logs = newFolder("health");
  ok("run", "-d", "--network", "none", "--name", "checked", "--health-cmd", "echo aaaaaaaaaaaaaaaaaaaa; test ! -e /bad", "--health-interval", "disable", IMAGE, "sleep", "100");
  ok("update", "--health-max-log-count", "2", "--health-max-log-size", "5", "--health-log-destination", logs, "checked");
  for (let count = 0; count < 3; count++) expect(podman("healthcheck", "run", "checked").status).toBe(0);
  const shown = inspect("checked");
  expect(shown["State"].Health.Log.map((entry: any) => entry.Output.trim())).toEqual(["aaaaa", "aaaaa"]);
  expect(readdirSync(logs)).toEqual([`${shown["Id"]}-healthcheck.log`]);
  ok("update", "--health-cmd", "sleep 20", "--health-timeout", "1s", "--health-retries", "1", "--health-on-failure", "kill", "checked");
  const begun = Date.now();
  expect(podman("healthcheck", "run", "checked").err).toContain("healthcheck command exceeded timeout of 1s");
  expect(Date.now() - begun).toBeLessThan(8_000);
  await until("the kill", () => inspect("checked")["State"].Status === "exited");
});

test("clone takes limits of its own: --blkio-weight --blkio-weight-device --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpuset-cpus --cpuset-mems --device-write-bps --memory-reservation --memory-swap --memory-swappiness", () => {
  const node = diskNode();
  ok("create", "--network", "none", "--name", "mother", "--cpu-shares", "77", "--memory", "64m", "--device-read-bps", `${node}:5mb`, IMAGE, "true");
  const id = ok("container", "clone", "--blkio-weight", "222", "--blkio-weight-device", `${node}:333`, "--cpu-period", "50000", "--cpu-quota", "25000", "--cpuset-cpus", "0", "--cpuset-mems", "0",
    "--cpu-rt-period", "1000000", "--cpu-rt-runtime", "950000", "--device-write-bps", `${node}:2mb`, "--memory-reservation", "32m", "--memory-swap", "128m", "--memory-swappiness", "10", "--name", "daughter", "mother");
  const { HostConfig, Name } = inspect(id);
  expect(Name).toBe("daughter");
  expect(HostConfig).toMatchObject({
    BlkioWeight: 222, BlkioWeightDevice: [{ Path: node, Weight: 333 }], CpuPeriod: 50_000, CpuQuota: 25_000, CpuShares: 77, CpusetCpus: "0", CpusetMems: "0",
    CpuRealtimePeriod: 1_000_000, CpuRealtimeRuntime: 950_000, Memory: 67_108_864, MemoryReservation: 33_554_432, MemorySwap: 134_217_728, MemorySwappiness: 10,
    BlkioDeviceReadBps: [{ Path: node, Rate: 5_242_880 }], BlkioDeviceWriteBps: [{ Path: node, Rate: 2_097_152 }],
  });
  expect(inspect("mother")["HostConfig"]).toMatchObject({ BlkioWeight: 0, CpuPeriod: 0, CpusetCpus: "" });
});
