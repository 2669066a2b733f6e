// The audit daemon's log, read from where it stood at a moment.
// Source: auditd(8).

import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { readAvcs, type AvcRule } from "./avc.ts";

const auditLog = "/var/log/audit/audit.log";
const auditBytesMax = 64 * 1024 * 1024;

/** Where it ends now. @throws Fault "component.missing" where nobody writes it */
export function auditMark(): number {
  if (existsSync(auditLog)) return statSync(auditLog).size;
  throw new Fault("component.missing", `cannot learn what SELinux denies: there is no ${auditLog}`, { hint: "install and start auditd" });
}

/** What `type` was denied since then. A log that was rotated meanwhile is read from its start. */
export function denialsSince(mark: number, type: string): AvcRule[] {
  const { size: end } = statSync(auditLog);
  const begin = end < mark ? 0 : mark;
  const bytes = Buffer.alloc(Math.min(end - begin, auditBytesMax));
  const fd = openSync(auditLog, "r");
  try {
    return readAvcs(bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, begin)).toString()).filter(rule => rule.source === type);
  } finally {
    closeSync(fd);
  }
}
