// udica --watch: runs copies of a container in a permissive domain of its own, and writes the least policy that their denials ask for.
// Source: none; semodule(8), auditd(8).

import { existsSync, openSync, readSync, closeSync, statSync, writeFileSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { clone } from "../../engine/containers/clone.ts";
import { get } from "../../engine/containers/lookup.ts";
import { remove } from "../../engine/containers/remove.ts";
import { start } from "../../engine/containers/start.ts";
import { wait } from "../../engine/containers/wait.ts";
import { openHost, type Host } from "../../engine/host.ts";
import { isSelinuxEnabled } from "../../security/labels.ts";
import type { LabelSource } from "../../security/selinux/label-source.ts";
import { installModules, removeModule } from "../../security/selinux/modules.ts";
import { readAvcs, type AvcRule } from "../../security/udica/avc.ts";
import { policyOf, policyText, type Policy } from "../../security/udica/policy.ts";
import { templatesPlace } from "../../security/udica/templates.ts";
import { checkModuleName } from "../../security/udica/words.ts";

const auditLog = "/var/log/audit/audit.log";
const auditBytesMax = 64 * 1024 * 1024;
const roundsMax = 8;
/** The audit daemon writes a little after the kernel has spoken. */
const settleMs = 1000;

/** Nothing is looked up: all that is allowed comes from denials. */
const noLabels: LabelSource = { fileContexts: () => [], lookup: () => undefined, actual: () => undefined, ports: () => [] };

/** @returns the exit status */
export async function watchContainer(name: string, container: string, out: (line: string) => void): Promise<number> {
  checkModuleName(name);
  if (!isSelinuxEnabled()) throw new Fault("usage.unsupported", "cannot watch a container: this kernel has no SELinux policy loaded");
  if (!existsSync(auditLog)) throw new Fault("component.missing", `cannot watch a container: there is no ${auditLog}`, { hint: "install and start auditd" });
  const host = openHost();
  const original = get(host, container);
  const rules = await learn(host, { original: original.id, name, out });
  await load(learned(name, rules), false);
  out(`\nPolicy ${name} created!\n`);
  out(`Capabilities it used: ${capabilitiesOf(rules).join(",") || "none"} (--cap-drop all${capabilitiesOf(rules).map(word => ` --cap-add ${word}`).join("")})`);
  out(`\nRestart the container with: "--security-opt label=type:${name}.process" parameter`);
  return 0;
}

/** Whatever happens, no permissive domain is left, and harmless denials are hidden again. */
async function learn(host: Host, watched: Watched): Promise<AvcRule[]> {
  let rules: AvcRule[] = [];
  try {
    for (let round = 1; round <= roundsMax; round++) {
      await load(learned(watched.name, rules), true);
      const more = merged(rules, await watchOnce(host, watched));
      if (size(more) === size(rules)) return rules;
      rules = more;
      watched.out(`Run ${round}: ${size(rules)} permissions so far`);
    }
    throw new Fault("component.failed", `cannot finish the policy "${watched.name}": after ${roundsMax} runs there are still new denials`);
  } catch (thrown) {
    await removeModule(watched.name, { auditsAll: false });
    throw thrown;
  }
}

function learned(name: string, rules: readonly AvcRule[]): Policy {
  return policyOf({ name, rules, allowances: { engine: "podman", capabilities: [], devices: [], mounts: [], ports: [] } }, noLabels);
}

async function load(policy: Policy, isPermissive: boolean): Promise<void> {
  const file = `${policy.name}.cil`;
  const text = policyText(policy, true);
  writeFileSync(file, isPermissive ? text.replace(/\)$/, "    (typepermissive process)\n)") : text);
  const place = templatesPlace(policy.templates);
  await installModules([...policy.templates.map(template => `${place}/${template}.cil`), file], { auditsAll: isPermissive });
}

interface Watched {
  readonly original: string;
  readonly name: string;
  readonly out: (line: string) => void;
}

/** What one run of a copy was denied. The copy goes, however the run ends. */
async function watchOnce(host: Host, { original, name, out }: Watched): Promise<AvcRule[]> {
  const from = statSync(auditLog).size;
  const { id, name: copy } = await clone(host, original, { labels: [`type:${name}.process`] });
  try {
    out(`Watching ${copy}; a service is ended with: podman stop ${copy}`);
    await start(host, id);
    await wait(host, { names: [id] });
    await Bun.sleep(settleMs);
    return readAvcs(auditSince(from)).filter(rule => rule.source === `${name}.process`);
  } finally {
    await remove(host, { names: [id] }, { force: true, timeout: 0 });
  }
}

/** A log that was rotated meanwhile is read from its start. */
function auditSince(from: number): string {
  const { size: end } = statSync(auditLog);
  const begin = end < from ? 0 : from;
  const bytes = Buffer.alloc(Math.min(end - begin, auditBytesMax));
  const fd = openSync(auditLog, "r");
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, begin)).toString();
  } finally {
    closeSync(fd);
  }
}

function merged(rules: readonly AvcRule[], more: readonly AvcRule[]): AvcRule[] {
  const all = new Map(rules.map(rule => [keyOf(rule), rule]));
  for (const rule of more) {
    const before = all.get(keyOf(rule))?.permissions ?? [];
    all.set(keyOf(rule), { ...rule, permissions: [...new Set([...before, ...rule.permissions])] });
  }
  return [...all.values()];
}

const keyOf = (rule: AvcRule): string => `${rule.target} ${rule.class}`;
const size = (rules: readonly AvcRule[]): number => rules.reduce((sum, rule) => sum + rule.permissions.length, 0);

function capabilitiesOf(rules: readonly AvcRule[]): string[] {
  return [...new Set(rules.filter(rule => /^cap(ability2?|2?_userns)$/.test(rule.class)).flatMap(rule => rule.permissions))].sort();
}
