import { expect, test } from "bun:test";
import * as fs from "node:fs";
import * as os from "node:os";
import { findProgram, spawn, spawnSync } from "../base/spawn.ts";
import { errnoOf } from "../base/fault.ts";
import { sealed } from "./sealed.ts";

const isRoot = process.getuid?.() === 0;

function refusal(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (thrown) {
    return errnoOf(thrown);
  }
}

test.if(isRoot)("runs what lies there, and nobody writes to it through a process of it", async () => {
  // Nobody else runs it meanwhile.
  const folder = fs.mkdtempSync(`${os.tmpdir()}/sealed-`);
  const program = `${folder}/sleep`;
  fs.copyFileSync(findProgram("sleep")!, program);
  const own = sealed(program)!;
  const child = spawn([own.path, "100"], {});
  const exe = `/proc/${child.pid}/exe`;
  while (fs.statSync(exe).ino !== fs.statSync(program).ino) await Bun.sleep(5);
  // As the attack does: the handle is taken while it runs, and written through when it is no longer busy.
  const handle = fs.openSync(exe, "r");
  child.kill("SIGKILL");
  await child.exited;
  expect(refusal(() => fs.openSync(`/proc/self/fd/${handle}`, "r+"))).toBe("EROFS");
  fs.closeSync(handle);
  fs.rmSync(folder, { recursive: true });
});

test.if(isRoot)("is one handle for a whole command", () => {
  expect(sealed("/bin/true")!.path).toBe(sealed("/bin/true")!.path);
});

test("a program that is not there is nobody's to seal", () => {
  expect(sealed("/nowhere/crun")).toBeUndefined();
});

/** What strace sees of its starts. */
const starts = (argv: readonly string[], env: Record<string, string>): number =>
  spawnSync(["strace", "-qq", "-f", "-e", "trace=execve,execveat", ...argv], { env: { ...process.env, ...env } }).complaint().split("\n").filter(line => /\bexecve(at)?\(.*= 0$/.test(line)).length;

test.if(isRoot && findProgram("crun") !== undefined && findProgram("strace") !== undefined)("crun believes what it sees and starts once", () => {
  const crun = findProgram("crun")!;
  const own = sealed(crun)!;
  expect(starts([own.path, "delete", "--force", "nobody"], own.env as Record<string, string>)).toBe(1);
  // Saying so is not enough.
  expect(starts([crun, "delete", "--force", "nobody"], own.env as Record<string, string>)).toBe(2);
});
