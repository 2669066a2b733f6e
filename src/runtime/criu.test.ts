import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { complaintOf, isPassing, knowsSelinux } from "./criu.ts";

const place = mkdtempSync(join(tmpdir(), "coracle-criu-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

function log(...lines: string[]): string {
  const path = join(place, `${crypto.randomUUID()}.log`);
  writeFileSync(path, lines.map((line, at) => `(00.00000${at}) ${line}\n`).join(""));
  return path;
}

test("whether a criu knows SELinux is read from the program, not from what stands before it", () => {
  writeFileSync(join(place, "plain"), "\x7fELF libc.so.6");
  writeFileSync(join(place, "able"), "\x7fELF libc.so.6\0libselinux.so.1\0");
  expect(knowsSelinux({ path: join(place, "plain"), isPrivate: false })).toBe(false);
  expect(knowsSelinux({ path: join(place, "able"), isPrivate: false })).toBe(true);
  expect(knowsSelinux({ path: join(place, "missing"), isPrivate: false })).toBe(false);
  mkdirSync(join(place, "own/libexec"), { recursive: true });
  writeFileSync(join(place, "own/libexec/criu"), "\x7fELF libselinux.so.1");
  expect(knowsSelinux({ path: join(place, "plain"), isPrivate: true }, join(place, "own"))).toBe(true);
});

const told = [
  ["Error (criu/cr-dump.c:389): Can't get rlimit 0: Operation not permitted", "CAP_SYS_RESOURCE", "as root"],
  ["Error (compel/src/lib/infect.c:713): Unable to connect a transport socket: Permission denied", "SELinux does not let", "udica --engine-policy"],
  ["Error (criu/file-lock.c:110): Some file locks are hold by dumping tasks! You can try --file-locks to dump them.", "it holds file locks", "--file-locks"],
] as const;
for (const [line, reason, hint] of told) {
  test(`a log says in words what went wrong: ${reason}`, () => {
    const complaint = complaintOf(log("Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted", line, "Error (criu/cr-dump.c:1975): Dumping FAILED."));
    expect(complaint?.reason).toContain(reason);
    expect(complaint?.hint).toContain(hint);
  });
}

test("what means nothing to us is given in criu's own words, and an empty log says nothing", () => {
  expect(complaintOf(log("Error (criu/new.c:1): A thing never seen", "Error (criu/cr-dump.c:1975): Dumping FAILED."))).toEqual({ reason: "A thing never seen", hint: undefined });
  expect(complaintOf(log("Dumping finished successfully"))).toBeUndefined();
  expect(complaintOf(join(place, "nowhere"))).toBeUndefined();
});

test("only a process that came or went is worth another try", () => {
  expect(isPassing(log("Error (compel/src/lib/infect.c:418): Unable to detach from 229: No such process"))).toBe(true);
  expect(isPassing(log("Error (criu/file-lock.c:110): Some file locks are hold by dumping tasks!"))).toBe(false);
});
