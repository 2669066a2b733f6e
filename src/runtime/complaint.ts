// What a runtime complains of, made into a fault whose code says whether the program was missing or could not run.
// Source: the JSON log of crun and runc (--log-format=json), their messages.

import { readFileSync } from "node:fs";
import { Fault } from "../base/fault.ts";

const logBytesMax = 1024 * 1024;

function linesOf(logPath: string): string[] {
  try {
    return readFileSync(logPath, "utf8").slice(-logBytesMax).split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

/** All that a runtime's JSON log says, a line each. */
export const allSaid = (logPath: string): string[] => linesOf(logPath).flatMap(line => parse(line)?.msg ?? []);

/** The last error in a runtime's JSON log, "" when there is none. */
export function lastError(logPath: string): string {
  const lines = linesOf(logPath);
  for (const line of lines.reverse()) {
    const entry = parse(line);
    if (entry && (entry.level === "error" || entry.level === "fatal")) return String(entry.msg ?? "");
  }
  return "";
}

function parse(line: string): { level?: string; msg?: string } | undefined {
  try {
    return JSON.parse(line) as { level?: string; msg?: string };
  } catch {
    return undefined;
  }
}

/** As podman words it: "crun: …: OCI runtime attempted to invoke a command that was not found". */
export function runtimeFault(program: string, said: string): Fault {
  const text = said.trim().replace(/^(crun|runc): /, "");
  const isDenied = /permission denied|operation not permitted|is a directory|exec format error/i.test(text) && !/no such file or directory/i.test(text.replace(/^.*exec: /, ""));
  if (isDenied) return new Fault("process.not-executable", `${program}: ${text}: OCI permission denied`);
  if (/executable file.*not found|no such file or directory|no such file/i.test(text)) {
    return new Fault("process.not-found", `${program}: ${text}: OCI runtime attempted to invoke a command that was not found`);
  }
  return new Fault("runtime.failed", `${program}: ${text || "it failed and said nothing"}: OCI runtime error`, {
    hint: "see what it says with: --log-level debug",
  });
}
