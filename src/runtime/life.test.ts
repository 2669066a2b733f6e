// A container's whole life with the real conmon, crun and runc of this machine; as root, where they are installed.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, constants, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import type { ContainerSpec } from "../base/container-spec.ts";
import { Fault } from "../base/fault.ts";
import { findProgram } from "../base/spawn.ts";
import { closeQuietly } from "../kernel/files.ts";
import { getLimit, isAlive } from "../kernel/processes.ts";
import { connectUnix, receive, send, waitForFile } from "../kernel/sockets.ts";
import { geteuid } from "../kernel/users.ts";
import { seccompOf } from "../security/seccomp.ts";
import { writeBundle, writeProcess } from "./bundle.ts";
import { cgroupDirectories, cgroupMode, cgroupPathOf } from "./cgroups.ts";
import { beginContainer, launchSession, type Launched } from "./conmon.ts";
import type { ConfigFacts } from "./facts.ts";
import { identityOf } from "./identity.ts";
import { execProcess, ociConfig, seccompCapabilities } from "./oci-config.ts";
import { containerStatus, deleteContainer, killContainer, pauseContainer, resumeContainer, startContainer, updateContainer } from "./oci-runtime.ts";
import { findRuntime } from "./program.ts";

const runtimes = geteuid() === 0 && ["conmon", "busybox"].every(name => findProgram(name)) ? ["crun", "runc"].filter(name => findProgram(name)) : [];
const endMs = 10_000;
const patience = 30_000;
let place = "";
let count = 0;

beforeAll(() => {
  if (runtimes.length === 0) return;
  place = mkdtempSync("/tmp/coracle-life-");
  for (const name of ["bin", "dev", "proc", "sys", "tmp", "etc"]) mkdirSync(`${place}/root/${name}`, { recursive: true });
  copyFileSync(findProgram("busybox")!, `${place}/root/bin/busybox`);
  for (const name of ["sh", "cat", "echo", "sleep", "stty", "ls", "id", "readlink", "true"]) symlinkSync("busybox", `${place}/root/bin/${name}`);
  writeFileSync(`${place}/root/etc/passwd`, "root:x:0:0::/root:/bin/sh\nann:x:1000:100::/home/ann:/bin/sh\n");
  writeFileSync(`${place}/root/bin/plain`, "not executable", { mode: 0o644 });
});

afterAll(() => {
  if (place !== "") rmSync(place, { recursive: true, force: true });
});

async function factsOf(spec: ContainerSpec, id: string): Promise<ConfigFacts> {
  const path = cgroupPathOf(spec, id, "cgroupfs");
  const seccomp = await seccompOf({ capabilities: seccompCapabilities(spec) });
  return {
    id, rootPath: `${place}/root`, identity: identityOf(`${place}/root`, spec.user), files: {}, mounts: [],
    namespaces: { pid: {}, network: {}, ipc: {}, uts: {} }, cgroups: { mode: cgroupMode(), ...(path ? { path } : {}) },
    hardLimits: { nofile: getLimit("nofile").hard, nproc: getLimit("nproc").hard, of: () => getLimit("nofile").hard },
    mayRaiseLimits: false, rootless: false, ...(seccomp ? { seccomp } : {}), devices: [], hostname: "life", ttyGroup: 5,
    pidsLimitDefault: 2048, env: ["PATH=/bin"],
  };
}

/** One container of a test: made by `create`, and all of it gone after `end`. */
class Life {
  readonly id = `life${process.pid}x${++count}x`.padEnd(64, "0");
  readonly directory = `${place}/${this.id}`;
  readonly runtime;
  readonly spec: ContainerSpec;
  launched: Launched | undefined;

  constructor(runtime: string, argv: string[], spec: ContainerSpec = {}) {
    this.runtime = findRuntime({ runtime });
    this.spec = { argv, workdir: "/", ...spec };
  }

