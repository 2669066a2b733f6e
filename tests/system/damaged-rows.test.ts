// Rows of the database that hold something else than we wrote: said in words, found by system check, gone after a repair.

import { Database } from "bun:sqlite";
import { afterEach, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { begin, mustRun, ok, podman } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { tarOf } from "../fixtures/tar.ts";

afterEach(() => restore());
const store = "/var/lib/containers/coracle";
const file = `${store}/coracle.db`;
const image = "localhost/small:latest";
const values = ["x", "null", "[]", "{}"];
/** Faults of this program's own language, which no person can use. */
const raw = /undefined is not|is not a function|not an object|JSON Parse|SQLiteError|malformed JSON|TypeError|\bat \//;

let backup: string;
beforeAll(() => {
  // The store is put back for each value: it should be small.
  const root = `${newFolder("image")}/root.tar`;
  writeFileSync(root, tarOf([{ name: "true", body: "nothing runs here" }]));
  ok("import", "-q", root, image);
  ok("create", "--network", "none", "--name", "kept", "-v", "data:/data", image, "true");
  ok("secret", "create", "word", "/etc/hostname");
  mustRun(["buildah", "from", "--name", "work", image]);
  const db = new Database(file);
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
  backup = newFolder("backup");
  mustRun(["cp", "-a", `${store}/.`, backup]);
}, 30_000);

const restore = (): void => void mustRun(["sh", "-c", `rm -rf ${store}/* && cp -a ${backup}/. ${store}`]);

const readings = [["ps", "-a"], ["images", "-a"], ["volume", "ls"], ["inspect", "kept"]] as const;

async function read(words: readonly string[]): Promise<{ readonly status: number; readonly err: string }> {
  const running = begin(["podman", ...words]);
  return { status: await running.exited, err: running.err() };
}

/** False where the database itself refuses the value. */
function plant(table: string, column: string, value: string): boolean {
  const db = new Database(file);
  try {
    return db.query(`UPDATE ${table} SET ${column} = ?`).run(value).changes > 0;
  } catch {
    return false;
  } finally {
    db.close();
  }
}

for (const [table, columns] of [
  ["containers", ["spec", "state", "image"]], ["volumes", ["volume"]], ["images", ["layers", "history", "config", "manifest", "created"]],
  ["layers", ["parent", "blob"]], ["blobs", ["size"]], ["working", ["record"]], ["secrets", ["secret"]], ["roots", ["layer", "mounts"]], ["image_manifests", ["media_type"]],
] as const) {
  test(`whatever stands in the table ${table}, what it is read for answers or says what is wrong, and a repair leaves a sound store`, async () => {
    let planted = 0;
    for (const column of columns) for (const value of values) {
      if (!plant(table, column, value)) continue;
      planted++;
      for (const { err, status } of await Promise.all(readings.map(read))) expect({ column, value, status, raw: raw.exec(err)?.[0], err: raw.test(err) ? err : "" }).toEqual({ column, value, status, raw: undefined, err: "" });
      const check = podman("system", "check", "--quick", "--repair", "--force");
      expect({ column, value, raw: raw.exec(check.err)?.[0] }).toEqual({ column, value, raw: undefined });
      if (/^(spec|state|volume|record|secret|history|layers)$/.test(column)) {
        expect({ column, value, ...podman("system", "check", "--quick") }).toMatchObject({ column, value, status: 0, out: "" });
      }
      restore();
    }
    expect(planted).toBeGreaterThan(0);
  }, 120_000);
}
