// What happens to a policy once it is made: the command that loads it, loading, checking and removing it.
// Source: udica(8), semodule(8), secilc(8).

import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { scratch } from "../../base/scratch.ts";
import { needProgram, spawnSync } from "../../base/spawn.ts";
import { compileWithHost, installModules, removeModule } from "../../security/selinux/modules.ts";
import type { Policy } from "../../security/udica/policy.ts";
import { engineType, policyFlavour, templatesPlace, templateText, writeEngineModule } from "../../security/udica/templates.ts";
import { checkModuleName } from "../../security/udica/words.ts";

/** As it is printed: braces only around several templates. */
export function loadCommand({ name, templates }: Policy): string {
  const place = templatesPlace(templates);
  const files = templates.map(template => `${template}.cil`).join(",");
  return `\nPlease load these modules using: \n# semodule -i ${name}.cil ${place}/${templates.length > 1 ? `{${files}}` : files}`;
}

/** The templates, then the policy, all in one transaction. */
export async function loadPolicy({ name, templates }: Policy): Promise<void> {
  const place = templatesPlace(templates);
  await installModules([...new Set(templates)].map(template => `${place}/${template}.cil`).concat(`${name}.cil`));
}

/** @throws Fault "usage.invalid" with what the compiler said */
export function checkPolicy({ name, templates }: Policy, text: string): void {
  using aside = scratch("/tmp");
  const folder = aside.path;
  const parts = [...new Set(templates)].map(template => [template, templateText(template)] as const).concat([[name, text] as const]);
  const files = parts.map(([part, cil]) => {
    writeFileSync(`${folder}/${part}.cil`, cil);
    return `${folder}/${part}.cil`;
  });
  compileWithHost(files, needProgram("secilc", "secilc"));
}

/** For policies of refpolicy; Fedora's has what an engine needs. Works before the engine itself does: only by programs. */
export async function loadEnginePolicy(out: (line: string) => void): Promise<number> {
  if (policyFlavour() === "fedora") {
    out("Nothing to do: this host's policy knows container engines");
    return 0;
  }
  const file = writeEngineModule();
  await installModules([file]);
  const labelled = spawnSync([needProgram("chcon", "coreutils"), "-t", engineType, process.execPath]);
  if (labelled.status !== 0) throw new Fault("system.failed", `cannot label "${process.execPath}": ${labelled.complaint()}`);
  out(`\nLoaded ${file}, and labelled ${process.execPath} ${engineType}`);
  return 0;
}

export async function removePolicy(name: string, out: (line: string) => void): Promise<number> {
  checkModuleName(name);
  await removeModule(name);
  const file = `${name}.cil`;
  if (existsSync(file) && statSync(file).isFile()) rmSync(file);
  out(`\nPolicy ${name} removed!`);
  return 0;
}
