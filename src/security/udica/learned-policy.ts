// The policy of a program that is being watched: what it was denied so far is allowed, and while it is watched all the rest is too, but told.
// Source: SELinux CIL reference guide, "typepermissive"; semodule(8).

import { writeWhole } from "../learn/learned.ts";
import type { LabelSource } from "../selinux/label-source.ts";
import { installModules, removeModule } from "../selinux/modules.ts";
import type { AvcRule } from "./avc.ts";
import { policyOf, policyText } from "./policy.ts";
import { templatesPlace } from "./templates.ts";

/** Nothing is looked up: all that is allowed comes from denials. */
const noLabels: LabelSource = { fileContexts: () => [], lookup: () => undefined, actual: () => undefined, ports: () => [] };

export interface LearnedPolicy {
  readonly name: string;
  readonly rules: readonly AvcRule[];
  /** NAME.cil, whose last part semodule takes for the module's name. */
  readonly file: string;
}

/** Writes it and loads it; while it is permissive, denials are told that are else kept silent. */
export async function loadLearned({ name, rules, file }: LearnedPolicy, { isPermissive }: { isPermissive: boolean }): Promise<void> {
  const policy = policyOf({ name, rules, allowances: { engine: "podman", capabilities: [], devices: [], mounts: [], ports: [] } }, noLabels);
  const text = policyText(policy, true);
  writeWhole(file, isPermissive ? text.replace(/\)$/, "    (typepermissive process)\n)") : text);
  const place = templatesPlace(policy.templates);
  await installModules([...policy.templates.map(template => `${place}/${template}.cil`), file], { auditsAll: isPermissive });
}

/** Whatever went wrong: no permissive domain is left, and harmless denials are silent again. */
export async function unloadLearned(name: string): Promise<void> {
  await removeModule(name, { auditsAll: false });
}
