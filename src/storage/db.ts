// The database of a store: opening, short write transactions, tables by version.
// Source: https://www.sqlite.org/wal.html, https://www.sqlite.org/lang_transaction.html

import { Database } from "bun:sqlite";
import { statfsSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { releaseOwnCode } from "../kernel/own-pages.ts";
import { exitNow } from "../kernel/processes.ts";

const busyTimeoutMs = 60_000;
/** Whoever opens the database first after a time without users reads all of the log. */
const logPagesMax = 256;

export interface StoreDatabase {
  readonly db: Database;
  /** See Store. */
  passing(): void;
  lasting(): void;
  close(): void;
  transaction<T>(act: () => T): T;
  reading<T>(act: () => T): T;
  /** What was committed is on the disk when this returns; not to be called in a transaction. */
  flush(): void;
  /** Much memory is needed from now on: what only the start of the process needed makes room. */
  grows(): void;
  migrate(name: string, version: number, sql: string): void;
}

/**
 * @param options.ownsProcess see StoreOptions
 * @throws Fault "store.damaged" when the file is no database
 */
export function openDatabase(file: string, { ownsProcess = false } = {}): StoreDatabase {
  const db = guarded(() => new Database(file, { create: true }), file);
  try {
    db.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    useWal(db);
    db.run("PRAGMA synchronous = NORMAL");
    db.run(`PRAGMA wal_autocheckpoint = ${logPagesMax}`);
  } catch (thrown) {
    db.close();
    throw databaseFault(thrown, file);
  }
  let depth = 0;
  let isLarge = false;
  const grows = (): void => {
    if (ownsProcess && !isLarge) releaseOwnCode();
    isLarge = true;
  };
  const transaction = <T>(act: () => T): T => {
    if (depth > 0) return act();
    guarded(() => db.run("BEGIN IMMEDIATE"), file);
    depth++;
    try {
      const result = act();
      guarded(() => db.run("COMMIT"), file);
      return result;
    } catch (thrown) {
      if (db.inTransaction) db.run("ROLLBACK");
      throw databaseFault(thrown, file);
    } finally {
      depth--;
    }
  };
  const reading = <T>(act: () => T): T => {
    if (db.inTransaction) return act();
    guarded(() => db.run("BEGIN"), file);
    try {
      return act();
    } finally {
      if (db.inTransaction) db.run("COMMIT");
    }
  };
  const flush = (): void => void db.run("PRAGMA wal_checkpoint(PASSIVE)");
  return { db, transaction, reading, grows, flush, ...ending(db, ownsProcess), migrate: (name, version, sql) => migrate({ db, transaction }, { name, version, sql }) };
}

/** What the databases of this process still have to do at its end. */
const endings = new Set<() => void>();

/**
 * At an orderly close the last user copies the log into the file, also one who only read, and nobody does where others stay.
 * A command's process ends otherwise: what is to last is copied and flushed, whoever else is there, and nothing else.
 */
function ending(db: Database, ownsProcess: boolean): Pick<StoreDatabase, "passing" | "lasting" | "close"> {
  let isPassing = false;
  let isLasting = false;
  const hasWritten = (): boolean => db.query<{ count: number }, []>("SELECT total_changes() AS count").get()!.count > 0;
  const end = (): void => {
    if (!isLasting && (isPassing || !hasWritten())) return;
    const copied = db.query<{ log: number }, []>("PRAGMA wal_checkpoint(PASSIVE)").get();
    if (copied && copied.log > logPagesMax) shorten(db);
  };
  endings.add(end);
  if (ownsProcess) process.once("exit", leave);
  const close = (): void => {
    endings.delete(end);
    db.close();
  };
  return { passing: () => void (isPassing = true), lasting: () => void (isLasting = true), close };
}

/** What was copied is forgotten with the last user, so the log of commands that write once each would grow for ever. */
function shorten(db: Database): void {
  db.run("PRAGMA busy_timeout = 0");
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
}

function leave(status: number): void {
  for (const end of endings) {
    try {
      end();
    } catch (thrown) {
      // As at a close: the log stays, and the next process tries again.
      log.debug(`Copying the database's log: ${(thrown as Error).message}`);
    }
  }
  exitNow(status);
}

const walAttemptsMax = 400;
const walPauseMs = 5;

/** Changing the mode of a fresh file fails at once, without waiting, while another process does the same. */
function useWal(db: Database): void {
  for (let attempt = 1; ; attempt++) {
    try {
      db.run("PRAGMA journal_mode = WAL");
      return;
    } catch (thrown) {
      if (!isBusy(thrown) || attempt === walAttemptsMax) throw thrown;
      Bun.sleepSync(walPauseMs);
    }
  }
}

const isBusy = (thrown: unknown): boolean => String((thrown as { code?: unknown }).code).startsWith("SQLITE_BUSY");

interface Migration {
  readonly name: string;
  readonly version: number;
  readonly sql: string;
}

function migrate({ db, transaction }: Pick<StoreDatabase, "db" | "transaction">, { name, version, sql }: Migration): void {
  const found = versionOf(db, name);
  if (found === version) return;
  transaction(() => {
    db.run("CREATE TABLE IF NOT EXISTS versions (name TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID");
    const now = versionOf(db, name);
    if (now === version) return;
    if (now !== undefined) throw wrongVersion(name, now, version);
    db.run(sql);
    db.run("INSERT INTO versions VALUES (?, ?)", [name, version]);
  });
}

function versionOf(db: Database, name: string): number | undefined {
  try {
    return db.query<{ version: number }, [string]>("SELECT version FROM versions WHERE name = ?").get(name)?.version;
  } catch (thrown) {
    if (/no such table/.test(String(thrown))) return undefined;
    throw databaseFault(thrown, db.filename);
  }
}

const wrongVersion = (name: string, found: number, wanted: number): Fault =>
  new Fault("store.damaged", `cannot use the tables of "${name}": they have version ${found}, not ${wanted}`, {
    hint: "use the program that made this store, or another --root",
  });

/** What SQLite refuses, in our words. */
export function guarded<T>(act: () => T, file: string): T {
  try {
    return act();
  } catch (thrown) {
    throw databaseFault(thrown, file);
  }
}

/** SQLite says only "disk I/O error" where its log cannot grow. */
function isFull(file: string): boolean {
  const { bavail, ffree } = statfsSync(file.slice(0, file.lastIndexOf("/")) || "/");
  return bavail < 16 || ffree === 0;
}

function databaseFault(thrown: unknown, file: string): unknown {
  const code = (thrown as { code?: unknown } | null)?.code;
  if (typeof code !== "string" || !code.startsWith("SQLITE_")) return thrown;
  if (code.startsWith("SQLITE_BUSY")) {
    return new Fault("store.busy", `cannot use "${file}": others have kept it locked for ${busyTimeoutMs / 1000} seconds`, {
      cause: thrown,
      hint: "try again when they are done",
    });
  }
  if (code === "SQLITE_FULL" || (code.startsWith("SQLITE_IOERR") && isFull(file))) {
    return new Fault("system.no-space", `cannot write "${file}": no space left on device`, {
      cause: thrown, errno: "ENOSPC", hint: "free some space, for instance with: podman image prune",
    });
  }
  if (code.startsWith("SQLITE_READONLY")) {
    return new Fault("system.denied", `cannot write "${file}": the file system is mounted read-only, or the file is`, {
      cause: thrown, errno: "EROFS", hint: "mount it for writing, or choose another place with --root",
    });
  }
  if (code.startsWith("SQLITE_CANTOPEN")) {
    return new Fault("system.failed", `cannot open "${file}": permission denied, or too many open files`, { cause: thrown, hint: "look at its owner with ls -l, and at the limit with ulimit -n" });
  }
  if (code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT")) {
    return new Fault("store.damaged", `cannot use "${file}": it is not a sound database`, {
      cause: thrown, hint: "restore it from a backup, or use another --root",
    });
  }
  return thrown;
}
