// --call: what is asked of a Containerfile besides an image: its mistakes, its stages, its arguments.
// Source: docker-buildx-build(1), "--call".

import { Fault } from "../base/fault.ts";
import { checkContainerfile, ruleNames } from "./check.ts";
import { parseContainerfile, type Containerfile } from "./containerfile/parse.ts";
import type { BuildRequest } from "./request.ts";

export type CallRequest = Pick<BuildRequest, "containerfiles" | "contextDirectory" | "ignore" | "buildArgs">;

export interface CallAnswer {
  readonly text: string;
  /** 1 where mistakes were found. */
  readonly status: number;
}

/** @param called "check", "outline" or "targets", with ",format=json" or without. @throws Fault "usage.invalid", "containerfile.malformed" */
export function answerCall(called: string, request: CallRequest): CallAnswer {
  const [method = "", ...options] = called.split(",");
  const isJson = options.includes("format=json");
  const files = request.containerfiles.map(({ name, text }) => ({ name, file: parseContainerfile(text) }));
  if (method === "check" || method === "lint") return check(files, request, isJson);
  if (method === "targets") return listed(files.flatMap(({ file }) => targetsOf(file)), isJson);
  if (method === "outline") return listed(files.flatMap(({ file }) => outlineOf(file, request.buildArgs)), isJson);
  throw new Fault("usage.invalid", `unknown --call ${JSON.stringify(called)}`, { hint: "use build, check, outline or targets" });
}

interface Named {
  readonly name: string;
  readonly file: Containerfile;
}

function check(files: readonly Named[], request: CallRequest, isJson: boolean): CallAnswer {
  const findings = files.flatMap(({ name, file }) => checkContainerfile(file, request).map(finding => ({ file: name, ...finding })));
  const status = findings.length > 0 ? 1 : 0;
  if (isJson) return { text: `${JSON.stringify({ warnings: findings }, null, 2)}\n`, status };
  const lines = findings.map(({ file, line, rule, what, fix }) => `${file}:${line}: ${rule}: ${what}; ${fix}\n`);
  const count = findings.length === 0 ? "no warnings" : findings.length === 1 ? "1 warning" : `${findings.length} warnings`;
  return { text: `${lines.join("")}Check complete, ${count} found (${ruleNames().length} checks)\n`, status };
}

const targetsOf = ({ instructions }: Containerfile): string[] =>
  instructions.filter(({ name }) => name === "from").map(({ words }, position) => (words[1]?.toLowerCase() === "as" ? words[2]! : String(position)));

const outlineOf = ({ instructions }: Containerfile, given: ReadonlyMap<string, string>): string[] =>
  instructions.filter(({ name }) => name === "arg").flatMap(({ words }) => words.map(word => {
    const name = word.split("=")[0]!;
    return given.has(name) ? `${name}=${given.get(name)}` : word;
  }));

const listed = (names: readonly string[], isJson: boolean): CallAnswer =>
  ({ text: isJson ? `${JSON.stringify(names)}\n` : names.map(name => `${name}\n`).join(""), status: 0 });
