// --check: mistakes that a Containerfile can be seen to have without building it, each with the way out.
// Source: Dockerfile reference, "Build checks"; Containerfile(5).

import type { Instruction } from "./containerfile/instruction.ts";
import type { Containerfile } from "./containerfile/parse.ts";
import { findSources } from "../engine/steps/copy-source.ts";
import { fromNames } from "./plan.ts";
import type { BuildRequest } from "./request.ts";

export interface Finding {
  readonly rule: string;
  readonly line: number;
  readonly what: string;
  /** One imperative sentence. */
  readonly fix: string;
}

interface Stage {
  readonly from: Instruction;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** What a rule looks at. */
interface Look {
  readonly file: Containerfile;
  readonly stages: readonly Stage[];
  readonly heading: readonly Instruction[];
  readonly request: Pick<BuildRequest, "contextDirectory" | "ignore" | "buildArgs">;
}

type Found = Omit<Finding, "rule">;
type Rule = (look: Look) => Found[];

export function checkContainerfile(file: Containerfile, request: Look["request"]): Finding[] {
  const first = file.instructions.findIndex(({ name }) => name === "from");
  const heading = file.instructions.slice(0, first < 0 ? undefined : first);
  const look: Look = { file, heading, stages: stagesOf(file.instructions.slice(heading.length)), request };
  const skipped = skippedRules(file.directives.get("check"));
  const findings = Object.entries(rules).flatMap(([rule, act]) => (skipped(rule) ? [] : act(look).map(found => ({ rule, ...found }))));
  return findings.sort((a, b) => a.line - b.line || (a.rule < b.rule ? -1 : 1));
}

/** The number of rules, for whoever asks what is looked at. */
export const ruleNames = (): string[] => Object.keys(rules);

/** "# check=skip=RuleOne,RuleTwo" or "skip=all". */
function skippedRules(directive: string | undefined): (rule: string) => boolean {
  const names = new Set((/(?:^|;)skip=([^;]*)/.exec(directive ?? "")?.[1] ?? "").split(",").map(name => name.trim().toLowerCase()));
  return rule => names.has("all") || names.has(rule.toLowerCase());
}

function stagesOf(instructions: readonly Instruction[]): Stage[] {
  const starts = instructions.flatMap(({ name }, at) => (name === "from" ? [at] : []));
  return starts.map((start, position) => {
    const from = instructions[start]!;
    const [, as = "", name] = from.words;
    return { from, name: as.toLowerCase() === "as" ? name : undefined, instructions: instructions.slice(start + 1, starts[position + 1]) };
  });
}

const inStages = (act: (instruction: Instruction, stage: Stage) => Found | undefined): Rule => ({ stages }) =>
  stages.flatMap(stage => stage.instructions.flatMap(instruction => act(instruction, stage) ?? []));

const everywhere = (act: (instruction: Instruction) => Found | undefined): Rule => ({ file }) => file.instructions.flatMap(instruction => act(instruction) ?? []);

/** Instructions of which only the last of a stage counts. */
const lastOnly = (name: string): Rule => ({ stages }) => stages.flatMap(({ instructions }) => {
  const all = instructions.filter(instruction => instruction.name === name);
  return all.slice(0, -1).map(({ line }) => ({
    line, what: `${name.toUpperCase()} is set again below: this one has no effect`, fix: `keep only the last ${name.toUpperCase()} of the stage`,
  }));
});

const command = ({ words, heredocs }: Instruction): string => [...words, ...heredocs.map(({ content }) => content)].join(" ");
const runs = (pattern: RegExp, what: string, fix: string, unless?: RegExp): Rule => inStages(instruction => {
  if (instruction.name !== "run" || !pattern.test(command(instruction)) || unless?.test(command(instruction))) return undefined;
  return { line: instruction.line, what, fix };
});

const secretName = /(^|_)(pass(word|wd|phrase)?|secret|token|api_?key|private_?key|credentials?)($|_)/i;
const keyOf = (word: string): string => word.split("=")[0]!;
const reserved = ["scratch", "context"];
const predefined = /^((TARGET|BUILD)(PLATFORM|OS|ARCH|VARIANT)|(https?|ftp|no|all)_proxy|SOURCE_DATE_EPOCH|PATH|HOME|HOSTNAME)$/i;
const variable = /\$(?:\{([A-Za-z_]\w*)([^}]*)\}|([A-Za-z_]\w*))/g;

