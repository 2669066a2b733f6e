// doctor: looks at everything that makes commands fail for reasons outside of them, in an order from cause to effect.

import { Fault } from "../../base/fault.ts";
import { cgroupChecks } from "./cgroups.ts";
import { componentChecks } from "./components.ts";
import { configurationChecks, registryChecks } from "./configuration.ts";
import type { Check, Finding, Scene, Severity } from "./finding.ts";
import { kernelChecks } from "./kernel.ts";
import { networkChecks } from "./network.ts";
import { storeChecks } from "./store.ts";
import { runDirectoryCheck, userChecks } from "./users.ts";

export const checks: readonly Check[] = [
  ...kernelChecks, runDirectoryCheck, ...configurationChecks, ...cgroupChecks, ...componentChecks, ...userChecks, ...storeChecks, ...networkChecks, ...registryChecks,
];

export interface Diagnosis extends Finding {
  readonly code: string;
  readonly severity: Severity;
}

export interface Examined {
  /** Codes of what was looked at and found well. */
  readonly well: readonly Check[];
  readonly findings: readonly Diagnosis[];
  /** Not looked at, as an earlier finding explains it. */
  readonly passedOver: readonly Check[];
}

/** @param onEach told of each check when it is done */
export async function examine(scene: Scene): Promise<Examined> {
  const well: Check[] = [];
  const findings: Diagnosis[] = [];
  const passedOver: Check[] = [];
  const ill = new Set<string>();
  for (const check of checks) {
    if (check.for !== undefined && (check.for === "user") !== scene.isUser) continue;
    if (check.needs?.some(code => ill.has(code))) {
      passedOver.push(check);
      continue;
    }
    const found = await lookedAt(check, scene);
    if (found.length === 0) well.push(check);
    else ill.add(check.code);
    for (const one of found) {
      ill.add(one.code);
      findings.push(one);
    }
  }
  return { well, findings, passedOver };
}

async function lookedAt(check: Check, scene: Scene): Promise<Diagnosis[]> {
  try {
    const looked = await check.look(scene);
    const found: readonly Finding[] = looked === undefined ? [] : "evidence" in looked ? [looked] : looked;
    return found.map(one => ({ ...one, code: one.code ?? check.code, severity: check.severity }));
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return [{ code: check.code, severity: check.severity, evidence: thrown.message, next: thrown.hint ?? "podman --log-level debug info" }];
  }
}

export interface Mended {
  readonly code: string;
  /** Why it could not be. */
  readonly reason?: string;
}

/** Does what is safe to do; what needs a person's decision, or another package, is left. */
export async function mend(findings: readonly Diagnosis[]): Promise<Mended[]> {
  const outcomes: Mended[] = [];
  for (const { code, fix } of findings) {
    if (!fix) continue;
    try {
      await fix();
      outcomes.push({ code });
    } catch (thrown) {
      outcomes.push({ code, reason: (thrown as Error).message });
    }
  }
  return outcomes;
}
