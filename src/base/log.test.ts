// Log lines in logrus' form.

import { expect, test } from "bun:test";
import { isLogged, logLine, logLevel, setLogLevel } from "./log.ts";

test("a message with blanks is quoted, a simple word is not", () => {
  expect(logLine("warning", 'disk "a" is full', 0)).toBe(`${time()} level=warning msg="disk \\"a\\" is full"`);
  expect(logLine("info", "started", 0)).toBe(`${time()} level=info msg=started`);
});

test("the level decides what is logged; warn is short for warning", () => {
  const before = logLevel();
  expect(setLogLevel("WARN")).toBe(true);
  expect([isLogged("info"), isLogged("warning"), isLogged("error")]).toEqual([false, true, true]);
  expect(setLogLevel("telepathic")).toBe(false);
  expect(logLevel()).toBe("warning");
  setLogLevel(before);
});

function time(): string {
  return /^time="[^"]+"/.exec(logLine("info", "x", 0))![0];
}
