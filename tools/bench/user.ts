// The ordinary users of the benchmark, one for each program, so that neither finds the other's namespaces.

import * as fs from "node:fs";
import * as path from "node:path";
import type { Program } from "./measure.ts";

const idOf = ({ name }: Program): number => (name === "ours" ? 2001 : 2002);
const homeOf = (program: Program): string => `/var/lib/containers/home-${program.name}`;

export const runDirectoryOf = (program: Program): string => `/run/user/${idOf(program)}`;

export const asUser = (program: Program): string[] => [
  "setpriv", `--reuid=${idOf(program)}`, `--regid=${idOf(program)}`, "--clear-groups",
  "env", "-C", homeOf(program), `HOME=${homeOf(program)}`, `XDG_RUNTIME_DIR=${runDirectoryOf(program)}`, "TMPDIR=/tmp",
];

/** The machine's own files stay as they are: copies of them are shown in this world. */
function addTo(file: string, line: string): void {
  const copy = `/run/bench-${path.basename(file)}`;
  if (!fs.existsSync(copy)) {
    fs.writeFileSync(copy, fs.existsSync(file) ? fs.readFileSync(file) : "", { mode: 0o644 });
    const mounted = Bun.spawnSync(["mount", "--bind", copy, file]);
    if (mounted.exitCode !== 0) throw new Error(`cannot show another ${file}: ${mounted.stderr.toString()}`);
  }
  fs.appendFileSync(copy, `${line}\n`);
}

/** On a usual machine everyone may open it. */
function openTunnels(): void {
  Bun.spawnSync(["sh", "-c", "mount -t tmpfs -o mode=755 tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200"]);
}

/** Ours goes to where a user may go, whatever the checkout's place; answers the programs as they are then. */
export function makeUsers(all: readonly Program[]): Program[] {
  openTunnels();
  for (const program of all) {
    const [id, name] = [idOf(program), `bench-${program.name}`];
    addTo("/etc/passwd", `${name}:x:${id}:${id}::${homeOf(program)}:/bin/sh`);
    addTo("/etc/group", `${name}:x:${id}:`);
    for (const file of ["/etc/subuid", "/etc/subgid"]) addTo(file, `${name}:${id}00000:65536`);
    for (const directory of [homeOf(program), runDirectoryOf(program)]) {
      fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
      fs.chmodSync(path.dirname(directory), 0o755);
      fs.chownSync(directory, id, id);
    }
  }
  return all.map(program => (program.name === "ours" ? { ...program, folder: copyOf(program) } : program));
}

function copyOf({ folder }: Program): string {
  const copy = "/run/bench-programs";
  fs.mkdirSync(copy, { recursive: true });
  fs.copyFileSync(fs.realpathSync(`${folder}/podman`), `${copy}/podman`);
  fs.chmodSync(`${copy}/podman`, 0o755);
  return copy;
}
