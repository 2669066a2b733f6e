// The log: one line a message on standard error, from the chosen level upward.
// Source: logrus' text form, as podman writes it.

import * as fs from "node:fs";
import { withoutUserinfo } from "./address.ts";
import { rfc3339 } from "./time.ts";

const ranks = { trace: 0, debug: 1, info: 2, warning: 3, error: 4, fatal: 5, panic: 6 } as const;
export type LogLevel = keyof typeof ranks;

/** As --log-level takes them, in the order podman names them. */
export const logLevels = ["trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"] as const;

let threshold: LogLevel = "warning";

/** Any of `logLevels`, in any case; false when it is none of them. */
export function setLogLevel(name: string): boolean {
  const level = name.toLowerCase() === "warn" ? "warning" : name.toLowerCase();
  if (!Object.hasOwn(ranks, level)) return false;
  threshold = level as LogLevel;
  return true;
}

export function logLevel(): LogLevel {
  return threshold;
}

export function isLogged(level: LogLevel): boolean {
  return ranks[level] >= ranks[threshold];
}

/** Further facts of one line, by name. */
export type LogFields = Readonly<Record<string, string>>;

/** `time="2026-11-23T21:02:28Z" level=warning msg="disk is nearly full"`, fields sorted by name behind it. */
export function logLine(level: LogLevel, message: string, at: number = Date.now(), fields: LogFields = {}): string {
  const more = Object.keys(fields).sort().map((name) => ` ${name}=${quoted(fields[name]!)}`).join("");
  return `time="${rfc3339(at)}" level=${level} msg=${quoted(message)}${more}`;
}

export const log = {
  trace: (message: string, fields?: LogFields): void => write("trace", message, fields),
  debug: (message: string, fields?: LogFields): void => write("debug", message, fields),
  info: (message: string, fields?: LogFields): void => write("info", message, fields),
  warn: (message: string, fields?: LogFields): void => write("warning", message, fields),
  error: (message: string, fields?: LogFields): void => write("error", message, fields),
  fatal: (message: string, fields?: LogFields): void => write("fatal", message, fields),
} as const;

function write(level: LogLevel, message: string, fields?: LogFields): void {
  if (!isLogged(level)) return;
  try {
    fs.writeSync(2, `${withoutUserinfo(logLine(level, message, Date.now(), fields))}\n`);
  } catch {
    // A closed standard error must not change what the command does.
  }
}

function quoted(message: string): string {
  if (message !== "" && /^[A-Za-z0-9\-._/@^+]*$/.test(message)) return message;
  return JSON.stringify(message);
}
