// A directory of a test's own, removed with its scope.

import { mkdtempSync, rmSync } from "node:fs";

/** `using directory = testDirectory()`; nothing may be mounted in it when the scope ends. */
export function testDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync("/var/tmp/coracle-kernel-");
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
