// What makes commands quick, counted, since time cannot be trusted in a test: threads, calls of the runtime, flushes.
// Source: ARCHITECTURE.md, "Speed".

import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { begin, mustRun, ok, run, until } from "../fixtures/coracle.ts";
import { makeImage } from "../fixtures/image.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";
import { tarOf } from "../fixtures/tar.ts";

const registry = withRegistry();
afterEach(() => void run(["podman", "rm", "-fa", "-t", "0"]));

/** A runtime that notes each call before it is crun. */
function noted(): { runtime: string; calls: () => string[] } {
  const folder = newFolder("runtime");
  const runtime = join(folder, "crun");
  const real = mustRun(["sh", "-c", "command -v crun"]);
  writeFileSync(join(folder, "calls"), "");
  writeFileSync(runtime, `#!/bin/sh\necho "$@" >>${folder}/calls\nexec ${real} "$@"\n`, { mode: 0o755 });
  const calls = () => readFileSync(join(folder, "calls"), "utf8").split("\n").filter(Boolean)
    .map(line => line.split(" ").find(word => /^(create|start|delete|state|kill|exec)$/.test(word)) ?? line);
  return { runtime, calls };
}

test("a command that waits has no threads of the compiler", async () => {
  ok("run", "-d", "--name", "long", IMAGE, "sleep", "1000");
  const waiting = begin(["podman", "wait", "long"]);
  const tasks = `/proc/${waiting.child.pid}/task`;
  await until("threads", () => readdirSync(tasks).length > 1);
  await Bun.sleep(300);
  const names = readdirSync(tasks).map(task => readFileSync(`${tasks}/${task}/comm`, "utf8").trim());
  expect(names.filter(name => name.startsWith("JIT"))).toEqual([]);
  ok("rm", "-f", "-t", "0", "long");
  await waiting.exited;
});

test("run --rm calls the runtime to create and to delete, and starts the program itself", () => {
  const { runtime, calls } = noted();
  expect(ok("--runtime", runtime, "run", "--rm", "--network", "none", IMAGE, "echo", "here")).toBe("here");
  expect(calls()).toEqual(["create", "delete"]);
});

test("an attached run --rm starts this program once: conmon's exit command waits in its shell, and finds nothing left to do", () => {
  const trace = join(newFolder("trace"), "calls");
  mustRun(["strace", "-f", "-qq", "-e", "trace=execve", "-o", trace, "podman", "run", "--rm", "--network", "none", IMAGE, "true"]);
  const programs = readFileSync(trace, "utf8").split("\n").map(line => /execve\("([^"]+)"/.exec(line)?.[1] ?? "");
  expect(programs.filter(program => /\/(coracle|podman)$/.test(program))).toHaveLength(1);
});

