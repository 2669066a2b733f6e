// What a stage knows between its instructions: the image config that grows, its environment, its arguments.
// Source: Containerfile(5); Dockerfile reference, "ARG", "ENV", "Scope".

import { parseGoDuration } from "../base/duration.ts";
import type { Healthcheck, ImageDefaults } from "../base/oci-image.ts";
import { signalNumber } from "../base/signals.ts";
import { expandWord, expandWords } from "./containerfile/expand.ts";
import type { Instruction } from "./containerfile/instruction.ts";
import { malformed } from "./containerfile/lines.ts";

export interface ArgumentScope {
  /** --build-arg. */
  readonly given: ReadonlyMap<string, string>;
  /** TARGETPLATFORM and its kin. */
  readonly builtin: ReadonlyMap<string, string>;
  /** Of ARG lines before the first FROM. */
  readonly heading: ReadonlyMap<string, string>;
}

export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Arguments that need no ARG line, and do not stand in the history without one. */
export const proxyArguments: readonly string[] = [
  "http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY",
];

const expanded = new Set(["env", "label", "add", "copy", "workdir", "expose", "volume", "user", "stopsignal", "arg"]);

export class StageConfig {
  defaults: ImageDefaults;
  author: string | undefined;
  readonly escape: string;
  readonly #scope: ArgumentScope;
  /** Of containers.conf: for RUNs alone, and all else wins over it. */
  readonly #host = new Map<string, string>();
  /** Of the image: the last set comes last. */
  readonly #env = new Map<string, string>();
  /** Declared arguments that have a value. */
  readonly #args = new Map<string, string>();
  /** Names that ARG lines declare, in this stage or one it is based on. */
  readonly declared = new Set<string>();
  #commandSet = false;
  readonly warnings: string[] = [];

