// Modules of the loaded policy: installed and removed in one transaction, and compiled beside the host's before that.
// Source: semanage(3), semodule(8), secilc(8).

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { log } from "../../base/log.ts";
import { scratch } from "../../base/scratch.ts";
import { needProgram, spawnSync } from "../../base/spawn.ts";
import type { ModuleChange } from "../../kernel/selinux-libraries.ts";
import { policyName } from "./host-labels.ts";

/** By libsemanage, else by semodule. @throws Fault "system.failed" with what was said; nothing is loaded then */
export async function installModules(files: readonly string[], more: Pick<ModuleChange, "auditsAll"> = {}): Promise<void> {
  const audits = more.auditsAll === undefined ? [] : more.auditsAll ? ["-D", "-B"] : ["-B"];
  await change({ install: files, ...more }, [...audits, "-i", ...files]);
}

/** @throws Fault "system.failed" when there is no such module */
export async function removeModule(name: string, more: Pick<ModuleChange, "auditsAll"> = {}): Promise<void> {
  await change({ remove: [name], ...more }, [...(more.auditsAll === false ? ["-B"] : []), "-r", name]);
}

async function change(wanted: ModuleChange, words: readonly string[]): Promise<void> {
  try {
    (await import("../../kernel/selinux-libraries.ts")).changeModules(wanted);
    return;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "system.failed") throw thrown;
    log.debug(`libsemanage cannot be used (${(thrown as Error).message}); semodule is`);
  }
  const ran = spawnSync([needProgram("semodule", "policycoreutils"), ...words]);
  if (ran.status !== 0) throw new Fault("system.failed", `cannot change the policy: ${ran.complaint() || `semodule ended with status ${ran.status}`}`);
}

/** Compiles module files together with all modules of the host's policy; loads nothing. @throws Fault "usage.invalid" */
export function compileWithHost(files: readonly string[], compiler: string): void {
  using aside = scratch("/tmp");
  const folder = aside.path;
  const host = `${folder}/host.cil`;
  writeFileSync(host, hostModules(new Set(files.map(file => file.slice(file.lastIndexOf("/") + 1).replace(/\.cil$/, "")))));
  const ran = spawnSync([compiler, "-M", "true", "-N", "-m", "-o", "/dev/null", "-f", "/dev/null", host, ...files], { timeoutMs: 300_000 });
  if (ran.status !== 0) throw new Fault("usage.invalid", `it does not fit this host's policy: ${`${ran.complaint()}\n${ran.text()}`.trim().slice(0, 2000)}`);
}

/** The CIL of every module that counts: of each name the one of highest priority, unless it is disabled or about to be replaced. */
function hostModules(replaced: ReadonlySet<string>): string {
  const root = `/var/lib/selinux/${policyName()}/active/modules`;
  const disabled = new Set(existsSync(`${root}/disabled`) ? readdirSync(`${root}/disabled`) : []);
  const chosen = new Map<string, string>();
  if (!existsSync(root)) throw new Fault("component.missing", `cannot read the policy's modules: there is no ${root}`);
  for (const priority of readdirSync(root).filter(name => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b))) {
    for (const name of readdirSync(`${root}/${priority}`)) if (!disabled.has(name) && !replaced.has(name)) chosen.set(name, `${root}/${priority}/${name}/cil`);
  }
  return [...chosen.values()].map(unpacked).join("\n");
}

function unpacked(file: string): string {
  const bytes = readFileSync(file);
  if (bytes[0] !== 0x42 || bytes[1] !== 0x5a) return bytes.toString();
  return spawnSync([needProgram("bzip2", "bzip2"), "-dc"], { stdin: bytes, outputBytesMax: 256 * 1024 * 1024 }).text();
}
