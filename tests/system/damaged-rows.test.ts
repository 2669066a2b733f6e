// Rows of the database that hold something else than we wrote: said in words, found by system check, gone after a repair.

import { Database } from "bun:sqlite";
import { afterEach, beforeAll, expect, test } from "bun:test";
import { mustRun, ok, podman } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();
afterEach(() => restore());
const store = "/var/lib/containers/coracle";
const file = `${store}/coracle.db`;
const values = ["x", "null", "[]", "{}"];
/** Faults of this program's own language, which no person can use. */
const raw = /undefined is not|is not a function|not an object|JSON Parse|SQLiteError|malformed JSON|TypeError|\bat \//;

let backup: string;
beforeAll(() => {
  ok("create", "--network", "none", "--name", "kept", "-v", "data:/data", IMAGE, "true");
  ok("secret", "create", "word", "/etc/hostname");
  mustRun(["buildah", "from", "--name", "work", IMAGE]);
  const db = new Database(file);
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
  backup = newFolder("backup");
  mustRun(["cp", "-a", `${store}/.`, backup]);
}, 30_000);

const restore = (): void => void mustRun(["sh", "-c", `rm -rf ${store}/* && cp -a ${backup}/. ${store}`]);

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
  test(`whatever stands in the table ${table}, what it is read for answers or says what is wrong, and a repair leaves a sound store`, () => {
    for (const column of columns) for (const value of values) {
      if (!plant(table, column, value)) continue;
      const said = [["ps", "-a"], ["images", "-a"], ["volume", "ls"], ["inspect", "kept"]].map(words => podman(...words));
      for (const { err, status } of said) expect({ column, value, status, raw: raw.exec(err)?.[0], err: raw.test(err) ? err : "" }).toEqual({ column, value, status, raw: undefined, err: "" });
      const check = podman("system", "check", "--quick", "--repair", "--force");
      expect({ column, value, raw: raw.exec(check.err)?.[0] }).toEqual({ column, value, raw: undefined });
      if (/^(spec|state|volume|record|secret|history|layers)$/.test(column)) {
        expect({ column, value, ...podman("system", "check", "--quick") }).toMatchObject({ column, value, status: 0, out: "" });
      }
      restore();
    }
  }, 120_000);
}