  #monitored(id: string, directory: string) {
    mkdirSync(directory, { recursive: true });
    return {
      id, name: "life", runtime: this.runtime, bundle: directory, pidfile: `${directory}/pidfile`, conmonPidfile: `${directory}/conmon.pid`,
      exitDirectory: `${directory}/exits`, persistDirectory: `${directory}/persist`, log: `k8s-file:${this.directory}/log`,
      exitCommand: ["/bin/sh", "-c", `readlink /proc/self/ns/mnt > ${directory}/after`], systemdCgroup: false,
    };
  }

  async create(): Promise<this> {
    mkdirSync(this.directory, { recursive: true });
    writeBundle(this.directory, ociConfig(this.spec, await factsOf(this.spec, this.id)));
    const { terminal = false, stdin = false, cgroups } = this.spec;
    this.launched = await beginContainer({ ...this.#monitored(this.id, this.directory), terminal, stdin, ...(cgroups ? { cgroups } : {}) }).create();
    return this;
  }

  start(): this {
    startContainer(this.runtime, this.id);
    return this;
  }

  exitCode(): number {
    return numberIn(`${this.directory}/exits/${this.id}`);
  }

  log(): string {
    return readFileSync(`${this.directory}/log`, "utf8").split("\n").map(line => line.split(" ").slice(3).join(" ")).join("\n");
  }

  async exec(args: string[]): Promise<{ output: string; code: number }> {
    const directory = `${this.directory}/session${++count}`;
    const id = `session${count}`;
    const monitored = this.#monitored(id, directory);
    const facts = await factsOf(this.spec, this.id);
    writeProcess(`${directory}/process.json`, execProcess(this.spec, facts, { args, env: ["PATH=/bin"], cwd: "/", terminal: false, privileged: false }));
    const session = launchSession({ ...monitored, containerId: this.id, processPath: `${directory}/process.json`, attach: true, log: "none", terminal: false, stdin: false });
    await session.listening;
    const socket = connectUnix(`${directory}/attach`, "seqpacket");
    const launched = await session.begin();
    const output = readPackets(socket);
    // Named after the container also here, as conmon has it.
    const code = numberIn(`${directory}/exits/${this.id}`);
    await gone(launched.conmonPid);
    return { output, code };
  }

  /** Whatever state it is in; no process of it may be left. */
  async end(): Promise<void> {
    await deleteContainer(this.runtime, this.id, { force: true });
    await gone(this.launched?.conmonPid);
    expect(containerStatus(this.runtime, this.id)).toBeUndefined();
    // A monitor whose container could not be made goes after it has told so.
    const end = performance.now() + endMs;
    while (processesNaming(this.id).length > 0 && performance.now() < end) await Bun.sleep(10);
    expect(processesNaming(this.id)).toEqual([]);
  }
}

function numberIn(path: string): number {
  expect(waitForFile(path, endMs)).toBe(true);
  return Number(readFileSync(path, "utf8"));
}

async function gone(pid: number | undefined): Promise<void> {
  const end = performance.now() + endMs;
  while (pid !== undefined && isAlive(pid) && performance.now() < end) await Bun.sleep(10);
}

function processesNaming(word: string): string[] {
  return readdirSync("/proc").filter(name => /^\d+$/.test(name)).flatMap(pid => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return line.includes(word) ? [line] : [];
    } catch {
      return [];
    }
  });
}

/** conmon puts the stream's number before each packet. */
function readPackets(socket: number): string {
  const buffer = new Uint8Array(32 * 1024);
  let text = "";
  for (let got = receive(socket, buffer); got > 0; got = receive(socket, buffer)) text += new TextDecoder().decode(buffer.subarray(1, got));
  closeQuietly(socket);
  return text;
}

