// podman run: exit statuses, options of the process, mounts, limits, security defaults, signals.
// Source: podman-run(1).
// Worlds: root, user.

import { expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { begin, commandLines, ok, podman, run, storeListing, until } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { world } from "../fixtures/caller.ts";

withRegistry();

const inside = (...words: string[]): string => ok("run", "--rm", "--network", "none", ...words);

const statuses: readonly [string, string[], number, RegExp][] = [
  ["the program's own status", [IMAGE, "sh", "-c", "exit 42"], 42, /^$/],
  ["a missing binary", [IMAGE, "/no/such/program"], 127, /no such file or directory/i],
  ["a missing command", [IMAGE, "no-such-command"], 127, /not found/],
  ["a directory as command", [IMAGE, "/etc"], 126, /permission denied|is a directory/i],
  ["a file that cannot be run", [IMAGE, "/etc/passwd"], 126, /permission denied/i],
  ["a user that the image lacks", ["-u", "nobody-here", IMAGE, "true"], 126, /unable to find user nobody-here: no matching entries in passwd file/],
  ["death by a signal", ["--pid", "host", IMAGE, "sh", "-c", "kill -TERM $$; sleep 5"], 143, /^$/],
  ["an image that is nowhere", ["--pull=never", "127.0.0.1:5000/nowhere"], 125, /image not known/],
  ["an unknown flag", ["--naem", "x", IMAGE], 125, /unknown flag: --naem/],
];
for (const [what, words, status, error] of statuses) {
  test(`the exit status of ${what} is ${status}`, () => {
    const ran = podman("run", "--rm", "--network", "none", ...words);
    expect([ran.status, ran.err]).toEqual([status, expect.stringMatching(error)]);
  });
}

test("stdout, stderr and stdin are the program's own", () => {
  const ran = run(["podman", "run", "--rm", "-i", "--network", "none", IMAGE, "sh", "-c", "cat; echo bad >&2"], { input: "a\nb" });
  expect(ran).toEqual({ status: 0, out: "a\nb", err: "bad\n" });
});

test("a megabyte goes through stdin and stdout whole", () => {
  const text = "0123456789abcdef".repeat(65_536);
  expect(run(["podman", "run", "--rm", "-i", "--network", "none", IMAGE, "cat"], { input: text }).out.length).toBe(text.length);
});

test("a name in use is refused and nothing is left", () => {
  ok("create", "--name", "taken", IMAGE);
  const before = storeListing().length;
  const ran = podman("run", "--name", "taken", IMAGE, "true");
  expect(ran.status).toBe(125);
  expect(ran.err).toContain('the container name "taken" is already in use');
  expect(storeListing().length).toBe(before);
  expect(ok("run", "--rm", "--replace", "--name", "taken", "--network", "none", IMAGE, "echo", "new")).toBe("new");
});

test("environment, env-file, workdir, user, hostname, entrypoint and labels reach the process", () => {
  const file = join(newFolder(), "env");
  writeFileSync(file, "# a comment\nFROM_FILE=one two\n");
  expect(inside("-e", "A=1", "--env-file", file, "-w", "/etc", "-h", "boat", IMAGE, "sh", "-c", 'echo "$A $FROM_FILE $PWD $(hostname)"'))
    .toBe("1 one two /etc boat");
  expect(inside("-u", "1:2", IMAGE, "id")).toContain("uid=1(bin) gid=2(daemon)");
  expect(inside("-u", "nobody", "--group-add", "audio", IMAGE, "id", "-G")).toBe("65534 63");
  expect(inside("--entrypoint", "/bin/echo", IMAGE, "x", "y")).toBe("x y");
  expect(inside("--entrypoint", '["/bin/echo","first"]', IMAGE, "second")).toBe("first second");
  expect(podman("run", "--rm", "-u", "nosuchuser", IMAGE, "true").status).not.toBe(0);
});

test("binds, read-only binds, named volumes, tmpfs and --mount are there", () => {
  const folder = newFolder();
  writeFileSync(join(folder, "f"), "here\n");
  expect(inside("-v", `${folder}:/m`, IMAGE, "sh", "-c", "cat /m/f; echo changed > /m/f")).toBe("here");
  expect(readFileSync(join(folder, "f"), "utf8")).toBe("changed\n");
  const ran = podman("run", "--rm", "--network", "none", "-v", `${folder}:/m:ro`, IMAGE, "sh", "-c", "echo x > /m/f");
  expect(ran.status).toBe(1);
  expect(ran.err).toContain("Read-only file system");
  inside("-v", "keep:/data", IMAGE, "sh", "-c", "echo kept > /data/f");
  expect(inside("--mount", "type=volume,source=keep,target=/again", IMAGE, "cat", "/again/f")).toBe("kept");
  expect(inside("--tmpfs", "/t:size=1m", IMAGE, "sh", "-c", "df -k /t | tail -1")).toContain("1024");
  expect(inside("-v", `${folder}:/o:O`, IMAGE, "sh", "-c", "echo throwaway > /o/f; cat /o/f")).toBe("throwaway");
  expect(readFileSync(join(folder, "f"), "utf8")).toBe("changed\n");
  if (world === "root") {
    mkdirSync(join(folder, "owned"));
    chownSync(join(folder, "owned"), 7, 8);
    chmodSync(join(folder, "owned"), 0o2750);
    expect(inside("-v", `${folder}/owned:/o:O`, IMAGE, "stat", "-c", "%a %u %g", "/o")).toBe("2750 7 8");
  }
  expect(podman("run", "--rm", "-v", "/no/such/folder:/m", IMAGE, "true").err).toMatch(/no such file or directory/);
});

test("--read-only makes the root unwritable but for the temporary places", () => {
  const ran = podman("run", "--rm", "--network", "none", "--read-only", IMAGE, "sh", "-c", "echo x > /tmp/x && echo y > /etc/y");
  expect(ran.status).toBe(1);
  expect(ran.err).toContain("/etc/y: Read-only file system");
});

test("the default capabilities, seccomp, and the masked and read-only paths are podman's", () => {
  const caps = inside(IMAGE, "grep", "CapEff", "/proc/self/status");
  expect(caps).toMatch(/CapEff:\s+00000000800405fb/);
  expect(inside("--cap-drop", "all", "--cap-add", "net_admin", IMAGE, "grep", "CapEff", "/proc/self/status")).toMatch(/0000000000001000/);
  expect(inside(IMAGE, "grep", "Seccomp:", "/proc/self/status")).toMatch(/2$/);
  expect(inside("--security-opt", "seccomp=unconfined", IMAGE, "grep", "Seccomp:", "/proc/self/status")).toMatch(/0$/);
  expect(inside("--security-opt", "no-new-privileges", IMAGE, "grep", "NoNewPrivs", "/proc/self/status")).toMatch(/1$/);
  expect(inside(IMAGE, "sh", "-c", "cat /proc/timer_list /proc/keys /proc/sched_debug 2>/dev/null; ls -A /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v :; true").trim()).toBe("");
  expect(podman("run", "--rm", "--network", "none", IMAGE, "sh", "-c", "echo 1 > /proc/sys/kernel/domainname").err).toContain("Read-only");
  expect(inside(IMAGE, "sh", "-c", "stat -c %T,%t /dev/null; ls /dev | sort | tr '\\n' ' '")).toMatch(/core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero/);
});

// Version 1 of the cgroups gives ordinary users none.
test.if(world === "root")("limits reach the cgroup or the process", () => {
  expect(inside("--ulimit", "nofile=512:1024", IMAGE, "sh", "-c", "ulimit -n; ulimit -Hn")).toBe("512\n1024");
  expect(inside("--shm-size", "3m", IMAGE, "sh", "-c", "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2")).toBe("3072");
  expect(inside("--sysctl", "net.ipv4.ping_group_range=0 5", IMAGE, "cat", "/proc/sys/net/ipv4/ping_group_range")).toMatch(/0\s+5/);
  expect(inside("--umask", "0077", IMAGE, "sh", "-c", "umask")).toBe("0077");
  expect(inside("--tz", "UTC", IMAGE, "date", "+%Z")).toBe("UTC");
  const id = ok("run", "-d", "--network", "none", "-m", "64m", "--pids-limit", "77", "--cpus", "0.5", IMAGE, "sleep", "100");
  const [made] = JSON.parse(ok("inspect", id));
  expect(made.HostConfig.Memory).toBe(67_108_864);
  expect(made.HostConfig.PidsLimit).toBe(77);
  expect(made.HostConfig.NanoCpus).toBe(500_000_000);
});

test("namespaces can be the host's or another container's", () => {
  ok("run", "-d", "--name", "other", "--network", "none", "-h", "other", IMAGE, "sleep", "100");
  expect(ok("run", "--rm", "--network", "container:other", "--pid", "container:other", IMAGE, "ps")).toContain("sleep 100");
  expect(inside("--uts", "host", IMAGE, "hostname")).toBe(run(["hostname"]).out.trim());
  expect(inside("--pid", "host", IMAGE, "ps", "-o", "args")).toContain("world.sh");
});

test("--init reaps and passes signals", () => {
  expect(inside("--init", IMAGE, "cat", "/proc/1/comm")).toMatch(/podman-init|catatonit/);
});

test("signals of an attached run reach the program", async () => {
  const running = begin(["podman", "run", "--name", "trap", "--network", "none", IMAGE, "sh", "-c",
    "trap 'echo got; exit 9' USR1; echo ready; while true; do sleep 0.1; done"]);
  await until("the trap", () => running.out().includes("ready"));
  running.child.kill("SIGUSR1");
  expect(await running.exited).toBe(9);
  expect(running.out()).toContain("got");
});

test("--cidfile and --pidfile are written", () => {
  const folder = newFolder();
  const id = ok("run", "-d", "--network", "none", "--cidfile", `${folder}/cid`, "--pidfile", `${folder}/pid`, IMAGE, "sleep", "100");
  expect(readFileSync(`${folder}/cid`, "utf8")).toBe(id);
  expect(readFileSync(`/proc/${readFileSync(`${folder}/pid`, "utf8").trim()}/cmdline`, "utf8")).toBe("sleep\u0000100\u0000");
});

test("--timeout ends a container and --restart on-failure tries again", async () => {
  const begun = Date.now();
  expect(podman("run", "--rm", "--network", "none", "--timeout", "1", IMAGE, "sleep", "50").status).toBeGreaterThan(125);
  expect(Date.now() - begun).toBeLessThan(15_000);
  ok("run", "-d", "--name", "again", "--network", "none", "--restart", "on-failure:2", IMAGE, "false");
  await until("two restarts", () => ok("inspect", "--format", "{{.RestartCount}} {{.State.Running}}", "again") === "2 false", 20_000);
});

test("--rm leaves no container, no mount and no process", async () => {
  inside(IMAGE, "true");
  await until("the clean-up", () => !commandLines().some(line => line.includes("conmon")));
  expect(ok("ps", "-aq")).toBe("");
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toMatch(/overlay .*containers/);
});

test("--add-host, --dns and --device show up inside", () => {
  const text = ok("run", "--rm", "--add-host", "boat:10.1.2.3", "--dns", "10.9.8.7", "--dns-search", "sea.test", "--device", "/dev/full:/dev/mine", IMAGE,
    "sh", "-c", "cat /etc/hosts /etc/resolv.conf; ls -l /dev/mine");
  expect(text).toMatch(/10\.1\.2\.3\s+boat/);
  expect(text).toMatch(/search sea\.test/);
  expect(text).toMatch(/nameserver 10\.9\.8\.7/);
  expect(text).toMatch(/crw.* 1, +7 .*\/dev\/mine/);
});

/** Of a process with all that the caller can give. */
const ownStatus = (): string => (world === "root" ? readFileSync("/proc/self/status", "utf8") : ok("unshare", "cat", "/proc/self/status"));

test("--privileged sees all capabilities and a writable /sys", () => {
  const caps = inside("--privileged", IMAGE, "grep", "CapEff", "/proc/self/status");
  expect(caps.split(/\s+/)[1]).toBe(ownStatus().match(/CapEff:\s+(\w+)/)![1]!);
});

test("run takes an image from an archive by its place", () => {
  const archive = join(newFolder("archive"), "image.tar");
  ok("save", "-q", "-o", archive, IMAGE);
  expect(ok("run", "--rm", "--network", "none", `docker-archive:${archive}`, "echo", "from the archive")).toBe("from the archive");
  expect(podman("run", "--rm", "docker-archive:/nowhere.tar", "true")).toMatchObject({ status: 125, err: expect.stringContaining("/nowhere.tar") });
});