  constructor(base: { defaults: ImageDefaults; author?: string; env: readonly string[] }, scope: ArgumentScope, escape: string) {
    this.defaults = structuredClone(base.defaults);
    this.author = base.author;
    this.#scope = scope;
    this.escape = escape;
    for (const line of base.env) enter(this.#host, line);
    for (const line of base.defaults.Env ?? []) enter(this.#env, line);
    if (!this.#env.has("PATH")) this.setVariable("PATH", defaultPath);
    for (const name of proxyArguments) {
      const value = scope.given.get(name);
      if (value !== undefined) this.#args.set(name, value);
    }
  }

  /** Of the image: without arguments. */
  get env(): string[] {
    return [...this.#env].map(([name, value]) => `${name}=${value}`);
  }

  /** Of a RUN, and for variables in words: ENV wins over ARG. */
  get variables(): ReadonlyMap<string, string> {
    return new Map([...this.#args, ...this.#env]);
  }

  get runEnv(): string[] {
    return [...new Map([...this.#host, ...this.variables])].map(([name, value]) => `${name}=${value}`);
  }

  /** Declared arguments with their values, ENV's where it has the same name; sorted, as the history has them. */
  usedArguments(): string[] {
    const used: string[] = [];
    for (const [name, value] of this.#args) {
      if (!this.declared.has(name)) continue;
      used.push(`${name}=${this.#env.get(name) ?? value}`);
    }
    return used.sort();
  }

  argumentNames(): string[] {
    return [...this.#args.keys()].filter(name => this.declared.has(name)).sort();
  }

  /** The words of an instruction with variables put in. */
  words({ name, words }: Instruction): string[] {
    if (!expanded.has(name)) return [...words];
    const { variables, escape } = this;
    return words.flatMap(word => (name === "expose" ? expandWords(word, variables, { escape }) : [expandWord(word, variables, { escape })]));
  }

  flags({ flags }: Instruction): string[] {
    const { variables, escape } = this;
    return flags.map(flag => expandWord(flag, variables, { escape }));
  }

  /** Declares one argument as an ARG line does. */
  declare(word: string): void {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    this.declared.add(name);
    const { given, builtin, heading } = this.#scope;
    const byPerson = given.get(name);
    const isFixed = name === "TARGETPLATFORM" || name === "BUILDPLATFORM";
    if (isFixed && equals >= 0) throw malformed(`attempted to redefine ${JSON.stringify(name)}: invalid argument`);
    const automatic = builtin.get(name);
    if (automatic !== undefined) return void this.#args.set(name, byPerson ?? automatic);
    const value = byPerson ?? (equals < 0 ? heading.get(name) : word.slice(equals + 1));
    if (value !== undefined) this.#args.set(name, value);
  }

  /** Whether the instruction only changes the config. @throws Fault "containerfile.malformed" */
  apply(instruction: Instruction): void {
    const words = this.words(instruction);
    const change = changes[instruction.name];
    if (change !== undefined) change(this, words, instruction);
  }

  set(change: Partial<ImageDefaults>): void {
    this.defaults = { ...this.defaults, ...change };
  }

  setVariable(name: string, value: string): void {
    if (name === "") throw malformed("ENV names can not be blank");
    this.#env.delete(name);
    this.#env.set(name, value);
  }

  setCommand(words: string[]): void {
    this.set({ Cmd: words });
    if (words.length > 0) this.#commandSet = true;
  }

  setEntrypoint(words: string[] | undefined): void {
    const { Entrypoint: _old, ...rest } = this.defaults;
    this.defaults = words === undefined ? rest : { ...rest, Entrypoint: words };
    if (this.#commandSet) return;
    const { Cmd: _cmd, ...others } = this.defaults;
    this.defaults = others;
  }

  /** Absolute, by the working directory. */
  absolute(path: string): string {
    const workdir = this.defaults.WorkingDir ?? "";
    if (path === ".") return workdir.endsWith("/") ? workdir : `${workdir}/`;
    if (path.startsWith("/")) return path;
    return `${joined(workdir, path)}${/(^|\/)$/.test(path) ? "/" : ""}`;
  }
}

function enter(variables: Map<string, string>, line: string): void {
  const equals = line.indexOf("=");
  if (equals > 0) variables.set(line.slice(0, equals), line.slice(equals + 1));
}

export function joined(...parts: readonly string[]): string {
  const kept: string[] = [];
  for (const part of parts.join("/").split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") kept.pop();
    else kept.push(part);
  }
  return `/${kept.join("/")}`;
}

type Change = (stage: StageConfig, words: string[], instruction: Instruction) => void;

const shell = (words: string[], { isJson }: Instruction): string[] => (isJson ? words : ["/bin/sh", "-c", ...words]);

function exactly(count: number, words: readonly string[], name: string): void {
  const one = count === 1 ? "exactly one argument" : `exactly ${count} arguments`;
  if (words.length !== count) throw malformed(`${name.toUpperCase()} requires ${one}`);
}

function some(words: readonly string[], name: string): void {
  if (words.length === 0) throw malformed(`${name.toUpperCase()} requires at least one argument`);
}

const changes: Readonly<Record<string, Change>> = {
  env(stage, words, { name }) {
    some(words, name);
    for (let at = 0; at + 1 < words.length; at += 2) stage.setVariable(words[at]!, words[at + 1]!);
  },
  label(stage, words, { name }) {
    some(words, name);
    const labels = { ...stage.defaults.Labels };
    for (let at = 0; at + 1 < words.length; at += 2) labels[words[at]!] = words[at + 1]!;
    stage.set({ Labels: labels });
  },
  maintainer(stage, words, { name }) {
    exactly(1, words, name);
    stage.author = words[0];
  },
  arg(stage, words, { name }) {
    some(words, name);
    for (const word of words) stage.declare(word);
  },
  cmd: (stage, words, instruction) => stage.setCommand(shell(words, instruction)),
  entrypoint(stage, words, instruction) {
    stage.setEntrypoint(!instruction.isJson && words.length === 0 ? undefined : shell(words, instruction));
  },
  expose(stage, words, { name }) {
    some(words, name);
    stage.set({ ExposedPorts: { ...stage.defaults.ExposedPorts, ...Object.fromEntries(words.flatMap(portsOf).map(port => [port, {}])) } });
  },
  user(stage, words, { name }) {
    exactly(1, words, name);
    stage.set({ User: words[0]! });
  },
  workdir(stage, words, { name }) {
    exactly(1, words, name);
    stage.set({ WorkingDir: words[0]!.startsWith("/") ? words[0]!.replace(/(.)\/$/, "$1") : joined(stage.defaults.WorkingDir ?? "", words[0]!) });
  },
  volume(stage, words, { name }) {
    some(words, name);
    const named = words.map(word => word.trim());
    if (named.includes("")) throw malformed("Volume specified can not be an empty string");
    stage.set({ Volumes: { ...stage.defaults.Volumes, ...Object.fromEntries(named.map(word => [word, {}])) } });
  },
  stopsignal(stage, words, { name }) {
    exactly(1, words, name);
    if (signalNumber(words[0]!) === undefined && !/^\d{1,2}$/.test(words[0]!)) throw malformed(`Invalid signal: ${words[0]}`);
    stage.set({ StopSignal: words[0]! });
  },
  shell(stage, words, { name, isJson, original }) {
    some(words, name);
    if (!isJson) throw malformed(`SHELL requires the arguments to be in JSON form: ${original}`);
    stage.set({ Shell: words });
  },
  healthcheck: (stage, words, instruction) => stage.set({ Healthcheck: healthcheckOf(stage, words, instruction) }),
  onbuild(stage, _words, { original, trigger }) {
    checkTrigger(trigger!);
    stage.set({ OnBuild: [...(stage.defaults.OnBuild ?? []), original.replace(/^\s*onbuild\s*/i, "")] });
  },
};

/** @throws Fault "containerfile.malformed" for what may not be triggered */
export function checkTrigger({ name }: Instruction): void {
  if (name === "onbuild") throw malformed("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name === "maintainer" || name === "from") throw malformed(`${name.toUpperCase()} isn't allowed as an ONBUILD trigger`);
}

const portsMax = 65_536;

function portsOf(written: string): string[] {
  const found = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/.exec(written);
  const [first, last] = [Number(found?.[1]), Number(found?.[2] ?? found?.[1])];
  if (found === null || last >= portsMax || first > last) throw malformed(`EXPOSE: ${JSON.stringify(written)} is no port: write PORT[-PORT][/PROTOCOL]`);
  const protocol = (found[3] ?? "tcp").toLowerCase();
  return Array.from({ length: last - first + 1 }, (_, at) => `${first + at}/${protocol}`);
}

const healthFlags: Readonly<Record<string, keyof Healthcheck>> = {
  "interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod", "start-interval": "StartInterval", "retries": "Retries",
};

function healthcheckOf(stage: StageConfig, words: readonly string[], instruction: Instruction): Healthcheck {
  const [type = "", ...command] = words;
  const kind = type.toUpperCase();
  if (kind === "") throw malformed("HEALTHCHECK requires at least one argument");
  if (kind === "NONE") {
    if (command.length > 0) throw malformed("HEALTHCHECK NONE takes no arguments");
    return { Test: ["NONE"] };
  }
  if (kind !== "CMD") throw malformed(`Unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`);
  if (command.length === 0) throw malformed("Missing command after HEALTHCHECK CMD");
  const check: Healthcheck = { Test: [instruction.isJson ? "CMD" : "CMD-SHELL", ...command] };
  for (const flag of stage.flags(instruction)) {
    const [, name = "", value = ""] = /^--([^=]*)=?(.*)$/s.exec(flag)!;
    const field = healthFlags[name];
    if (field === undefined) throw malformed(`flag provided but not defined: -${name}`);
    Object.assign(check, { [field]: field === "Retries" ? retriesOf(value) : intervalOf(value) });
  }
  return check;
}

function retriesOf(value: string): number {
  if (!/^-?\d{1,9}$/.test(value)) throw malformed(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  if (Number(value) < 1) throw malformed(`--retries must be at least 1 (not ${Number(value)})`);
  return Number(value);
}

/** In nanoseconds. */
const intervalOf = (value: string): number => parseGoDuration(value);
