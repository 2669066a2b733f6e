// The documents made from declarations are as `make docs` would make them, and tests name most options of podman's verbs.

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const top = join(import.meta.dir, "..");
const run = (...words: string[]) => Bun.spawnSync([process.execPath, ...words], { cwd: top });

test("make docs leaves no difference", () => {
  const out = mkdtempSync(join(tmpdir(), "docs-"));
  try {
    const made = run("tools/reference.ts", "--out", out);
    expect([made.exitCode, made.stderr.toString()]).toEqual([0, ""]);
    for (const file of ["podman-parity.md", "reference/podman.md", "reference/buildah.md", "reference/skopeo.md"]) {
      expect(readFileSync(join(top, "docs", file), "utf8") === readFileSync(join(out, file), "utf8"), `docs/${file} is not as declared: make docs, and commit what it changes`).toBe(true);
    }
  } finally {
    rmSync(out, { recursive: true });
  }
}, 60_000);

test("every option of every verb is named by a test of its effect", () => {
  const ran = run("tools/untested.ts");
  expect([ran.exitCode, ran.stderr.toString(), ran.stdout.toString()]).toEqual([0, "", "0 options that no test names\n"]);
}, 60_000);

test("every row of podman's command line is done, or refused with the reason", () => {
  const [, notYet] = /done, (\d+) not yet,/.exec(readFileSync(join(top, "docs/podman-parity.md"), "utf8"))!;
  expect(Number(notYet)).toBe(0);
});
