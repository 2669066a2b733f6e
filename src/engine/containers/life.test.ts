// A container's whole life on the real conmon and runtime, and what is left when one of us dies on the way.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { findProgram } from "../../base/spawn.ts";
import { kill as signalProcess } from "../../kernel/processes.ts";
import { mounts } from "../../kernel/mounts.ts";
import { geteuid } from "../../kernel/users.ts";
import { openHost } from "../host.ts";
import type { Host } from "../host.ts";
import { create } from "./create.ts";
import { exec, execDetached } from "./exec.ts";
import { inspect } from "./inspect.ts";
import { list } from "./list.ts";
import { logs } from "./logs.ts";
import { remove } from "./remove.ts";
import { start, init } from "./start.ts";
import { kill, stop } from "./stop.ts";
import { wait } from "./wait.ts";

const busybox = ["/bin/busybox", "/usr/bin/busybox"].find(existsSync);
const isPossible = geteuid() === 0 && busybox !== undefined && ["conmon", "crun"].every(name => findProgram(name));
const directory = mkdtempSync("/tmp/life-");
const rootfs = `${directory}/rootfs`;
let host: Host;

beforeAll(() => {
  for (const name of ["bin", "etc", "proc", "sys", "dev", "tmp", "run"]) mkdirSync(`${rootfs}/${name}`, { recursive: true });
  writeFileSync(`${rootfs}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\n");
  if (busybox) copyFileSync(busybox, `${rootfs}/bin/busybox`);
  for (const name of ["sh", "sleep", "echo", "true", "false", "cat"]) symlinkSync("busybox", `${rootfs}/bin/${name}`);
  host = openHost({ root: `${directory}/root`, runroot: `${directory}/run`, self: [process.execPath, `${import.meta.dir}/../../main.ts`] });
});

afterAll(async () => {
  if (isPossible) await remove(host, { all: true }, { force: true, timeout: 0 });
  rmSync(directory, { recursive: true, force: true });
});

const make = (name: string, argv: string[], more: object = {}) =>
  create(host, { name, rootfs: { path: rootfs, overlay: true }, command: argv, env: { PATH: "/bin" }, network: { mode: "none" }, ...more });

const statusOf = (name: string): unknown => (inspect(host, name).State as { Status: string }).Status;

test.if(isPossible)("created, initialized, running, exited, gone; and nothing stays mounted", async () => {
  const { id } = await make("whole", ["sh", "-c", "echo one; echo two >&2; exit 7"]);
  expect(statusOf("whole")).toBe("created");
  await init(host, { names: ["whole"] });
  expect(statusOf("whole")).toBe("initialized");
  expect(existsSync(`${host.paths.runDir(id)}/bundle/config.json`)).toBe(true);
  await start(host, "whole");
  expect(await wait(host, { names: ["whole"] })).toEqual([7]);
  expect(statusOf("whole")).toBe("exited");
  const lines = [];
  for await (const { stream, text } of logs(host, ["whole"])) lines.push(`${stream} ${text}`);
  expect(lines.sort()).toEqual(["stderr two", "stdout one"]);
  expect(await remove(host, { names: ["whole"] })).toEqual([{ target: "whole", id }]);
  expect(list(host, { all: true })).toEqual([]);
  expect(mounts().filter(({ target }) => target.includes(id))).toEqual([]);
  expect(readdirSync(`${directory}/run/containers`)).toEqual([]);
});

test.if(isPossible)("a program that is not there is process.not-found, and the container stays created", async () => {
  await make("missing", ["/no/such/program"]);
  await expect(start(host, "missing")).rejects.toMatchObject({ code: "process.not-found", exit: 127 });
  expect(statusOf("missing")).toBe("created");
  await remove(host, { names: ["missing"] });
});

test.if(isPossible)("a running container is not removed without force, and stop ends it", async () => {
  const { id } = await make("busy", ["sleep", "100"]);
  await start(host, "busy");
  const [refused] = await remove(host, { names: ["busy"] });
  expect(refused?.fault).toMatchObject({ code: "container.running", exit: 2 });
  expect((await exec(host, "busy", { command: ["sh", "-c", "exit 9"] })).exitCode).toBe(9);
  expect(await execDetached(host, "busy", { command: ["sleep", "50"] })).toMatch(/^[0-9a-f]{64}$/);
  const [stopped] = await stop(host, { names: ["busy"] }, { timeout: 0 });
  expect(stopped).toEqual({ target: "busy", id });
  expect((inspect(host, "busy").State as { ExitCode: number }).ExitCode).toBe(137);
  const [again] = await kill(host, { names: ["busy"] }, 15);
  expect(again?.fault?.message).toContain(`${id} is in state exited`);
  await remove(host, { names: ["busy"] });
});

test.if(isPossible)("when its monitor is killed the container is seen, stopped with a word, and removed", async () => {
  await make("orphan", ["sleep", "100"]);
  await start(host, "orphan");
  signalProcess((inspect(host, "orphan").State as { ConmonPid: number }).ConmonPid, 9);
  expect(statusOf("orphan")).toBe("running");
  const [outcome] = await stop(host, { names: ["orphan"] }, { timeout: 0 });
  expect(outcome?.fault?.message).toContain("conmon exited prematurely");
  expect(statusOf("orphan")).toBe("exited");
  const [gone] = await remove(host, { names: ["orphan"] });
  expect(gone?.fault).toBeUndefined();
});

test.if(isPossible)("a start that was killed half way is taken up again", async () => {
  const { id } = await make("half", ["sh", "-c", "exit 3"]);
  await init(host, { names: ["half"] });
  const { state } = host.state.findById(id)!;
  host.state.saveState(id, { status: "created", createdAt: state.createdAt });
  await start(host, "half");
  expect(await wait(host, { names: ["half"] })).toEqual([3]);
  await remove(host, { names: ["half"] });
});

test.if(isPossible)("a name in use is refused and leaves no root behind", async () => {
  const { id } = await make("taken", ["true"]);
  await expect(make("taken", ["true"])).rejects.toMatchObject({ code: "container.name-in-use" });
  expect(readdirSync(`${directory}/root/containers`)).toEqual([id]);
  await remove(host, { names: ["taken"] });
});

test.if(isPossible)("after a reboot what ran has exited, and can be started again", async () => {
  await make("lasting", ["sleep", "100"]);
  await start(host, "lasting");
  const { pid } = host.state.findByName("lasting")!.state;
  await kill(host, { names: ["lasting"] }, 9);
  await wait(host, { names: ["lasting"] });
  const before = host.state.findByName("lasting")!;
  host.state.saveState(before.id, { ...before.state, status: "running", pid: pid! });
  writeFileSync(`${directory}/run/boot`, "another boot");
  const next = openHost(host.options);
  expect(next.state.findByName("lasting")?.state).toMatchObject({ status: "exited" });
  expect(next.state.findByName("lasting")?.state.pid).toBeUndefined();
  expect(readFileSync(`${directory}/run/boot`, "utf8")).not.toBe("another boot");
  await start(next, "lasting");
  await remove(next, { names: ["lasting"] }, { force: true, timeout: 0 });
});
