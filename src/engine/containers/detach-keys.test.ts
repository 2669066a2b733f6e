// Detach keys, read and found.

import { expect, test } from "bun:test";
import { detachScanner, parseDetachKeys } from "./detach-keys.ts";

test("the default keys are bytes 16 and 17", () => expect([...parseDetachKeys("ctrl-p,ctrl-q")]).toEqual([16, 17]));
test("no keys are no bytes", () => expect(parseDetachKeys("").length).toBe(0));
for (const text of ["ctrl-", "ctrl-pp", "shift-a", "a,,b", "é"]) {
  test(`${JSON.stringify(text)} is refused`, () => expect(() => parseDetachKeys(text)).toThrow("invalid detach keys"));
}

test("a sequence is found over two chunks, and what came before it passes", () => {
  const scan = detachScanner(parseDetachKeys("ctrl-p,ctrl-q"));
  expect(scan(Uint8Array.of(97, 16))).toEqual({ bytes: Uint8Array.of(97), detach: false });
  expect(scan(Uint8Array.of(17, 98))).toEqual({ bytes: Uint8Array.of(), detach: true });
});

test("a broken sequence passes whole, and may begin again at once", () => {
  const scan = detachScanner(parseDetachKeys("ctrl-p,ctrl-q"));
  expect(scan(Uint8Array.of(16, 98, 16))).toEqual({ bytes: Uint8Array.of(16, 98), detach: false });
  expect(scan(Uint8Array.of(16))).toEqual({ bytes: Uint8Array.of(16), detach: false });
  expect(scan(Uint8Array.of(17)).detach).toBe(true);
});
