// Options of run and create, one after the other: what each does to the container, or to what inspect says of it.
// Source: podman-run(1).

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mustRun, ok, podman, run } from "../fixtures/coracle.ts";
import { diskNode, newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

const folder = (): string => newFolder("table");
const write = (name: string, text: string): string => {
  const path = `${folder()}/${name}`;
  writeFileSync(path, text);
  return path;
};
const once = (...words: string[]): string => ok("run", "--rm", "--network", "none", ...words);

/** What inspect says of a container that was created so. */
function created(...words: string[]): Record<string, any> {
  const id = ok("create", "--network", "none", ...words, IMAGE, "true");
  const [found] = JSON.parse(ok("inspect", id));
  ok("rm", id);
  return found;
}

/** The runtime's configuration of a container that was initialized so; what the runtime makes of it is its own. */
function config(...words: string[]): Record<string, any> {
  const id = ok("create", "--network", "none", ...words, IMAGE, "true");
  podman("init", id);
  const found = JSON.parse(readFileSync(`/run/containers/coracle/containers/${id}/bundle/config.json`, "utf8"));
  ok("rm", "-f", "-t0", id);
  return found;
}

test("hosts and resolv.conf: --add-host --dns --dns-option --dns-search --hostname --hosts-file --no-hosts --no-hostname", () => {
  const base = write("hosts", "10.1.1.1 from-base\n");
  const all = ok("run", "--rm", "--add-host", "other:10.2.2.2", "--dns", "10.9.9.9", "--dns-option", "ndots:3", "--dns-search", "boats.example", "--hostname", "coracle", "--hosts-file", base, IMAGE, "cat", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname");
  expect(all).toMatch(/10\.2\.2\.2\s+other/);
  expect(all).toMatch(/10\.1\.1\.1\s+from-base/);
  expect(all).toMatch(/coracle/);
  expect(all).toMatch(/^nameserver 10\.9\.9\.9$/m);
  expect(all).toMatch(/^options ndots:3$/m);
  expect(all).toMatch(/^search boats\.example$/m);
  expect(once("--no-hosts", "--no-hostname", IMAGE, "sh", "-c", "grep -c coracle /etc/hosts /etc/hostname; mount | grep -c /etc/host; true")).toMatch(/0$/);
});

test("environment: --env-file --env-host --env-merge --unsetenv --unsetenv-all --http-proxy --tz", () => {
  const file = write("env", "# a comment\nFROM_FILE=file\nFROM_HOST\n");
  const env = { FROM_HOST: "host", https_proxy: "http://proxy.example:1" };
  const show = (...words: string[]): string[] => mustRun(["podman", "run", "--rm", "--network", "none", ...words, IMAGE, "env"], { env }).split("\n");
  expect(show("--env-file", file)).toEqual(expect.arrayContaining(["FROM_FILE=file", "FROM_HOST=host", "https_proxy=http://proxy.example:1"]));
  expect(show("--http-proxy=false").join()).not.toContain("proxy.example");
  expect(show("--env-host")).toContain("FROM_HOST=host");
  expect(show("--env-merge", "PATH=${PATH}:/more").find(line => line.startsWith("PATH="))).toMatch(/bin:\/more$/);
  const environment = (...words: string[]): string[] => once("--env", "A=1", ...words, IMAGE, "/bin/env").split("\n").filter(line => /^(A|PATH|container)=/.test(line));
  expect(environment("--unsetenv", "PATH")).toEqual(expect.not.arrayContaining([expect.stringMatching(/^PATH=/)]));
  expect(environment("--unsetenv-all")).toEqual(["A=1"]);
  expect(once("--tz", "Etc/GMT-3", IMAGE, "date", "+%z")).toBe("+0300");
});

test("the program: --entrypoint --umask --group-add --personality --init --init-path --label-file", () => {
  expect(once("--entrypoint", "echo", IMAGE, "instead")).toBe("instead");
  expect(once("--entrypoint", '["echo", "two"]', IMAGE, "words")).toBe("two words");
  expect(once("--umask", "0027", IMAGE, "sh", "-c", "umask")).toBe("0027");
  expect(once("--user", "1000", "--group-add", "1234", IMAGE, "id", "-G").split(" ")).toContain("1234");
  expect(once("--personality", "LINUX32", IMAGE, "uname", "-m")).toBe("i686");
  expect(once("--init", IMAGE, "cat", "/proc/1/comm")).toMatch(/catatonit|podman-init/);
  expect(created("--init", "--init-path", "/bin/true").HostConfig.Init).toBe(true);
  expect(created("--label-file", write("labels", "one=1\ntwo\n"), "--label", "three=3").Config.Labels).toMatchObject({ one: "1", two: "", three: "3" });
});

test("files about it: --pidfile --conmon-pidfile --cidfile", () => {
  const place = folder();
  const id = ok("run", "-d", "--network", "none", "--pidfile", `${place}/pid`, "--conmon-pidfile", `${place}/conmon`, "--cidfile", `${place}/cid`, IMAGE, "sleep", "100");
  expect(readFileSync(`${place}/cid`, "utf8")).toBe(id);
  const [{ State }] = JSON.parse(ok("inspect", id));
  expect([readFileSync(`${place}/pid`, "utf8"), readFileSync(`${place}/conmon`, "utf8").trim()]).toEqual([String(State.Pid), String(State.ConmonPid)]);
  ok("rm", "-f", "-t0", id);
});

test("places: --read-only --read-only-tmpfs --tmpfs --shm-size --volumes-from --chrootdirs", () => {
  expect(once("--read-only", IMAGE, "sh", "-c", "touch /x 2>/dev/null || touch /tmp/y && echo only-tmp")).toBe("only-tmp");
  expect(once("--read-only", "--read-only-tmpfs=false", IMAGE, "sh", "-c", "touch /tmp/y 2>&1 || echo nowhere")).toContain("nowhere");
  expect(once("--tmpfs", "/mem:size=1m,mode=1700", IMAGE, "sh", "-c", "stat -c %a /mem; df -k /mem | tail -1 | awk '{print $2}'")).toBe("1700\n1024");
  expect(once("--shm-size", "2m", IMAGE, "sh", "-c", "df -k /dev/shm | tail -1 | awk '{print $2}'")).toBe("2048");
  ok("create", "--network", "none", "--name", "giver", "-v", "given:/given", IMAGE);
  expect(once("--volumes-from", "giver:ro", IMAGE, "sh", "-c", "touch /given/x 2>/dev/null || echo read-only")).toBe("read-only");
  ok("rm", "giver");
  expect(once("--chrootdirs", "/jail", IMAGE, "sh", "-c", "ls /jail/etc")).toContain("resolv.conf");
});

test("devices: --device --device-cgroup-rule --privileged", () => {
  expect(once("--device", "/dev/zero:/dev/nought:r", IMAGE, "head", "-c", "3", "/dev/nought").length).toBe(3);
  expect(config("--device-cgroup-rule", "c 89:* rwm").linux.resources.devices).toContainEqual({ allow: true, type: "c", major: 89, access: "rwm" });
  expect(podman("create", "--device-cgroup-rule", "nonsense", IMAGE).err).toContain("nonsense");
  expect(once("--privileged", IMAGE, "sh", "-c", "grep CapEff /proc/self/status")).toMatch(/[13]ffffffffff$|[0-9a-f]{10,}$/);
});

test("namespaces of the host and one's own: --uts --ipc --cgroupns --pid", () => {
  const host = (kind: string): string => run(["readlink", `/proc/self/ns/${kind}`]).out.trim();
  for (const [flag, kind] of [["--uts", "uts"], ["--ipc", "ipc"], ["--cgroupns", "cgroup"], ["--pid", "pid"]] as const) {
    expect([flag, once(flag, "host", IMAGE, "readlink", `/proc/self/ns/${kind}`)]).toEqual([flag, host(kind)]);
    expect([flag, once(flag, "private", IMAGE, "readlink", `/proc/self/ns/${kind}`) === host(kind)]).toEqual([flag, false]);
  }
});

test("limits of memory and processors are what inspect says", () => {
  const { HostConfig } = created(
    "--memory", "64m", "--memory-reservation", "32m", "--memory-swap", "128m", "--cpu-period", "50000", "--cpu-quota", "25000", "--cpuset-cpus", "0", "--cpuset-mems", "0",
    "--pids-limit", "77", "--oom-score-adj", "100", "--blkio-weight", "300", "--ulimit", "nofile=100:200",
  );
  expect(HostConfig).toMatchObject({
    Memory: 67_108_864, MemoryReservation: 33_554_432, MemorySwap: 134_217_728, CpuPeriod: 50_000, CpuQuota: 25_000, CpusetCpus: "0", CpusetMems: "0", PidsLimit: 77, OomScoreAdj: 100, BlkioWeight: 300,
  });
  expect(HostConfig.Ulimits).toContainEqual({ Name: "RLIMIT_NOFILE", Soft: 100, Hard: 200 });
  expect(created("--cpus", "0.5").HostConfig.NanoCpus).toBe(500_000_000);
  expect(created("--memory-swappiness", "10").HostConfig.MemorySwappiness).toBe(10);
  expect(created("--oom-kill-disable").HostConfig.OomKillDisable).toBe(true);
  expect(created("--cpu-rt-period", "1000000", "--cpu-rt-runtime", "950000").HostConfig).toMatchObject({ CpuRealtimePeriod: 1_000_000, CpuRealtimeRuntime: 950_000 });
  expect(created("--cgroup-parent", "/boats").HostConfig.CgroupParent).toBe("/boats");
  expect(created("--cgroups", "disabled").HostConfig.Cgroups).toBe("disabled");
  const { linux } = config("--rdt-class", "boats", "--cgroup-conf", "memory.high=1");
  expect([linux.intelRdt, linux.resources.unified]).toEqual([{ closID: "boats" }, { "memory.high": "1" }]);
});

test("limits of disks name their devices", () => {
  const disk = diskNode();
  const { HostConfig } = created(
    "--device-read-bps", `${disk}:1mb`, "--device-write-bps", `${disk}:2mb`, "--device-read-iops", `${disk}:3`, "--device-write-iops", `${disk}:4`, "--blkio-weight-device", `${disk}:500`,
  );
  const rates = ["BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"].map(name => HostConfig[name]?.[0]?.Rate);
  expect(rates).toEqual([1_048_576, 2_097_152, 3, 4]);
  expect(HostConfig.BlkioWeightDevice?.[0]?.Weight).toBe(500);
  expect(podman("create", "--device-read-bps", "/dev/zero", IMAGE).status).toBe(125);
  expect(podman("create", "--device-write-iops", "/dev/zero:5", IMAGE).err).toContain("/dev/zero: not a block device");
});

test("ends: --stop-signal --stop-timeout --timeout --requires --sdnotify", async () => {
  expect(created("--stop-signal", "USR1", "--stop-timeout", "3", "--timeout", "5").Config).toMatchObject({ StopSignal: expect.stringMatching(/USR1|10/), StopTimeout: 3, Timeout: 5 });
  const late = podman("run", "--rm", "--network", "none", "--timeout", "1", IMAGE, "sleep", "100");
  expect(late.status).not.toBe(0);
  ok("create", "--network", "none", "--name", "needed", IMAGE, "sleep", "100");
  ok("run", "-d", "--network", "none", "--name", "needs", "--requires", "needed", IMAGE, "sleep", "100");
  expect(ok("inspect", "--format", "{{.State.Status}}", "needed")).toBe("running");
  ok("rm", "-f", "-t0", "needs", "needed");
  expect(created("--sdnotify", "ignore").Config.SdNotifyMode ?? created("--sdnotify", "ignore").Config.sdNotifyMode).toBe("ignore");
});

test("health: every setting is kept, and --no-healthcheck takes the image's away", () => {
  const { Config } = created(
    "--health-cmd", "true", "--health-interval", "7s", "--health-timeout", "3s", "--health-retries", "4", "--health-start-period", "9s", "--health-log-destination", "/tmp",
    "--health-max-log-count", "6", "--health-max-log-size", "200", "--health-on-failure", "kill", "--health-startup-cmd", "true", "--health-startup-interval", "2s", "--health-startup-timeout", "1s",
    "--health-startup-retries", "8", "--health-startup-success", "2",
  );
  expect(Config.Healthcheck).toMatchObject({ Interval: 7e9, Timeout: 3e9, Retries: 4, StartPeriod: 9e9 });
  expect(Config).toMatchObject({ HealthcheckOnFailureAction: "kill", HealthLogDestination: "/tmp", HealthcheckMaxLogCount: 6, HealthcheckMaxLogSize: 200 });
  expect(Config.StartupHealthCheck).toMatchObject({ Interval: 2e9, Timeout: 1e9, Retries: 8, Successes: 2 });
  const checked = folder();
  writeFileSync(`${checked}/Containerfile`, `FROM ${IMAGE}\nHEALTHCHECK CMD true\n`);
  ok("build", "-q", "--format", "docker", "-t", "checked", checked);
  const testOf = (...words: string[]): unknown => JSON.parse(ok("inspect", "--format", "{{json .Config.Healthcheck}}", ok("create", "--network", "none", ...words, "checked")))?.Test;
  expect(testOf()).toEqual(["CMD-SHELL", "true"]);
  expect(testOf("--no-healthcheck")).not.toEqual(["CMD-SHELL", "true"]);
  ok("rm", "-a");
});

test("images for it: --rootfs --image-volume --rmi --authfile --cert-dir --creds --platform --os --retry --retry-delay", () => {
  const root = folder();
  mkdirSync(`${root}/rootfs`);
  mustRun(["bash", "-c", `podman create --name bare ${IMAGE} >/dev/null && podman export bare | tar -x -C ${root}/rootfs && podman rm bare`]);
  expect(ok("run", "--rm", "--network", "none", "--rootfs", `${root}/rootfs`, "echo", "bare")).toBe("bare");
  writeFileSync(`${root}/Containerfile`, `FROM ${IMAGE}\nVOLUME /vol\n`);
  ok("build", "-q", "-t", "voluminous", root);
  expect(once("--image-volume", "ignore", "voluminous", "sh", "-c", "grep -c ' /vol ' /proc/mounts; true")).toBe("0");
  expect(once("--image-volume", "tmpfs", "voluminous", "sh", "-c", "grep ' /vol ' /proc/mounts")).toContain("tmpfs");
  ok("run", "--rm", "--rmi", "--network", "none", "voluminous", "true");
  expect(podman("image", "exists", "voluminous").status).toBe(1);
  expect(podman("create", "--authfile", "/no/such", IMAGE).err).toContain("credential file is not accessible");
  expect(podman("create", "--pull", "always", "--retry", "1", "--retry-delay", "10ms", "--creds", "a:b", "--cert-dir", root, "127.0.0.1:9/x").err).toContain("connection refused");
  expect(podman("create", "--platform", "linux/amd64", "--os", "linux", IMAGE).err).toContain("--platform option can not be specified with --arch or --os");
  ok("rm", ok("create", "--disable-content-trust", "--os", "linux", IMAGE));
});

test("logs: --log-driver --log-opt", () => {
  const path = `${folder()}/own.log`;
  ok("run", "--network", "none", "--name", "logged", "--log-driver", "k8s-file", "--log-opt", `path=${path}`, "--log-opt", "tag=boat", IMAGE, "echo", "said");
  expect(readFileSync(path, "utf8")).toContain("said");
  expect(ok("logs", "logged")).toBe("said");
  expect(ok("inspect", "--format", "{{.HostConfig.LogConfig.Tag}}", "logged")).toBe("boat");
  ok("rm", "logged");
  expect(podman("create", "--log-driver", "nosuch", IMAGE).status).toBe(125);
});

test("networks: --network-alias --ip6 --expose --publish-all", () => {
  ok("network", "create", "--ipv6", "--subnet", "fd00:99::/64", "--subnet", "10.99.0.0/24", "six");
  const id = ok("run", "-d", "--network", "six", "--network-alias", "other-name", "--ip6", "fd00:99::77", "--expose", "8080", "--publish-all", IMAGE, "sleep", "100");
  const [{ NetworkSettings }] = JSON.parse(ok("inspect", id));
  expect(NetworkSettings.Networks.six.GlobalIPv6Address).toBe("fd00:99::77");
  expect(NetworkSettings.Networks.six.Aliases).toContain("other-name");
  expect(Number(NetworkSettings.Ports["8080/tcp"][0].HostPort)).toBeGreaterThan(0);
  ok("rm", "-f", "-t0", id);
  ok("network", "rm", "six");
});

test("descriptors: --preserve-fds --preserve-fd", () => {
  const file = write("kept", "kept open");
  expect(run(["bash", "-c", `podman run --rm --network none --preserve-fds 1 ${IMAGE} cat /proc/self/fd/3 3<${file}`]).out).toBe("kept open");
  expect(run(["bash", "-c", `podman run --rm --network none --preserve-fd 5 ${IMAGE} sh -c 'cat <&5' 5<${file}`]).out).toBe("kept open");
});

for (const [words, message] of [
  [["--cgroup-conf", "nonsense"], "--cgroup-conf must be formatted key=value"],
  [["--personality", "NOSUCH"], "NOSUCH"],
  [["--sdnotify", "nosuch"], "nosuch"],
  [["--umask", "999"], "999"],
  [["--stop-signal", "NOSUCH"], "NOSUCH"],
  [["--env-file", "/no/such"], "/no/such"],
  [["--label-file", "/no/such"], "/no/such"],
  [["--volumes-from", "nosuch"], "nosuch"],
  [["--requires", "nosuch"], "nosuch"],
  [["--device", "/dev/nosuch"], "/dev/nosuch"],
  [["--tz", "No/Such"], "No/Such"],
  [["--image-volume", "nosuch"], "nosuch"],
  [["--shm-size", "much"], "much"],
  [["--health-interval", "soon", "--health-cmd", "true"], "soon"],
] as const) {
  test(`refused: run ${words.join(" ")}`, () => {
    const ran = podman("run", "--rm", "--network", "none", ...words, IMAGE, "true");
    expect(ran.status).not.toBe(0);
    expect(ran.err.toLowerCase()).toContain(message.toLowerCase());
    expect(existsSync("/var/lib/containers/coracle/containers")).toBe(true);
    expect(ok("ps", "-aq")).toBe("");
  });
}
