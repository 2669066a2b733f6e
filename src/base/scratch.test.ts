import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processMark } from "./process-mark.ts";
import { scratch } from "./scratch.ts";
import { spawnSync } from "./spawn.ts";

test("what a dead process has left goes with the next one that is made; what lives, is another's or lies in another space stays", () => {
  const base = mkdtempSync(join(tmpdir(), "coracle-scratch-"));
  const dead = spawnSync(["sh", "-c", "echo $$"]).text().trim();
  const [space] = processMark().split("-");
  const stays = [`coracle-${space}-${process.pid}-abc`, `coracle-1-${dead}-abc`, `coracle-${space}-1-abc`, "coracle-1", "other"];
  for (const name of [...stays, `coracle-${space}-${dead}-abc`]) mkdirSync(join(base, name));
  writeFileSync(join(base, `coracle-${space}-${dead}-abc`, "blob"), "left");
  writeFileSync(join(base, `coracle-${space}-${dead}-file`), "no directory");
  {
    using made = scratch(base);
    expect(statSync(made.path).mode & 0o777).toBe(0o700);
    expect(readdirSync(base).filter(name => !made.path.endsWith(name)).sort()).toEqual([...stays, `coracle-${space}-${dead}-file`].sort());
  }
  expect(readdirSync(base)).toHaveLength(stays.length + 1);
  expect(() => scratch(join(base, "nowhere"))).toThrow(`cannot make a directory in "${base}/nowhere": no such file or directory`);
  rmSync(base, { recursive: true });
});
