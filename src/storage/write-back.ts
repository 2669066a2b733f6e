// Trees of layers are written to the disk by a process that no command waits for. While it is at work the rows carry its name
// behind that of the boot; once it has ended, the next command takes that name away. After a crash before that the trees are
// unpacked again from their blobs.

import * as fs from "node:fs";
import { errnoOf, Fault } from "../base/fault.ts";
import { log } from "../base/log.ts";
import { spawn } from "../base/spawn.ts";
import { randomName, type StorePlace } from "./place.ts";

const notesPath = (place: StorePlace): string => `${place.root}/write-back`;
const markOf = (boot: string, name: string): string => `${boot} ${name}`;
/** Not at once: the command's last flush of the database would wait for it. */
const whenWritten = 'sleep 1; sync -f -- "$0" && mv -- "$0" "$0.written"';
const written = ".written";

/** False where nobody could be given the work. */
export function writeBackSoon(place: StorePlace, chains: readonly string[]): boolean {
  const name = randomName();
  const file = `${notesPath(place)}/${name}`;
  try {
    fs.mkdirSync(notesPath(place), { recursive: true, mode: 0o700 });
    fs.writeFileSync(file, place.boot(), { mode: 0o600 });
    place.transaction(() => {
      for (const chain of chains) place.db.query("UPDATE layers SET boot = ? WHERE chain = ?").run(markOf(place.boot(), name), chain);
    });
    spawn(["/bin/sh", "-c", whenWritten, file], { stdio: ["ignore", "ignore", "ignore"], cwd: "/", detached: true }).unref();
    return true;
  } catch (thrown) {
    if (fs.existsSync(file)) fs.rmSync(file, { force: true });
    if (thrown instanceof Fault || errnoOf(thrown) !== undefined) return false;
    throw thrown;
  }
}

/** At every opening: what has been written since counts as such. Notes of another boot whose work did not end go. */
export function takeWritten(place: StorePlace): void {
  if (!fs.existsSync(notesPath(place))) return;
  try {
    for (const entry of fs.readdirSync(notesPath(place))) takeNote(place, entry);
  } catch (thrown) {
    // A disk that is full or read-only: the note waits for another command, which loses nothing.
    if (!(thrown instanceof Fault) && errnoOf(thrown) === undefined) throw thrown;
    log.debug(`Noting which trees are on the disk: ${(thrown as Error).message}`);
  }
}

function takeNote(place: StorePlace, entry: string): void {
  const file = `${notesPath(place)}/${entry}`;
  const boot = readNote(file);
  const isWritten = entry.endsWith(written);
  if (!isWritten && boot === place.boot()) return;
  if (isWritten && boot !== undefined) {
    const mark = markOf(boot, entry.slice(0, -written.length));
    place.transaction(() => place.db.query("UPDATE layers SET boot = NULL WHERE boot = ?").run(mark));
  }
  fs.rmSync(file, { force: true });
}

/** Undefined where another command has just taken it. */
function readNote(file: string): string | undefined {
  try {
    return fs.readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}