test("what a published port needs is begun before the monitor and goes by one message: its network is taken down after the command", () => {
  const trace = join(newFolder("trace"), "calls");
  mustRun(["strace", "-f", "-qq", "-e", "trace=execve,exit_group", "-o", trace, "podman", "run", "--rm", "-p", "8077:80", IMAGE, "true"]);
  const lines = readFileSync(trace, "utf8").split("\n");
  const first = lines[0]!.split(" ")[0]!;
  const netavark = lines.flatMap((line, index) => (/execve\("[^"]*\/netavark"/.test(line) ? [index] : []));
  expect(netavark).toHaveLength(2);
  expect(netavark[0]).toBeLessThan(lines.findIndex(line => /execve\("[^"]*\/conmon"/.test(line)));
  expect(netavark[1]).toBeGreaterThan(lines.findIndex(line => line.startsWith(`${first} `) && line.includes("exit_group")));
});

test("a start that is killed when it has let the program go is told as one, and the program runs", async () => {
  const id = ok("create", "--network", "none", "--name", "halfway", IMAGE, "sh", "-c", "touch /ran; sleep 100");
  const fifo = `/run/crun/${id}/exec.fifo`;
  ok("init", "halfway");
  expect(ok("inspect", "--format", "{{.State.Status}}", "halfway")).toBe("initialized");
  expect(existsSync(fifo)).toBe(true);
  const killed = run(["strace", "-f", "-qq", "-b", "execve", "-o", "/dev/null", "-P", fifo, "-e", "trace=unlink,unlinkat", "-e", "inject=unlink,unlinkat:signal=KILL:error=EIO", "podman", "start", "halfway"]);
  expect(killed.status).not.toBe(0);
  expect(existsSync(fifo)).toBe(true);
  expect(ok("ps", "--format", "{{.Names}} {{.State}}")).toBe("halfway running");
  expect(ok("start", "halfway")).toBe("halfway");
  await until("the program to run", () => run(["podman", "exec", "halfway", "test", "-e", "/ran"]).status === 0);
  expect(existsSync(fifo)).toBe(false);
  ok("stop", "-t0", "halfway");
});

test("a container with a hook at its start is started by the runtime, which runs the hook", () => {
  const { runtime, calls } = noted();
  const hooks = newFolder("hooks");
  writeFileSync(join(hooks, "after.json"), JSON.stringify({
    version: "1.0.0", hook: { path: "/bin/touch", args: ["touch", join(hooks, "ran")] }, when: { always: true }, stages: ["poststart"],
  }));
  ok("--runtime", runtime, "--hooks-dir", hooks, "run", "--rm", "--network", "none", IMAGE, "true");
  expect(calls()).toEqual(["create", "start", "delete"]);
  expect(existsSync(join(hooks, "ran"))).toBe(true);
});

/** The names in the database's file alone, as a power cut would leave it without its log. */
function namesInFile(): string[] {
  const copy = join(newFolder("copy"), "coracle.db");
  copyFileSync("/var/lib/containers/coracle/coracle.db", copy);
  const db = new Database(copy);
  const rows = db.query<{ name: string }, []>("SELECT name FROM containers UNION SELECT name FROM volumes ORDER BY 1").all();
  db.close();
  return rows.map(({ name }) => name);
}

test("what is to stay is in the database's file when the command returns: a container, a named volume, their removal", () => {
  ok("create", "--name", "kept", "--network", "none", IMAGE, "true");
  expect(namesInFile()).toEqual(["kept"]);
  ok("run", "--rm", "--network", "none", "-v", "new:/new", IMAGE, "true");
  expect(namesInFile()).toEqual(expect.arrayContaining(["kept", "new"]));
  ok("rm", "kept");
  expect(namesInFile()).not.toContain("kept");
  ok("volume", "rm", "new");
  expect(namesInFile()).not.toContain("new");
});

test("what runs and goes flushes nothing, and neither does what only reads", () => {
  ok("create", "--name", "kept", "--network", "none", IMAGE, "true");
  const file = "/var/lib/containers/coracle/coracle.db";
  const before = statSync(file).mtimeMs;
  ok("run", "--rm", "--network", "none", IMAGE, "true");
  ok("ps", "-a");
  expect(statSync(file).mtimeMs).toBe(before);
});

test("the database's log stays short, whatever number of commands write it", () => {
  const pages = (): number => statSync("/var/lib/containers/coracle/coracle.db-wal").size / 4120;
  let most = 0;
  for (let count = 0; count < 60; count++) {
    ok("create", "--network", "none", IMAGE, "true");
    most = Math.max(most, pages());
  }
  expect(most).toBeLessThan(300);
});

const staging = "/var/lib/containers/coracle/staging";

/** A slow `rm`, first in PATH: it says which process it is and waits for its end. */
function slowRm(): { env: Record<string, string>; end: () => void } {
  const folder = newFolder("slow");
  writeFileSync(join(folder, "rm"), `#!/bin/sh\necho $$ >${folder}/pid.new && mv ${folder}/pid.new ${folder}/pid\nexec sleep 1000\n`, { mode: 0o755 });
  const end = (): void => void process.kill(Number(readFileSync(join(folder, "pid"), "utf8")), "SIGKILL");
  return { env: { PATH: `${folder}:${process.env["PATH"]}` }, end };
}

for (const [what, make, remove] of [
  ["many containers", () => { for (let count = 0; count < 16; count++) ok("create", "--network", "none", IMAGE, "true"); }, ["rm", "--all"]],
  ["a large image", () => {
    mustRun(["sh", "-c", "head -c 20000000 /dev/urandom >noise && tar -cf noise.tar noise && podman import -q noise.tar large && rm noise noise.tar"]);
  }, ["rmi", "large"]],
] as const) {
  test(`${remove.join(" ")} waits for the files of ${what} as little as anybody else does, and none stays after a crash`, async () => {
    make();
    const { env, end } = slowRm();
    mustRun(["podman", ...remove], { env });
    const left = readdirSync(staging);
    expect(left.length).toBe(2);
    ok("ps");
    expect(readdirSync(staging)).toEqual(left);
    await Bun.sleep(100);
    end();
    await until("the next command to sweep", () => {
      ok("ps");
      return readdirSync(staging).length === 0;
    });
  });
}

/** Write transactions are told by the lock that SQLite takes for each. */
function countsOfRemoval(containers: number): { transactions: number; events: number; locksInRoots: number } {
  for (let count = 0; count < containers; count++) ok("create", "--network", "none", IMAGE, "true");
  const trace = join(newFolder("trace"), "calls");
  mustRun(["strace", "-qq", "-e", "trace=fcntl,write,openat2", "-o", trace, "podman", "rm", "--all"]);
  const lines = readFileSync(trace, "utf8").split("\n");
  const count = (pattern: RegExp): number => lines.filter(line => pattern.test(line)).length;
  return { transactions: count(/F_SETLK, \{l_type=F_WRLCK.*l_start=120/), events: count(/^write\(.*\\"ID\\":/), locksInRoots: count(/^openat2\(.*\/roots\/[^"]*\/lock"/) };
}

test("rm --all takes as many transactions for 40 containers as for 20, one write of events, and makes no lock in what is only removed", () => {
  const few = countsOfRemoval(20);
  expect(few).toEqual({ transactions: few.transactions, events: 1, locksInRoots: 0 });
  expect(few.transactions).toBeLessThan(8);
  expect(countsOfRemoval(40)).toEqual(few);
  expect(ok("events", "--stream=false", "--filter", "event=remove", "--since", "1h").split("\n").length).toBeGreaterThanOrEqual(60);
});

test("system df reads no image's configuration, and asks the database in one moment", () => {
  const locks = ["one", "two", "three"].map(name => {
    mustRun(["sh", "-c", `echo ${name} >f && tar -cf f.tar f && podman import -q f.tar ${name} && podman volume create ${name} && rm f f.tar`]);
    const trace = join(newFolder("trace"), "calls");
    mustRun(["strace", "-qq", "-e", "trace=openat2,fcntl", "-o", trace, "podman", "system", "df"]);
    const lines = readFileSync(trace, "utf8").split("\n");
    expect(lines.filter(line => line.includes("/blobs/"))).toEqual([]);
    return lines.filter(line => line.includes("F_SETLK")).length;
  });
  expect(locks[2]).toBe(locks[1]!);
});

test("the layer of a commit is written in pieces, however many files it has", () => {
  ok("run", "--name", "many", "--network", "none", IMAGE, "sh", "-c", "for n in $(seq 100); do echo $n >/tmp/$n; done");
  const trace = join(newFolder("trace"), "calls");
  mustRun(["strace", "-f", "-qq", "-y", "-e", "trace=pwrite64", "-o", trace, "podman", "commit", "-q", "many", "made"]);
  expect(readFileSync(trace, "utf8").split("\n").filter(line => line.includes("/blobs/partial")).length).toBeLessThan(10);
});

test("a commit lets go of code that has run before and after it makes its layer, not only when the store is opened", () => {
  ok("run", "--name", "some", "--network", "none", IMAGE, "touch", "/new");
  const trace = join(newFolder("trace"), "calls");
  mustRun(["strace", "-qq", "-e", "trace=openat", "-o", trace, "podman", "commit", "-q", "some", "made"]);
  expect(readFileSync(trace, "utf8").match(/"\/proc\/self\/maps"/g)!.length).toBeGreaterThanOrEqual(3);
});

test("rm --all leaves nothing behind by itself", async () => {
  for (let count = 0; count < 16; count++) ok("create", "--network", "none", IMAGE, "true");
  ok("rm", "--all");
  await until("the files to go", () => readdirSync(staging).length === 0);
  expect(readdirSync("/var/lib/containers/coracle/roots")).toEqual([]);
});

test("a usual file of a layer is opened, given its time and closed: neither owner nor mode are set again", async () => {
  const names = Array.from({ length: 300 }, (_, number) => ({ name: `f${number}`, body: "" }));
  await registry().push(makeImage({ layers: [tarOf([...names, { name: "other", uid: 7, gid: 7, body: "" }])] }), "many");
  const trace = join(newFolder("trace"), "calls");
  mustRun(["strace", "-f", "-qq", "-b", "execve", "-e", "trace=fchown,fchmod,utimensat,openat2", "-o", trace, "podman", "pull", "-q", "127.0.0.1:5000/many"]);
  const count = (call: string): number => readFileSync(trace, "utf8").split("\n").filter(line => line.includes(` ${call}(`)).length;
  expect(count("openat2")).toBeGreaterThan(300);
  expect(count("utimensat")).toBeGreaterThan(300);
  expect([count("fchown"), count("fchmod")].map(calls => calls > 0 && calls < 30)).toEqual([true, true]);
});

test("a layer that is a file makes no file of its own, and a plain one that is loaded is copied by the kernel and stored once", async () => {
  const body = (number: number): string => String(number % 10).repeat(20_000);
  const many = Array.from({ length: 300 }, (_, number) => ({ name: `f${number}`, body: body(number) }));
  await registry().push(makeImage({ layers: [tarOf(many)], compression: "none" }), "plain");
  const trace = join(newFolder("trace"), "calls");
  const archive = join(newFolder("archive"), "plain.tar");
  const traced = (calls: string, ...words: string[]): string[] => {
    mustRun(["strace", "-f", "-qq", "-b", "execve", "-e", `trace=${calls}`, "-o", trace, "podman", "--storage-opt", "overlay.layers=erofs", ...words]);
    return readFileSync(trace, "utf8").split("\n");
  };
  expect(traced("utimensat,mkdirat", "pull", "-q", "127.0.0.1:5000/plain").filter(line => / utimensat\(/.test(line)).length).toBeLessThan(10);
  ok("save", "-q", "-o", archive, "127.0.0.1:5000/plain");
  ok("rmi", "-f", "127.0.0.1:5000/plain");
  const copied = traced("copy_file_range", "load", "-q", "-i", archive).flatMap(line => / = (\d+)$/.exec(line)?.[1] ?? []);
  expect(copied.reduce((sum, bytes) => sum + Number(bytes), 0)).toBeGreaterThan(300 * 20_000);
  const layer = ok("image", "inspect", "--format", "{{index .RootFS.Layers 0}}", "127.0.0.1:5000/plain");
  expect(statSync(`/var/lib/containers/coracle/layers/${layer.slice("sha256:".length)}`).size).toBeLessThan(300_000);
  expect(ok("run", "--rm", "--network", "none", "-v", "/bin/busybox:/busybox:ro", "127.0.0.1:5000/plain", "/busybox", "md5sum", "/f7")).toContain(new Bun.CryptoHasher("md5").update(body(7)).digest("hex"));
  ok("rmi", "-f", "127.0.0.1:5000/plain");
});
