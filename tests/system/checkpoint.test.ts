// podman container checkpoint and restore in place: what goes on, what is refused, and what is left behind.

import { beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { begin, ok, onTerminal, podman, run, shell, until } from "../fixtures/coracle.ts";
import { perl } from "../fixtures/images.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

const registry = withRegistry(["busybox", "ubi8"]);
const PERL = "127.0.0.1:5000/perl:latest";

const count = "i=0; while true; do echo $i; i=$(expr $i + 1); sleep 0.1; done";
const lastLine = (name: string): number => Number(ok("logs", name).split("\n").at(-1));
const state = (name: string, format: string): string => ok("container", "inspect", "--format", format, name);
const status = "{{.State.Status}}:{{.State.Running}}:{{.State.Paused}}:{{.State.Checkpointed}}";
const staticDir = (name: string): string => state(name, "{{.StaticDir}}");

async function counting(name: string, ...flags: string[]): Promise<void> {
  ok("run", "-d", "--name", name, ...flags, IMAGE, "sh", "-c", count);
  await until("the first lines", () => ok("logs", name).split("\n").length > 3);
}

async function countsOnFrom(name: string, before: number): Promise<void> {
  await until("the counter going on", () => lastLine(name) > before + 1);
  expect(ok("logs", name).split("\n").filter(line => line === "0")).toEqual(["0"]);
}

/** Where this fails all else here does: nothing is skipped, and the reason stands here. */
beforeAll(() => {
  const ran = run(["podman", "system", "setup", "criu", "--quiet"], { timeoutMs: 300_000 });
  if (ran.status !== 0) throw new Error(`this machine cannot checkpoint: ${ran.err}`);
}, 310_000);

beforeAll(async () => {
  await registry().push(perl(), "perl");
  ok("pull", "-q", PERL);
}, 60_000);

test("the seed story: a counter goes on where the checkpoint stopped it", async () => {
  ok("run", "-d", "--name", "looper", "ubi8", "/bin/sh", "-c", "i=0; while true; do echo $i; i=$(expr $i + 1); sleep 0.1; done");
  await until("the first lines", () => ok("logs", "-l").split("\n").length > 3);
  const id = ok("ps", "-q", "--no-trunc");
  expect(ok("container", "checkpoint", "-l")).toBe(id);
  expect(ok("ps", "-a", "--format", "{{.Status}}")).toMatch(/^Exited \(0\) .* ago$/);
  const before = lastLine("looper");
  expect(ok("container", "restore", "-l")).toBe(id);
  await countsOnFrom("looper", before);
  expect(ok("kill", "-a")).toBe(id);
});

for (const runtime of ["crun", "runc"]) {
  test(`a container of ${runtime} is checkpointed again and again`, async () => {
    await counting("again", "--runtime", runtime);
    for (let round = 0; round < 3; round++) {
      expect(ok("container", "checkpoint", "again")).toBe("again");
      expect(state("again", status)).toBe("exited:false:false:true");
      expect(state("again", "{{.State.ExitCode}}")).toBe("0");
      const before = lastLine("again");
      expect(ok("container", "restore", "again")).toBe("again");
      expect(state("again", status)).toBe("running:true:false:false");
      expect(state("again", "{{.State.Restored}} {{.State.RestoredAt}}")).toMatch(/^true 20\d\d-/);
      await countsOnFrom("again", before);
    }
    expect(readdirSync(staticDir("again")).filter(name => /checkpoint|stats|\.log$|network/.test(name))).toEqual(["ctr.log"]);
    const told = ok("events", "--stream=false", "--filter", `container=${state("again", "{{.ID}}")}`, "--format", "{{.Status}}").split("\n");
    expect(told.filter(event => event === "checkpoint").length).toBe(3);
    expect(told.filter(event => event === "restore").length).toBe(3);
    expect(told).not.toContain("died");
  });
}

test("--all takes what runs, and restore --all what a checkpoint has ended", async () => {
  await counting("one");
  await counting("two");
  ok("run", "--name", "ended", IMAGE, "true");
  const ids = (filter: string): string[] => ok("ps", "-aq", "--no-trunc", "--filter", filter).split("\n").sort();
  const running = ids("status=running");
  expect(ok("container", "checkpoint", "--all").split("\n").sort()).toEqual(running);
  expect(ids("status=running")).toEqual([""]);
  expect(ok("container", "restore", "--all").split("\n").sort()).toEqual(running);
  expect(ids("status=running")).toEqual(running);
});

test("--leave-running lets it run on, and what it left can be restored after its end", async () => {
  await counting("on");
  const pid = state("on", "{{.State.Pid}}");
  expect(ok("container", "checkpoint", "-R", "on")).toBe("on");
  expect(state("on", "{{.State.Pid}}")).toBe(pid);
  const before = lastLine("on");
  await until("more lines", () => lastLine("on") > before + 2);
  ok("kill", "on");
  ok("wait", "on");
  ok("container", "restore", "on");
  await until("lines after the restore", () => lastLine("on") >= before);
});

test("--keep keeps images, logs and statistics, and says where", async () => {
  await counting("kept");
  ok("container", "checkpoint", "--keep", "kept");
  const folder = staticDir("kept");
  expect(state("kept", "{{.State.CheckpointPath}}")).toBe(`${folder}/checkpoint`);
  expect(existsSync(state("kept", "{{.State.CheckpointLog}}"))).toBe(true);
  expect(readdirSync(folder)).toContain("stats-dump");
  ok("container", "restore", "--keep", "kept");
  expect(existsSync(`${folder}/checkpoint/inventory.img`)).toBe(true);
  expect(existsSync(state("kept", "{{.State.RestoreLog}}"))).toBe(true);
});

test("a terminal goes on: size, input and output", async () => {
  const first = onTerminal(["podman", "run", "-it", "--name", "terminal", IMAGE, "sh"], { columns: 90, rows: 30 });
  await first.see(/[#$] /);
  first.type("kept=yes; echo now-$kept\n");
  await first.see(/now-yes/);
  ok("container", "checkpoint", "terminal");
  await first.end();
  ok("container", "restore", "terminal");
  const second = onTerminal(["podman", "attach", "terminal"], { columns: 90, rows: 30 });
  second.type("echo it is $kept\n");
  await second.see(/it is yes/);
  second.type("exit 3\n");
  await second.end();
  expect(ok("wait", "terminal")).toBe("3");
});

test("tmpfs, /dev/shm, named volumes, added and deleted files are as they were", async () => {
  ok("volume", "create", "data");
  ok("run", "-d", "--name", "files", "--tmpfs", "/scratch", "-v", "data:/data", IMAGE, "sh", "-c",
    "echo t >/scratch/t; echo s >/dev/shm/s; echo d >/data/d; echo a >/added; rm /etc/group; echo ready; while true; do sleep 1; done");
  await until("its files", () => ok("logs", "files") === "ready");
  ok("container", "checkpoint", "files");
  ok("container", "restore", "files");
  expect(ok("exec", "files", "cat", "/scratch/t", "/dev/shm/s", "/data/d", "/added").split("\n")).toEqual(["t", "s", "d", "a"]);
  expect(podman("exec", "files", "cat", "/etc/group").status).not.toBe(0);
  ok("rm", "-f", "-t", "0", "files");
  ok("volume", "rm", "data");
});

test("a published port answers before and after, at the same address", async () => {
  ok("run", "-d", "--name", "web", "-p", "8123:80", IMAGE, "sh", "-c", "mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www");
  const answer = () => shell("exec 3<>/dev/tcp/127.0.0.1/8123 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3", { timeoutMs: 3000 }).out.split("\n").at(-2);
  await until("an answer", () => answer() === "hello");
  const address = "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.MacAddress}}";
  const before = state("web", address);
  const files = ok("exec", "web", "cat", "/etc/hosts", "/etc/resolv.conf");
  ok("container", "checkpoint", "web");
  expect(answer()).toBeUndefined();
  ok("container", "restore", "web");
  expect(state("web", address)).toBe(before);
  expect(answer()).toBe("hello");
  expect(ok("exec", "web", "cat", "/etc/hosts", "/etc/resolv.conf")).toBe(files);
  ok("container", "checkpoint", "web");
  ok("container", "restore", "--ignore-static-ip", "--ignore-static-mac", "web");
  expect(state("web", "{{.NetworkSettings.IPAddress}}")).not.toBe(before.split(" ")[0]);
  expect(state("web", "{{.NetworkSettings.MacAddress}}")).not.toBe(before.split(" ")[1]);
  expect(answer()).toBe("hello");
});

/** Answers what it is sent, each client by a process of its own. */
const echo = `socket(S, PF_INET, SOCK_STREAM, 0) && setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1) && bind(S, pack_sockaddr_in(80, INADDR_ANY))
  && listen(S, 9) || die; $| = 1; print "ready\\n";
  while (1) { accept(C, S) || next; next if fork; while (sysread(C, $b, 999)) { syswrite(C, $b) } exit }`;

/** A server that answers each line with the same line, and a client of the host that stays connected. */
async function connected(name: string): Promise<ReturnType<typeof begin>> {
  ok("run", "-d", "--name", name, "-p", "8124:80", PERL, "perl", "-MSocket", "-e", echo);
  await until("a listener", () => ok("logs", name) === "ready");
  const ip = state(name, "{{.NetworkSettings.IPAddress}}");
  const client = begin(["busybox", "nc", ip, "80"]);
  client.child.stdin!.write("one\n");
  await until("an answer", () => client.out() === "one\n");
  return client;
}

test("an open connection is refused in words without --tcp-established, and alive with it", async () => {
  const client = await connected("talker");
  const refused = podman("container", "checkpoint", "talker");
  expect(refused.status).toBe(125);
  expect(refused.err).toContain("it has open TCP connections, which --tcp-established would keep");
  client.child.stdin!.write("two\n");
  await until("an answer after the refusal", () => client.out() === "one\ntwo\n");
  ok("container", "checkpoint", "--tcp-established", "talker");
  const unready = podman("container", "restore", "talker");
  expect(unready.err).toContain("--tcp-established");
  ok("container", "restore", "--tcp-established", "talker");
  client.child.stdin!.write("three\n");
  await until("an answer after the restore", () => client.out() === "one\ntwo\nthree\n");
  client.child.kill("SIGKILL");
});

test("--tcp-close lets the connections go, and the listener answers on", async () => {
  const client = await connected("closer");
  ok("container", "checkpoint", "--tcp-established", "closer");
  client.child.kill("SIGKILL");
  ok("container", "restore", "--tcp-close", "closer");
  expect(ok("exec", "closer", "netstat", "-tn")).not.toContain("ESTABLISHED");
  const ip = state("closer", "{{.NetworkSettings.IPAddress}}");
  expect(shell(`echo again | busybox timeout 2 nc ${ip} 80`).out).toBe("again\n");
});

test("a held file lock is refused in words without --file-locks, and kept with it", async () => {
  ok("run", "-d", "--name", "locker", PERL, "perl", "-e", "open(L, '>/lock'); flock(L, 2); $| = 1; print qq(ready\\n); sleep 1000 while 1");
  await until("the lock", () => ok("logs", "locker") === "ready");
  const refused = podman("container", "checkpoint", "locker");
  expect(refused.status).toBe(125);
  expect(refused.err).toContain("it holds file locks, which --file-locks would keep");
  ok("container", "checkpoint", "--file-locks", "locker");
  ok("container", "restore", "--file-locks", "locker");
  expect(ok("exec", "locker", "perl", "-e", "open(L, '>/lock'); print flock(L, 6) ? 'free' : 'held'")).toBe("held");
});

test("fork: --file-locks and --tcp-close let it copy what holds locks and connections", async () => {
  ok("run", "-d", "--name", "locker", PERL, "perl", "-e", "open(L, '>/lock'); flock(L, 2); $| = 1; print qq(ready\\n); sleep 1000 while 1");
  await until("the lock", () => ok("logs", "locker") === "ready");
  expect(podman("container", "fork", "locker").err).toContain("it holds file locks");
  ok("container", "fork", "--file-locks", "--name", "copy", "locker");
  expect(ok("ps", "--format", "{{.Names}}").split("\n").sort()).toEqual(["copy1", "locker"]);
  ok("rm", "-f", "-t", "0", "-a");
  const client = await connected("talker");
  expect(podman("container", "fork", "talker").err).toContain("it has open TCP connections");
  ok("container", "fork", "--tcp-close", "--name", "copy", "talker");
  expect(ok("exec", "copy1", "netstat", "-tn")).not.toContain("ESTABLISHED");
  client.child.stdin!.write("two\n");
  await until("the original's answer", () => client.out() === "one\ntwo\n");
  client.child.kill("SIGKILL");
});

test("system setup criu --suite fetches from that suite, or says what is wrong with it and leaves what is there", () => {
  const lost = run(["podman", "system", "setup", "criu", "--force", "--suite", "no-such-suite"], { timeoutMs: 50_000 });
  expect([lost.status, lost.err]).toEqual([125, expect.stringMatching(/^Error: cannot .* of Debian no-such-suite: /m)]);
  expect(podman("system", "setup", "criu", "--force", "--suite", "two words\ndeb").err).toContain("that is no name of a suite");
  expect(run(["podman", "system", "setup", "criu", "--quiet"]).status).toBe(0);
});

test("what cannot be is refused, and the container stays as it was", async () => {
  await counting("plain");
  expect(podman("container", "restore", "plain").err).toContain("is running or paused, cannot restore");
  expect(podman("container", "checkpoint", "nowhere").err).toContain('no container with name or ID "nowhere" found');
  expect(podman("container", "checkpoint").err).toContain("you must provide at least one name or id");
  ok("pause", "plain");
  expect(podman("container", "checkpoint", "plain").err).toContain('"paused" is not running, cannot checkpoint');
  ok("unpause", "plain");
  ok("kill", "plain");
  ok("wait", "plain");
  expect(podman("container", "checkpoint", "plain").err).toContain('"exited" is not running, cannot checkpoint');
  expect(podman("container", "restore", "plain").err).toContain("a complete checkpoint for this container cannot be found");
  await counting("fleeting", "--rm");
  expect(podman("container", "checkpoint", "fleeting").err).toContain("started with '--rm' unless '--export' is used");
  expect(state("fleeting", status)).toBe("running:true:false:false");
});

test("a runtime that cannot is named before anything is dumped", () => {
  shell("cp $(command -v runc) /tmp/otherrun");
  ok("--runtime", "/tmp/otherrun", "run", "-d", "--name", "foreign", IMAGE, "sleep", "1000");
  const refused = run(["podman", "container", "checkpoint", "foreign"], { env: { CORACLE_HINTS: "1" } });
  expect(refused.err).toContain("configured runtime does not support checkpoint/restore");
  expect(refused.err).toContain("--runtime crun or --runtime runc");
  expect(existsSync(`${staticDir("foreign")}/checkpoint`)).toBe(false);
  ok("rm", "-f", "-t", "0", "foreign");
  run(["rm", "-f", "/tmp/otherrun"]);
});
