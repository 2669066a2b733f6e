// Denials of the audit log, made into allow rules.
// Source: auditd's log format, ausearch(8).

import { Fault } from "../../base/fault.ts";

export interface AvcRule {
  readonly source: string;
  readonly target: string;
  readonly class: string;
  readonly permissions: readonly string[];
}

const linesMax = 200_000;

/** Rules in the order of each one's last denial. @throws Fault "input.malformed" for a denial that is cut short */
export function readAvcs(text: string): AvcRule[] {
  const rules = new Map<string, AvcRule>();
  const lines = text.split("\n");
  if (lines.length > linesMax) throw new Fault("input.too-large", `more than ${linesMax} lines`);
  for (const line of lines) {
    if (!line.split(" ", 1)[0]!.includes("type=AVC") && !/\btype=1400 .*\bavc: {2}denied/.test(line)) continue;
    if (/\bavc: {2}granted\b/.test(line)) continue;
    const rule = readAvc(line);
    const key = `${rule.source} ${rule.target} ${rule.class}`;
    const before = rules.get(key)?.permissions ?? [];
    rules.delete(key);
    rules.set(key, { ...rule, permissions: [...new Set([...before, ...rule.permissions])] });
  }
  return [...rules.values()];
}

function readAvc(line: string): AvcRule {
  const permissions = /\{ ([^{}]*) \}/.exec(line)?.[1]?.split(" ").filter(word => word !== "");
  const source = typeOf(line, "scontext");
  const target = typeOf(line, "tcontext");
  const found = / tclass=([A-Za-z0-9_]+)/.exec(line)?.[1];
  if (!permissions?.length || source === undefined || target === undefined || found === undefined) {
    throw new Fault("input.malformed", `this is no whole denial: ${JSON.stringify(line.slice(0, 120))}`);
  }
  for (const word of [...permissions, source, target]) {
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(word)) throw new Fault("input.malformed", `a denial holds ${JSON.stringify(word.slice(0, 80))}, which is no word of a policy`);
  }
  return { source, target, class: found, permissions };
}

const typeOf = (line: string, name: string): string | undefined => new RegExp(` ${name}=[^: ]*:[^: ]*:([^: ]+)`).exec(line)?.[1];
