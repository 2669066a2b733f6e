// The log: one line a message on standard error, from the chosen level upward.
// Source: logrus' text form, as podman writes it.

import * as fs from "node:fs";
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

/** `time="2026-11-23T21:02:28Z" level=warning msg="disk is nearly full"` */
export function logLine(level: LogLevel, message: string, at: number = Date.now()): string {
  return `time="${rfc3339(at)}" level=${level} msg=${quoted(message)}`;
}

export const log = {
  trace: (message: string): void => write("trace", message),
  debug: (message: string): void => write("debug", message),
  info: (message: string): void => write("info", message),
  warn: (message: string): void => write("warning", message),
  error: (message: string): void => write("error", message),
} as const;

function write(level: LogLevel, message: string): void {
  if (!isLogged(level)) return;
  try {
    fs.writeSync(2, `${logLine(level, message)}\n`);
  } catch {
    // A closed standard error must not change what the command does.
  }
}

function quoted(message: string): string {
  if (message !== "" && /^[A-Za-z0-9\-._/@^+]*$/.test(message)) return message;
  return JSON.stringify(message);
}