for (const runtime of runtimes) {
  describe(`with ${runtime}`, () => {
    const live = async (argv: string[], spec: ContainerSpec, use: (life: Life) => void | Promise<void>): Promise<void> => {
      const life = new Life(runtime, argv, spec);
      try {
        await use(await life.create());
      } finally {
        await life.end();
      }
    };
    const shell = (script: string): string[] => ["/bin/sh", "-c", script];

    test("a program runs when it is started, not before; its output and its exit code are kept", () =>
      live(shell("echo out; echo err >&2; exit 7"), {}, async life => {
        expect(containerStatus(life.runtime, life.id)).toEqual({ status: "created", pid: life.launched!.pid });
        expect(existsSync(`${life.directory}/exits/${life.id}`)).toBe(false);
        expect(life.start().exitCode()).toBe(7);
        await gone(life.launched?.conmonPid);
        expect(life.log()).toBe("out\nerr\n");
      }), patience);

    test("conmon's exit command runs in the mount namespace of the host", () =>
      live(["/bin/true"], {}, async life => {
        expect(life.start().exitCode()).toBe(0);
        expect(waitForFile(`${life.directory}/after`, endMs)).toBe(true);
        await gone(life.launched?.conmonPid);
        expect(readFileSync(`${life.directory}/after`, "utf8").trim()).toBe(new TextDecoder().decode(Bun.spawnSync(["readlink", "/proc/self/ns/mnt"]).stdout).trim());
      }), patience);

    test("no descriptor but the three streams reaches the program, and none of a namespace its first process", () =>
      live(shell("ls /proc/self/fd | while read fd; do readlink /proc/$$/fd/$fd; done; ls -l /proc/1/fd; true"), {}, async life => {
        expect(life.start().exitCode()).toBe(0);
        await gone(life.launched?.conmonPid);
        expect(life.log()).toContain("pipe:");
        expect(life.log()).not.toMatch(/mnt:\[|\/proc\/\d+\/fd\/|net:\[/);
      }), patience);

    test("who attaches before the start reads everything, and writes to the program", () =>
      live(["/bin/cat"], { stdin: true }, life => {
        const socket = connectUnix(`${life.directory}/attach`, "seqpacket");
        life.start();
        send(socket, new TextEncoder().encode("hello\n"));
        const buffer = new Uint8Array(64);
        const got = receive(socket, buffer);
        expect([buffer[0], new TextDecoder().decode(buffer.subarray(1, got))]).toEqual([2, "hello\n"]);
        killContainer(life.runtime, life.id, 9);
        expect(life.exitCode()).toBe(137);
        closeQuietly(socket);
      }), patience);

    test("a terminal takes the size that is written to conmon's ctl", () =>
      live(shell("read x; stty size; read x"), { terminal: true, stdin: true }, life => {
        const socket = connectUnix(`${life.directory}/attach`, "seqpacket");
        life.start();
        const control = openSync(`${life.directory}/ctl`, constants.O_WRONLY | constants.O_NONBLOCK);
        writeSync(control, "1 33 77\n");
        closeSync(control);
        Bun.sleepSync(300);
        send(socket, new TextEncoder().encode("go\n"));
        const buffer = new Uint8Array(1024);
        let text = "";
        for (let got = receive(socket, buffer); got > 0 && !text.includes("77"); got = text.includes("77") ? 0 : receive(socket, buffer)) {
          text += new TextDecoder().decode(buffer.subarray(1, got));
        }
        closeQuietly(socket);
        expect(text).toContain("33 77");
        killContainer(life.runtime, life.id, 9);
        expect(life.exitCode()).toBe(137);
      }), patience);

    test("sessions run beside the program with their own output and code, also twice", () =>
      live(["/bin/sleep", "100"], { user: "ann" }, async life => {
        life.start();
        expect(await life.exec(shell("echo in; id -u; exit 3"))).toEqual({ output: "in\n1000\n", code: 3 });
        expect(await life.exec(["/bin/echo", "again"])).toEqual({ output: "again\n", code: 0 });
        await expect(life.exec(["/none"])).rejects.toThrow(expect.objectContaining({ code: "process.not-found", exit: 127 }));
        expect(containerStatus(life.runtime, life.id)?.status).toBe("running");
      }), patience);

    test("pausing, resuming and new limits", () =>
      live(["/bin/sleep", "100"], {}, life => {
        life.start();
        pauseContainer(life.runtime, life.id);
        // The kernel may take a moment to stop a process that is just waking up.
        for (let tries = 0; tries < 50 && containerStatus(life.runtime, life.id)?.status !== "paused"; tries++) Bun.sleepSync(20);
        expect(containerStatus(life.runtime, life.id)?.status).toBe("paused");
        resumeContainer(life.runtime, life.id);
        updateContainer(life.runtime, life.id, { pids: { limit: 77 } });
        const files = cgroupDirectories(`/libpod_parent/libpod-${life.id}`).map(directory => `${directory}/pids.max`).filter(existsSync);
        expect(files.map(file => readFileSync(file, "utf8").trim())).toEqual(["77"]);
      }), patience);

    test("signalling what has ended is a fault, deleting it twice is none", () =>
      live(["/bin/true"], {}, async life => {
        expect(life.start().exitCode()).toBe(0);
        await gone(life.launched?.conmonPid);
        expect(() => killContainer(life.runtime, life.id, 15)).toThrow(expect.objectContaining({ code: "container.wrong-state" }));
        await deleteContainer(life.runtime, life.id);
        await deleteContainer(life.runtime, life.id);
        // Where the v2 tree has only left its empty directory, crun keeps files in that, which limit nothing.
        const left = cgroupDirectories(`/libpod_parent/libpod-${life.id}`).filter(path => cgroupMode() !== "v1" || !path.includes("/unified/"));
        expect(left).toEqual([]);
      }), patience);

    for (const [argv, code, exit] of [["/none", "process.not-found", 127], ["none", "process.not-found", 127],
      ["/bin/plain", "process.not-executable", 126], ["/etc", "process.not-executable", 126]] as const) {
      test(`a program that cannot run is a fault with status ${exit}: ${argv}`, async () => {
        const life = new Life(runtime, [argv]);
        const thrown = await life.create().then(() => undefined, (fault: unknown) => fault);
        await life.end();
        expect(thrown).toBeInstanceOf(Fault);
        expect(thrown).toMatchObject({ code, exit });
      }, patience);
    }

    test("without cgroups a program has none of its own, where the runtime can", async () => {
      const life = new Life(runtime, ["/bin/true"], { cgroups: "disabled" });
      if (runtime === "runc") {
        await expect(life.create()).rejects.toThrow(expect.objectContaining({ code: "usage.unsupported" }));
        return;
      }
      await life.create();
      expect(readFileSync(`/proc/${life.launched!.pid}/cgroup`, "utf8")).toBe(readFileSync("/proc/self/cgroup", "utf8"));
      expect(life.start().exitCode()).toBe(0);
      await life.end();
    }, patience);
  });
}

test("on a hybrid host nothing of a container stays where the v2 tree is put out of sight", () => {
  if (runtimes.length === 0 || cgroupMode() !== "hybrid") return;
  const seen = Bun.spawnSync(["unshare", "--mount", "sh", "-c", "umount /sys/fs/cgroup/unified; ls /sys/fs/cgroup/unified/libpod_parent 2>/dev/null"]);
  expect(new TextDecoder().decode(seen.stdout)).not.toContain(`life${process.pid}x`);
});
