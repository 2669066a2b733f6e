// What options of build give to each RUN: names, limits, namespaces, capabilities, devices, mounts.
// Source: podman-build(1), buildah-build(1).

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { build, context } from "../fixtures/context.ts";
import { begin, mustRun, ok, podman, run, shell, until } from "../fixtures/coracle.ts";
import { perl } from "../fixtures/images.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

const registry = withRegistry();

/** What a RUN of `command` prints between two marks; options that `build` takes. */
function seen(command: string, ...options: string[]): string {
  const directory = context(`FROM ${IMAGE}\nRUN echo "<<"; ${command}; echo ">>"\n`);
  const said = ok("build", "--no-cache", ...(options.includes("--network") ? [] : ["--network", "none"]), ...options, directory);
  return /\n<<\n([^]*?)\n?>>\n/.exec(said)?.[1] ?? said;
}
const refused = (...options: string[]): string => podman("build", "--network", "none", ...options, context(`FROM ${IMAGE}\nRUN true\n`)).err;

test("build: --add-host --dns --dns-option --dns-search --no-hosts --no-hostname", () => {
  const shown = seen("cat /etc/hosts /etc/resolv.conf", "--network", "private", "--add-host", "other:10.2.2.2", "--dns", "10.9.9.9", "--dns-option", "ndots:3", "--dns-search", "boats.example");
  expect(shown).toMatch(/^10\.2\.2\.2\s+other$/m);
  expect(shown).toMatch(/^nameserver 10\.9\.9\.9$/m);
  expect(shown).toMatch(/^options ndots:3$/m);
  expect(shown).toMatch(/^search boats\.example$/m);
  expect(seen("grep -c localhost /etc/hosts 2>&1; true", "--no-hosts")).toMatch(/^0$|No such file/);
  expect(seen("grep -c localhost /etc/hosts")).not.toBe("0");
  expect([seen("grep ' /etc/hostname ' /proc/mounts | wc -l"), seen("grep ' /etc/hostname ' /proc/mounts | wc -l", "--no-hostname")]).toEqual(["1", "0"]);
  expect(refused("--add-host", "nonsense")).toContain("nonsense");
  expect(podman("build", "--dns", "nonsense", context(`FROM ${IMAGE}\n`)).err).toContain("nonsense");
});

test("build: --cap-add --cap-drop --group-add --security-opt --device", () => {
  const capabilities = (...options: string[]): bigint => BigInt(`0x${seen("grep CapEff /proc/self/status | cut -f2", ...options)}`);
  const usual = capabilities();
  expect(capabilities("--cap-drop", "all")).toBe(0n);
  expect(capabilities("--cap-drop", "chown") ^ usual).toBe(1n);
  expect(capabilities("--cap-add", "sys_time") ^ usual).toBe(1n << 25n);
  expect(refused("--cap-add", "fly")).toContain("fly");
  expect(seen("id -G", "--group-add", "1234").split(" ")).toContain("1234");
  expect([seen("grep Seccomp: /proc/self/status | cut -f2"), seen("grep Seccomp: /proc/self/status | cut -f2", "--security-opt", "seccomp=unconfined")]).toEqual(["2", "0"]);
  expect(seen("grep NoNewPrivs /proc/self/status | cut -f2", "--security-opt", "no-new-privileges")).toBe("1");
  expect(seen("head -c 3 /dev/nought | wc -c", "--device", "/dev/zero:/dev/nought:r")).toBe("3");
  expect(refused("--device", "/dev/no-such")).toContain("/dev/no-such");
});

test("build: --cgroupns --ipc --pid --uts", () => {
  for (const [flag, kind] of [["--uts", "uts"], ["--ipc", "ipc"], ["--cgroupns", "cgroup"], ["--pid", "pid"]] as const) {
    const host = run(["readlink", `/proc/self/ns/${kind}`]).out.trim();
    expect([flag, seen(`readlink /proc/self/ns/${kind}`, flag, "host")]).toEqual([flag, host]);
    expect([flag, seen(`readlink /proc/self/ns/${kind}`, flag, "private") === host]).toEqual([flag, false]);
  }
});

