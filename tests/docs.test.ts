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

/** To be lowered as tests are written; each of these options is declared and works, but no system test names it beside its verb. */
const untestedMax = 240;

test("no more options go without a test than there are", () => {
  const ran = run("tools/untested.ts");
  const listed = ran.stdout.toString();
  expect([ran.exitCode, ran.stderr.toString()]).toEqual([0, ""]);
  const count = Number(/^(\d+) options/m.exec(listed)?.[1]);
  expect(count, `name the option in a test of its effect:\n${listed}`).toBeLessThanOrEqual(untestedMax);
}, 60_000);

test("every row of podman's command line is done, or refused with the reason", () => {
  const [, notYet] = /done, (\d+) not yet,/.exec(readFileSync(join(top, "docs/podman-parity.md"), "utf8"))!;
  expect(Number(notYet)).toBe(0);
});
