// Environment, labels and annotations as written: -e, --env-file, --label, --label-file, --annotation.
// Source: podman-run(1), "ENVIRONMENT" and --env, --env-file, --label.

import { readFileSync, statSync } from "node:fs";
import { errnoOf } from "../../../base/fault.ts";
import { limits } from "../../../base/limits.ts";
import { cut, refuse } from "./refuse.ts";

/** One of -e: NAME=VALUE, NAME (taken from ours when set), or PREFIX* (all of ours that begin so). */
export function addVariable(into: Record<string, string>, line: string): void {
  const [name, value] = cut(line);
  if (name === "") throw refuse(`invalid variable: ${JSON.stringify(line)}`, "write it as NAME=VALUE");
  if (value !== undefined) {
    into[name.replace(/^[ \t]+/, "")] = value;
    return;
  }
  if (name.endsWith("*")) {
    const prefix = name.slice(0, -1);
    for (const key in process.env) if (key.startsWith(prefix)) into[key] = process.env[key]!;
    return;
  }
  const ours = process.env[name];
  if (ours !== undefined) into[name] = ours;
}

export function readVariables(lines: readonly string[]): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const line of lines) addVariable(variables, line);
  return variables;
}

/** The variables of a file of lines; empty ones and those beginning with "#" are passed over. */
export function readEnvFile(file: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const line of linesOf(file)) {
    const trimmed = line.replace(/^[ \t]+/, "");
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    try {
      addVariable(variables, trimmed);
    } catch (cause) {
      throw refuse(`parsing file ${JSON.stringify(file)}: ${(cause as Error).message}`);
    }
  }
  return variables;
}

/** Labels: KEY=VALUE or KEY. */
export function readLabels(lines: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const line of lines) {
    const [key, value] = cut(line);
    if (key === "") throw refuse(`unable to process labels: invalid label ${JSON.stringify(line)}`, "write it as KEY=VALUE");
    labels[key] = value ?? "";
  }
  return labels;
}

export function readLabelFile(file: string): Record<string, string> {
  return readLabels(linesOf(file).map((line) => line.replace(/^[ \t]+/, "")).filter((line) => line !== "" && !line.startsWith("#")));
}

export function readAnnotations(lines: readonly string[]): Record<string, string> {
  const annotations: Record<string, string> = {};
  for (const line of lines) {
    const [key, value] = cut(line);
    if (value === undefined) throw refuse("annotations must be formatted KEY=VALUE");
    annotations[key] = value;
  }
  return annotations;
}

function linesOf(file: string): string[] {
  try {
    // A pipe has no size; what it holds is bounded below.
    if (statSync(file).size > limits.envFileBytesMax) throw refuse(`cannot read "${file}": larger than 16 MiB`);
    const text = readFileSync(file, "utf8");
    if (text.length > limits.envFileBytesMax) throw refuse(`cannot read "${file}": larger than 16 MiB`);
    return text.split(/\r?\n/);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") throw refuse(`parsing file ${JSON.stringify(file)}: open ${file}: no such file or directory`);
    if (errnoOf(cause) === "EISDIR") throw refuse(`read ${file}: is a directory`);
    throw cause;
  }
}
