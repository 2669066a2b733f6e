// What happens to a policy once it is made: the command that loads it, loading, checking and removing it.
// Source: udica(8), semodule(8), secilc(8).

import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { needProgram } from "../../base/spawn.ts";
import { compileWithHost, installModules, removeModule } from "../../security/selinux/modules.ts";
import type { Policy } from "../../security/udica/policy.ts";
import { templatesPlace, templateText } from "../../security/udica/templates.ts";
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
  const folder = mkdtempSync("/tmp/udica-check-");
  try {
    const parts = [...new Set(templates)].map(template => [template, templateText(template)] as const).concat([[name, text] as const]);
    const files = parts.map(([part, cil]) => {
      writeFileSync(`${folder}/${part}.cil`, cil);
      return `${folder}/${part}.cil`;
    });
    compileWithHost(files, needProgram("secilc", "secilc"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function removePolicy(name: string, out: (line: string) => void): Promise<number> {
  checkModuleName(name);
  await removeModule(name);
  const file = `${name}.cil`;
  if (existsSync(file) && statSync(file).isFile()) rmSync(file);
  out(`\nPolicy ${name} removed!`);
  return 0;
}
