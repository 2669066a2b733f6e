// Signals, by name and number.

import { expect, test } from "bun:test";
import { parseSignal, signalName } from "./signals.ts";

for (const [text, number] of [["TERM", 15], ["SIGKILL", 9], ["sigint", 2], ["-USR1", 10], ["-15", 15], ["64", 64], ["SIGRTMIN+3", 37], ["RTMAX-1", 63]] as const) {
  test(`${text} is ${number}`, () => expect(parseSignal(text)).toBe(number));
}

for (const text of ["0", "SIGBADSIG", "SIG", "BADSIG", "%%", "!", "", "-", " ", "RTMIN+31"]) {
  test(`${JSON.stringify(text)} is refused`, () => expect(() => parseSignal(text)).toThrow(`invalid signal: ${text === "-" ? "" : text}`));
}

for (const text of ["65", "-65", "99999999"]) {
  test(`${text} is out of range`, () => expect(() => parseSignal(text)).toThrow("valid signals are 1 through 64"));
}

test("a number's name is what its name's number is", () => {
  for (let number = 1; number <= 64; number++) if (signalName(number).startsWith("SIG")) expect(parseSignal(signalName(number))).toBe(number);
});
