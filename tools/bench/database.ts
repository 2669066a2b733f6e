// A real database from Debian for the benchmark of copies: a small root with Redis, kept beside the fixtures.

import * as fs from "node:fs";
import * as path from "node:path";

const top = path.resolve(import.meta.dir, "../..");

export const databaseRoot = path.join(top, "out/fixtures/redis-root.tar");

/** Outside of the benchmark's namespaces, where the mirror that apt uses can be reached; once. Where that fails the row says so. */
export function needDatabaseRoot(): void {
  if (fs.existsSync(databaseRoot)) return;
  fs.mkdirSync(path.dirname(databaseRoot), { recursive: true });
  const staged = `${databaseRoot}.${process.pid}.tar`;
  const script = `. /etc/os-release; mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/$' | head -1)
    exec mmdebstrap -q --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' --include=redis-server "$VERSION_CODENAME" "$1" "$mirror"`;
  const ran = Bun.spawnSync(["bash", "-c", script, "bash", staged], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  if (ran.exitCode === 0) fs.renameSync(staged, databaseRoot);
  else console.error(`no root with Redis: ${ran.stderr.toString().trim().slice(-300)}`);
  fs.rmSync(staged, { force: true });
}
