// Port records without libsemanage: the machine's own list, and the statements of the policy's modules as the store keeps them.
// Source: semanage.conf(5), the policy store under /var/lib/selinux; SELinux CIL reference guide, "portcon".

import type { PortRecord } from "./label-source.ts";

/** `portcon tcp 8080 user:role:type:range` or `portcon tcp 1 - 511 …` a line. */
export function readLocalPorts(text: string): PortRecord[] {
  return text.split("\n").flatMap(line => {
    const found = /^portcon\s+(\w+)\s+(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s+[^:\s]+:[^:\s]+:([\w.-]+)/.exec(line.trim());
    return found ? [{ protocol: found[1]!, low: Number(found[2]), high: Number(found[3] ?? found[2]), type: found[4]! }] : [];
  });
}

/** The port statements of one module in CIL. */
export function readPortStatements(cil: string): PortRecord[] {
  const statement = /\(portcon\s+(\w+)\s+(?:(\d{1,5})|\(\s*(\d{1,5})\s+(\d{1,5})\s*\))\s+\(\s*[\w.-]+\s+[\w.-]+\s+([\w.-]+)/g;
  return [...cil.matchAll(statement)].map(([, protocol, one, low, high, type]) => ({
    protocol: protocol!, low: Number(one ?? low), high: Number(one ?? high), type: type!,
  }));
}

/** As the compiled policy has them: narrow ranges before wide ones, for the first that fits counts. */
export function inPolicyOrder(ports: readonly PortRecord[]): PortRecord[] {
  return [...ports].sort((a, b) => a.high - a.low - (b.high - b.low) || a.low - b.low);
}
