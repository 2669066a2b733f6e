// One line of the benchmark: `udica -j` beside the original in Python, on the same inspect file, with empty tables of labels for both.

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { udicaSource } from "../tests/fixtures/udica.ts";

const top = path.resolve(import.meta.dir, "..");

export interface Compared {
  readonly oursMs: number[];
  readonly theirsMs: number[];
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
  readonly folder: string;
}

/** The bindings' stand-ins cost nothing, which favours the original. */
const original = `
import sys, types
for name in ("selinux", "semanage"):
    sys.modules[name] = types.ModuleType(name)
m, s = sys.modules["semanage"], sys.modules["selinux"]
m.semanage_handle_create = lambda: None
m.semanage_connect = lambda h: 0
m.semanage_fcontext_list = m.semanage_fcontext_list_local = m.semanage_fcontext_list_homedirs = lambda h: (0, [])
s.SELABEL_CTX_FILE, s.selabel_open, s.selabel_lookup, s.getfilecon = 0, lambda *w: None, lambda *w: (0, None), lambda p: (0, "u:r:x_t:s0")
sys.path.insert(0, sys.argv.pop(1))
from udica.__main__ import main
main()
`;

const inspect = JSON.stringify([{
  Config: { Env: ["container=podman"] }, EffectiveCaps: ["CAP_CHOWN", "CAP_KILL"], HostConfig: { Devices: [] }, NetworkSettings: { Ports: {} },
  Mounts: [{ Source: "/home", RW: false }, { Source: "/var/spool", RW: true }],
}]);

/** Undefined without python3 or a checkout of the original. The caller removes `folder`. */
export function compareUdica(times = 15): Compared | undefined {
  const python = Bun.which("python3");
  if (!python || udicaSource === "") return undefined;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "bench-udica-"));
  fs.mkdirSync(path.join(folder, "templates"));
  fs.writeFileSync(path.join(folder, "inspect.json"), inspect);
  const words = ["-j", "inspect.json", "box"];
  const ours = [path.join(top, "out/bin/udica"), ...words];
  const theirs = [python, "-c", original, udicaSource, ...words];
  const found: Compared = { oursMs: [], theirsMs: [], ours, theirs, folder };
  for (let turn = -1; turn < times; turn++) {
    const [one, other] = [timed(ours, folder), timed(theirs, folder)];
    if (turn < 0) continue;
    found.oursMs.push(one);
    found.theirsMs.push(other);
  }
  return found;
}

function timed(argv: readonly string[], cwd: string): number {
  const begun = performance.now();
  const ran = Bun.spawnSync([...argv], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const ms = performance.now() - begun;
  if (ran.exitCode !== 0) throw new Error(`${argv[0]}: status ${ran.exitCode}\n${ran.stderr}`);
  return ms;
}