test("build: --cgroup-parent --cpu-period --cpu-quota --cpu-shares --cpuset-cpus --cpuset-mems --memory --memory-swap --shm-size --ulimit", () => {
  const file = (controller: string, name: string, unified: string): string =>
    `at=$(grep -E '(:|,)${controller}(,|:)' /proc/self/cgroup | cut -d: -f3); cat /cg/${controller}$at/${name} 2>/dev/null || cat /cg$(grep ^0:: /proc/self/cgroup | cut -d: -f3)/${unified}`;
  const host = ["--cgroupns", "host", "-v", "/sys/fs/cgroup:/cg:ro"];
  const limits = ["--cpu-period", "50000", "--cpu-quota", "30000", "--cpu-shares", "512", "--cpuset-cpus", "0", "--cpuset-mems", "0", "--memory", "64m", "--memory-swap", "96m", "--cgroup-parent", "/boats"];
  const shown = seen([file("cpu", "cpu.cfs_period_us", "cpu.max"), file("cpu", "cpu.cfs_quota_us", "cpu.max"), file("cpu", "cpu.shares", "cpu.weight"), file("cpuset", "cpuset.cpus", "cpuset.cpus"),
    file("cpuset", "cpuset.mems", "cpuset.mems"), file("memory", "memory.limit_in_bytes", "memory.max"), file("memory", "memory.memsw.limit_in_bytes", "memory.swap.max"), "cat /proc/self/cgroup"].join("; "), ...host, ...limits).split("\n");
  expect(shown.slice(0, 7)).toEqual([expect.stringMatching(/^50000$|^30000 50000$/), expect.stringMatching(/^30000/), expect.stringMatching(/^512$|^20$|^59$/), "0", "0", "67108864", expect.stringMatching(/^100663296$|^33554432$/)]);
  expect(shown.slice(7).join("\n")).toMatch(/:\/boats\//);
  expect(seen("df -k /dev/shm | tail -1 | awk '{print $2}'; ulimit -n; ulimit -Hn", "--shm-size", "2m", "--ulimit", "nofile=100:200")).toBe("2048\n100\n200");
  for (const words of [["--memory", "much"], ["--ulimit", "nofile=x"], ["--shm-size", "much"], ["--cpu-period", "x"]] as const) expect(refused(...words)).toContain(words[1].split("=").at(-1)!);
});

test("build: --http-proxy --volume --stdin --userns-gid-map-group", () => {
  const directory = context(`FROM ${IMAGE}\nRUN echo "proxy is $https_proxy"; env\n`);
  const env = { https_proxy: "http://proxy.example:1" };
  const proxied = (...options: string[]): string => mustRun(["podman", "build", "--no-cache", "--network", "none", ...options, directory], { env });
  expect(proxied()).toContain("proxy is http://proxy.example:1");
  expect(proxied("--http-proxy=false")).not.toContain("proxy.example");
  const folder = newFolder("mounted");
  writeFileSync(`${folder}/data`, "of the host\n");
  expect(seen("cat /mnt/data; touch /mnt/x 2>/dev/null || echo read-only", "--volume", `${folder}:/mnt:ro`)).toBe("of the host\nread-only");
  expect(refused("-v", "/no/such:/mnt")).toContain("/no/such");
  const reader = context(`FROM ${IMAGE}\nRUN cat\n`);
  expect(run(["podman", "build", "--no-cache", "--network", "none", "--stdin", reader], { input: "typed in\n" }).out).toContain("typed in");
  expect(run(["podman", "build", "--no-cache", "--network", "none", reader], { input: "typed in\n" }).out).not.toContain("typed in");
  shell("mount --bind $(mktemp) /etc/subuid; mount --bind $(mktemp) /etc/subgid; echo crew:600000:4000 >/etc/subuid; echo mates:700000:5000 >/etc/subgid");
  expect(seen("cat /proc/self/uid_map /proc/self/gid_map", "--userns-uid-map-user", "crew", "--userns-gid-map-group", "mates").replace(/ +/g, " ").trim().split(/\n ?/)).toEqual(["0 600000 4000", "0 700000 5000"]);
  expect(refused("--userns-gid-map-group", "nobody-known")).toContain("nobody-known");
});

test("build: --isolation --runtime --runtime-flag", () => {
  const log = `${newFolder("runtime")}/log`;
  const wrapper = `${newFolder("runtime")}/other-crun`;
  writeFileSync(wrapper, `#!/bin/sh\necho "$@" >>${log}\nexec crun "$@"\n`, { mode: 0o755 });
  expect(seen("echo ran", "--runtime", wrapper, "--runtime-flag", "debug")).toBe("ran");
  expect(readFileSync(log, "utf8")).toContain("--debug");
  expect(refused("--runtime", "/no/such/runtime")).toContain("/no/such/runtime");
  const own = run(["readlink", "/proc/self/ns/pid"]).out.trim();
  expect(seen("readlink /proc/self/ns/pid", "--network", "host", "--isolation", "chroot")).toBe(own);
  expect(seen("readlink /proc/self/ns/pid", "--isolation", "oci")).not.toBe(own);
  expect(refused("--isolation", "vault")).toContain("vault");
});

test("build --ssh gives an agent of its own with the keys it names, or somebody's socket, to the RUN that mounts it", async () => {
  await registry().push(perl(), "perl");
  const folder = newFolder("ssh");
  for (const name of ["one", "two"]) mustRun(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", `${folder}/${name}`]);
  mustRun(["ssh-keygen", "-q", "-t", "ed25519", "-N", "locked", "-f", `${folder}/locked`]);
  // What an agent is asked for its keys (SSH2_AGENTC_REQUEST_IDENTITIES), and the comments in what it answers.
  const ask = `perl -MIO::Socket::UNIX -e '$| = 1; $s = IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK}); syswrite $s, pack("NC", 1, 11); sysread $s, $b, 4096; print "has ", join(" ", sort $b =~ /one|two/g), ".\\n"'`;
  const directory = context(`FROM 127.0.0.1:5000/perl\nRUN --mount=type=ssh,id=mine ${ask}\nRUN test -z "$SSH_AUTH_SOCK" && echo gone\n`);
  const said = build(directory, "--no-cache", "--ssh", `mine=${folder}/one,${folder}/two`);
  expect(said).toContain("\nhas one two.\n");
  expect(said).toContain("\ngone\n");
  expect(shell("pgrep -f 'ssh-agent -D -a'").out).toBe("");
  const failing = (path: string): string => podman("build", "--no-cache", "--network", "none", "--ssh", `mine=${path}`, directory).err;
  expect(failing("/no/such")).toContain('cannot read the ssh key "/no/such": no such file or directory');
  expect(failing(`${folder}/locked`)).toContain("cannot forward the ssh key");
  expect(failing(`${folder}/one.pub`)).toContain("cannot forward the ssh key");
  expect(shell("pgrep -f 'ssh-agent -D -a'").out).toBe("");
  const socket = `/run/agent-of-the-test`;
  const agent = begin(["ssh-agent", "-D", "-a", socket]);
  await until("the agent", () => existsSync(socket));
  run(["ssh-add", "-q", `${folder}/two`], { env: { SSH_AUTH_SOCK: socket } });
  expect(build(directory, "--no-cache", "--ssh", `mine=${socket}`)).toContain("\nhas two.\n");
  agent.child.kill("SIGKILL");
});
