// Replacing a small private file at once: a reader finds the old text or the new one, whatever happens meanwhile.
// Source: rename(2).

import * as fs from "node:fs";

/** Writes `text` to `path` with mode 0600 and follows a symlink at `path`, so that a linked auth.json stays one. */
export function writeWhole(path: string, text: string): void {
  const target = fs.existsSync(path) ? fs.realpathSync(path) : path;
  const draft = `${target}.${process.pid}-${Date.now().toString(36)}`;
  const fd = fs.openSync(draft, "wx", 0o600);
  try {
    fs.writeFileSync(fd, text);
    fs.fsyncSync(fd);
    fs.renameSync(draft, target);
  } catch (thrown) {
    fs.rmSync(draft, { force: true });
    throw thrown;
  } finally {
    fs.closeSync(fd);
  }
}
