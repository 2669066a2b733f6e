import { expect, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { closeQuietly } from "./files.ts";
import * as processes from "./processes.ts";
import { testDirectory } from "./test-directory.ts";

test("a process is alive as the one born at its start, and not as another, nor when it has ended", async () => {
  const child = Bun.spawn(["sleep", "60"]);
  const start = processes.processStart(child.pid)!;
  expect(start).toBeGreaterThan(0);
  expect(processes.isAlive(child.pid)).toBe(true);
  expect(processes.isAlive(child.pid, start)).toBe(true);
  expect(processes.isAlive(child.pid, start - 1)).toBe(false);
  expect(processes.killBorn(child.pid, start - 1, 9)).toBe(false);
  expect(processes.isAlive(child.pid, start)).toBe(true);
  expect(processes.killBorn(child.pid, start, 9)).toBe(true);
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
  expect(processes.processStart(child.pid)).toBeUndefined();
  expect(processes.killBorn(child.pid, start, 9)).toBe(false);
  expect(processes.kill(child.pid, 0)).toBe(false);
});

test("a zombie is not alive, and a name with brackets and spaces does not mislead", async () => {
  const script = "sh -c 'exit 0' & sleep 0.05; echo $!; exec sleep 60";
  const child = Bun.spawn(["sh", "-c", script], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  expect(processes.isAlive(Number(new TextDecoder().decode(value)))).toBe(false);
  child.kill("SIGKILL");
  await child.exited;
  using directory = testDirectory();
  const program = `${directory.path}/a) R (b) 7`;
  copyFileSync("/bin/sleep", program);
  const odd = Bun.spawn([program, "60"]);
  const start = processes.processStart(odd.pid);
  expect(start).toBeGreaterThanOrEqual(processes.processStart(process.pid)!);
  expect(readFileSync(`/proc/${odd.pid}/stat`, "utf8")).toContain(`(a) R (b) 7) `);
  odd.kill("SIGKILL");
  await odd.exited;
});

for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 40]) {
  test(`${pid} is no process`, () => {
    expect(processes.processStart(pid)).toBeUndefined();
  });
}

test("a process's handle signals it, and tells when it is gone", async () => {
  const child = Bun.spawn(["sleep", "60"]);
  const pidfd = processes.pidfdOpen(child.pid)!;
  expect(processes.pidfdSendSignal(pidfd, 15)).toBe(true);
  await child.exited;
  expect(processes.pidfdSendSignal(pidfd, 15)).toBe(false);
  closeQuietly(pidfd);
  expect(processes.pidfdOpen(child.pid)).toBeUndefined();
  expect(() => processes.kill(process.pid, 999)).toThrow(expect.objectContaining({ errno: "EINVAL" }));
});

test("waiting where there is no such child gives nothing", () => {
  expect(processes.waitid({ pid: 1 }, false)).toBeUndefined();
});

test("limits are read, lowered for another process, and refused when soft is above hard", async () => {
  const child = Bun.spawn(["sleep", "60"]);
  const { hard } = processes.getLimit("nofile");
  processes.setLimit("nofile", { soft: 100, hard: 200 }, child.pid);
  processes.setLimit("core", { soft: 0, hard: Infinity }, child.pid);
  expect(processes.getLimit("nofile", child.pid)).toEqual({ soft: 100, hard: 200 });
  expect(readFileSync(`/proc/${child.pid}/limits`, "utf8")).toMatch(/Max open files +100 +200/);
  expect(readFileSync(`/proc/${child.pid}/limits`, "utf8")).toMatch(/Max core file size +0 +unlimited/);
  expect(processes.getLimit("core", child.pid)).toEqual({ soft: 0, hard: Infinity });
  expect(processes.getLimit("nofile").hard).toBe(hard);
  expect(() => processes.setLimit("nofile", { soft: 2, hard: 1 })).toThrow(expect.objectContaining({ errno: "EINVAL" }));
  expect([processes.isLimitName("nproc"), processes.isLimitName("toString")]).toEqual([true, false]);
  child.kill("SIGKILL");
  await child.exited;
});

test("the mask of new files is set and the one before comes back", () => {
  const before = processes.umask(0o077);
  expect(processes.umask(before)).toBe(0o077);
});
