// What runtimes of two generations say, and the faults it becomes.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { lastError, runtimeFault } from "./complaint.ts";

const said: [program: string, text: string, code: string, exit: number][] = [
  ["crun", "executable file `/nope` not found in $PATH: No such file or directory", "process.not-found", 127],
  ["crun", "executable file `nope` not found: No such file or directory", "process.not-found", 127],
  ["crun", "open executable: Permission denied", "process.not-executable", 126],
  ["crun", "open executable: Operation not permitted", "process.not-executable", 126],
  ["crun", "exec /etc: Is a directory", "process.not-executable", 126],
  ["crun", "exec /bin/x: Exec format error", "process.not-executable", 126],
  ["runc", 'runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH', "process.not-found", 127],
  ["runc", 'runc create failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory', "process.not-found", 127],
  ["runc", 'runc create failed: unable to start container process: exec: "/etc": permission denied', "process.not-executable", 126],
  ["runc", 'runc create failed: unable to start container process: error during container init: exec: "/etc": is a directory', "process.not-executable", 126],
  ["crun", "sethostname: Invalid argument", "runtime.failed", 126],
  ["crun", "", "runtime.failed", 126],
];
for (const [program, text, code, exit] of said) {
  test(`${program}: ${text || "nothing"}`, () => expect(runtimeFault(program, text)).toMatchObject({ code, exit }));
}

const place = mkdtempSync("/tmp/coracle-complaint-");
afterAll(() => rmSync(place, { recursive: true, force: true }));

test("the last error of a log counts; warnings, half lines and a missing log do not", () => {
  const write = (...lines: string[]): string => lastError((writeFileSync(`${place}/log`, lines.join("\n")), `${place}/log`));
  expect(write('{"level":"error","msg":"first"}', '{"level":"error","msg":"second"}', '{"level":"warning","msg":"third"}', '{"level":"err')).toBe("second");
  expect(write('"text"', "null", "[]", "7")).toBe("");
  expect(lastError(`${place}/none`)).toBe("");
});
