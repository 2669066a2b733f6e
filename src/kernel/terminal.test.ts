import { expect, test } from "bun:test";
import { close, pipe2, readInto, writeAll } from "./files.ts";
import { isTerminal, makeRaw, openPty, setWindowSize, tcgetattr, windowSize } from "./terminal.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const stty = (terminal: number): string => Bun.spawnSync(["stty", "-a"], { stdin: terminal }).stdout.toString();

test("a raw terminal hands bytes on as they are, and comes back to what it was", () => {
  const { master, terminal } = openPty();
  const before = tcgetattr(terminal);
  expect(stty(terminal)).toContain(" icanon");
  const restore = makeRaw(terminal);
  expect(stty(terminal)).toMatch(/-icrnl.*-opost .*-isig -icanon .*-echo /s);
  writeAll(master, new Uint8Array([3, 13]));
  const got = new Uint8Array(8);
  expect([readInto(terminal, got), got[0], got[1]]).toEqual([2, 3, 13]);
  writeAll(terminal, new TextEncoder().encode("a\nb"));
  expect(text(got.subarray(0, readInto(master, got)))).toBe("a\nb");
  restore();
  restore();
  expect(tcgetattr(terminal)).toEqual(before);
  writeAll(terminal, new TextEncoder().encode("a\nb"));
  expect(text(got.subarray(0, readInto(master, got)))).toBe("a\r\nb");
  close(master);
  close(terminal);
});

test("the window's size goes through", () => {
  const { master, terminal } = openPty();
  setWindowSize(master, { rows: 51, columns: 213 });
  expect(windowSize(terminal)).toEqual({ rows: 51, columns: 213 });
  expect(Bun.spawnSync(["stty", "size"], { stdin: terminal }).stdout.toString()).toBe("51 213\n");
  close(master);
  close(terminal);
});

test("a pipe is no terminal", () => {
  const [reading, writing] = pipe2();
  expect([isTerminal(reading), windowSize(reading), isTerminal(-1)]).toEqual([false, undefined, false]);
  expect(() => makeRaw(reading)).toThrow(expect.objectContaining({ errno: "ENOTTY" }));
  close(reading);
  close(writing);
  const { master, terminal } = openPty();
  expect([isTerminal(master), isTerminal(terminal)]).toEqual([true, true]);
  close(master);
  close(terminal);
});