/** One letter more, less or other. */
function isNear(one: string, other: string): boolean {
  if (Math.abs(one.length - other.length) > 1 || one.length < 3) return false;
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  const [a, b] = one.length >= other.length ? [one, other] : [other, one];
  return a.slice(at + 1) === b.slice(a.length === b.length ? at + 1 : at);
}

const rules: Readonly<Record<string, Rule>> = {
  ConsistentInstructionCasing({ file }) {
    const written = file.instructions.map(({ original, line }) => ({ word: /^\S+/.exec(original)![0], line }));
    const isUpper = written.filter(({ word }) => word === word.toUpperCase()).length * 2 >= written.length;
    return written.filter(({ word }) => word !== (isUpper ? word.toUpperCase() : word.toLowerCase())).map(({ word, line }) => ({
      line, what: `${word} is written otherwise than the other instructions`, fix: `write ${isUpper ? word.toUpperCase() : word.toLowerCase()}`,
    }));
  },
  FromAsCasing: ({ stages }) => stages.flatMap(({ from, name }) => {
    const [as] = [from.words[1]!];
    const isUpper = /^FROM/.test(from.original);
    if (name === undefined || as === (isUpper ? "AS" : "as")) return [];
    return [{ line: from.line, what: `FROM and ${as} are not written alike`, fix: `write ${isUpper ? "AS" : "as"}` }];
  }),
  StageNameCasing: ({ stages }) => stages.flatMap(({ from, name }) => (name === undefined || name === name.toLowerCase() ? [] : [{
    line: from.line, what: `the stage name ${name} is not in lower case`, fix: `write ${name.toLowerCase()}`,
  }])),
  DuplicateStageName: ({ stages }) => stages.flatMap(({ from, name }, at) => (name !== undefined && stages.findIndex(other => other.name === name) < at ? [{
    line: from.line, what: `another stage is named ${name} already`, fix: "give each stage a name of its own",
  }] : [])),
  ReservedStageName: ({ stages }) => stages.flatMap(({ from, name }) => (name !== undefined && reserved.includes(name) ? [{
    line: from.line, what: `${name} has a meaning of its own and can be no stage's name`, fix: "choose another name",
  }] : [])),
  UntaggedBase: ({ stages }) => stages.flatMap(({ from }, at) => {
    const base = from.words[0] ?? "";
    const isStage = stages.slice(0, at).some(({ name }, position) => name === base || String(position) === base);
    const last = base.slice(base.lastIndexOf("/") + 1);
    if (isStage || base === "scratch" || base.includes("$") || base.includes("@") || (last.includes(":") && !last.endsWith(":latest"))) return [];
    return [{ line: from.line, what: `${base} means another image tomorrow`, fix: "name a tag or a digest" }];
  }),
  FromPlatformFlagConst: ({ stages }) => stages.flatMap(({ from }) => (from.flags.some(flag => flag.startsWith("--platform=") && !flag.includes("$")) ? [{
    line: from.line, what: "the platform is fixed, whatever the build is for", fix: "use --platform=$TARGETPLATFORM or $BUILDPLATFORM, or leave it out",
  }] : [])),
  RedundantTargetPlatform: ({ stages }) => stages.flatMap(({ from }) => (from.flags.some(flag => /^--platform=\$\{?TARGETPLATFORM\}?$/.test(flag)) ? [{
    line: from.line, what: "the target's platform is the default", fix: "leave --platform out",
  }] : [])),
  UndefinedArgInFrom: ({ stages, heading, request }) => stages.flatMap(({ from }) => {
    const declared = new Set(heading.flatMap(({ words }) => words.map(keyOf)));
    return [...from.words.join(" ").matchAll(variable)].flatMap(([, braced, more = "", bare]) => {
      const name = braced ?? bare!;
      if (declared.has(name) || predefined.test(name) || request.buildArgs.has(name) || /^:?[-+?]/.test(more)) return [];
      return [{ line: from.line, what: `$${name} is declared nowhere before FROM`, fix: `write ARG ${name}=VALUE before the first FROM` }];
    });
  }),
  InvalidDefaultArgInFrom: ({ stages, heading }) => stages.flatMap(({ from }) => heading.flatMap(({ name, words }) => words.flatMap(word => {
    if (name !== "arg" || word.includes("=") || !new RegExp(`\\$\\{?${keyOf(word)}\\b`).test(from.words[0] ?? "")) return [];
    return [{ line: from.line, what: `the base has no name unless --build-arg ${word}=… is given`, fix: `give ARG ${word} a default` }];
  }))),
  UndefinedVar: ({ stages }) => stages.flatMap(({ from, instructions }) => {
    const known = new Set<string>();
    // Another base may set it: there only what looks like a slip is told.
    const isDoubtful = (key: string): boolean => from.words[0] === "scratch" || [...known].some(name => name.toLowerCase() === key.toLowerCase() || isNear(name, key));
    return instructions.flatMap(instruction => {
      const { name, words, line } = instruction;
      const missing = ["env", "label", "add", "copy", "workdir", "expose", "volume", "user"].includes(name)
        ? [...words.join(" ").matchAll(variable)].map(([, braced, more = "", bare]) => ({ key: braced ?? bare!, more }))
          .filter(({ key, more }) => !known.has(key) && !predefined.test(key) && !/^:?[-+?]/.test(more))
        : [];
      if (name === "arg") for (const word of words) known.add(keyOf(word));
      if (name === "env") for (let at = 0; at < words.length; at += 2) known.add(words[at]!);
      return missing.filter(({ key }) => isDoubtful(key)).map(({ key }) => ({ line, what: `$${key} is set by no ARG or ENV above`, fix: `write ARG ${key} in this stage` }));
    });
  }),
  SecretsUsedInArgOrEnv: everywhere(({ name, words, line }) => {
    if (name !== "arg" && name !== "env") return undefined;
    const keys = name === "arg" ? words.map(keyOf) : words.filter((_, at) => at % 2 === 0);
    const found = keys.find(key => secretName.test(key));
    return found === undefined ? undefined : { line, what: `${found} looks like a secret, and would stay in the image's history`, fix: "use RUN --mount=type=secret" };
  }),
  LegacyKeyValueFormat: everywhere(({ name, original, line }) => (/^(env|label)$/.test(name) && !/^\S+\s+\S*=/.test(original) ? {
    line, what: `${name.toUpperCase()} NAME VALUE is the old form`, fix: `write ${name.toUpperCase()} NAME=VALUE`,
  } : undefined)),
  MaintainerDeprecated: everywhere(({ name, line }) => (name === "maintainer" ? { line, what: "MAINTAINER is no longer used", fix: "write LABEL org.opencontainers.image.authors=…" } : undefined)),
  JSONArgsRecommended: inStages(({ name, isJson, words, line }, { instructions }) => {
    if ((name !== "cmd" && name !== "entrypoint") || isJson || words.length === 0 || instructions.some(other => other.name === "shell")) return undefined;
    return { line, what: `signals reach the shell, not the program, in ${name.toUpperCase()} as text`, fix: `write ${name.toUpperCase()} ["PROGRAM", "ARGUMENT"]` };
  }),
  MultipleCmd: lastOnly("cmd"),
  MultipleEntrypoint: lastOnly("entrypoint"),
  MultipleHealthcheck: lastOnly("healthcheck"),
  WorkdirRelativePath: ({ stages }) => stages.flatMap(({ instructions }) => {
    const first = instructions.find(({ name }) => name === "workdir");
    const word = first?.words[0] ?? "/";
    return /^[/$]/.test(word) ? [] : [{ line: first!.line, what: `where ${word} lies depends on the base image`, fix: "make the first WORKDIR absolute" }];
  }),
  ExposeInvalidFormat: inStages(({ name, words, line }) => {
    const wrong = name === "expose" ? words.find(word => !word.includes("$") && !/^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/.test(word)) : undefined;
    return wrong === undefined ? undefined : { line, what: `${wrong} is no port of the container`, fix: "write EXPOSE PORT[/PROTOCOL]; ports of the host are given to run" };
  }),
  CopyIgnoredFile: sourcesRule(({ path, isExcluded }) => (isExcluded ? { what: `the ignore file leaves ${path} out`, fix: "let it in with a line that begins with !" } : undefined)),
  MissingSource: sourcesRule(({ path, exists, isExcluded }) => (exists || isExcluded ? undefined : { what: `${path} is not in the build context`, fix: "correct the path, or add the file" })),
  AddWhereCopyDoes: inStages(({ name, words, heredocs, line }) => {
    const isPlain = words.slice(0, -1).every(word => !/^(https?|git|ssh):|^git@|\.(tar|tgz|txz|tbz2?|tar\.\w+)$|[$*?<]/.test(word));
    return name === "add" && heredocs.length === 0 && isPlain ? { line, what: "ADD does nothing here that COPY does not", fix: "write COPY" } : undefined;
  }),
  UnverifiedDownload: inStages(({ name, flags, words, line }) => (name === "add" && words.some(word => /^http:/.test(word)) && !flags.some(flag => flag.startsWith("--checksum=")) ? {
    line, what: "the file comes without TLS and is not checked", fix: "add --checksum=sha256:…, or use https",
  } : undefined)),
  UnusedStage: ({ stages }) => {
    const used = new Set(stages.flatMap(({ from, instructions }) => [from.words[0] ?? "", ...instructions.flatMap(fromNames)]));
    return stages.slice(0, -1).flatMap(({ from, name }, at) => (used.has(name ?? "") || used.has(String(at)) ? [] : [{
      line: from.line, what: `nothing uses the stage ${name ?? at}, unless --target names it`, fix: "remove it, or take something from it",
    }]));
  },
  AptGetUpdateAlone: runs(/apt(-get)?\s+(-\S+\s+)*update/, "a later install may use this list when it is old, out of the cache", "install in the same RUN", /install|upgrade/),
  AptGetWithoutYes: runs(/apt-get\s+(-\S+\s+)*install/, "apt-get will ask, and nobody answers", "write apt-get install -y", /\s(-\w*y\w*|--yes|--assume-yes)\b/),
  SudoInRun: runs(/(^|[;&|]\s*)sudo\s/, "RUN is root's already, and sudo is seldom there", "leave sudo out, or use USER"),
  CurlToShell: runs(/(curl|wget)\b[^|;&]*\|\s*(sudo\s+)?(ba|da|z)?sh\b/, "what is downloaded runs unseen", "use ADD --checksum, then run the file"),
  CdAlone: runs(/^\s*cd\s+\S+\s*$/, "the directory is forgotten with the step", "use WORKDIR"),
  WorldWritable: runs(/chmod\s+(-\w+\s+)*(0?777|a\+rwx)\b/, "everyone may write there", "give the mode that is needed, or use COPY --chmod and --chown"),
};

interface Source {
  readonly path: string;
  readonly exists: boolean;
  readonly isExcluded: boolean;
}

function sourcesRule(judge: (source: Source) => Omit<Found, "line"> | undefined): Rule {
  return ({ stages, request }) => stages.flatMap(({ instructions }) => instructions.flatMap(instruction => {
    const { name, words, flags, heredocs, line } = instruction;
    if ((name !== "copy" && name !== "add") || heredocs.length > 0 || flags.some(flag => flag.startsWith("--from="))) return [];
    return words.slice(0, -1).flatMap(word => {
      if (/\$|^(https?|git|ssh):|^git@/.test(word)) return [];
      const found = judge(sourceOf(word, request));
      return found === undefined ? [] : [{ line, ...found }];
    });
  }));
}

function sourceOf(word: string, { contextDirectory, ignore }: Look["request"]): Source {
  try {
    const items = findSources(contextDirectory, [word]);
    const excluded = items.every(({ path }) => path !== "" && ignore.excludes(path) && !ignore.mayIncludeBelow(path));
    return { path: word, exists: true, isExcluded: excluded };
  } catch {
    return { path: word, exists: false, isExcluded: false };
  }
}
