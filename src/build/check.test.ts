// --check: each rule on the file that breaks it, and silence on one that breaks none.

import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { checkContainerfile, ruleNames } from "./check.ts";
import { parseContainerfile } from "./containerfile/parse.ts";
import { ignorePatterns, ignoreRules } from "./ignore.ts";

const directory = (): string => {
  const made = mkdtempSync(`${tmpdir()}/coracle-check-`);
  writeFileSync(`${made}/here.txt`, "");
  writeFileSync(`${made}/hidden.log`, "");
  return made;
};

const findings = (text: string) =>
  checkContainerfile(parseContainerfile(text), { contextDirectory: directory(), ignore: ignoreRules(ignorePatterns("*.log")), buildArgs: new Map() });

const bad: Readonly<Record<string, string>> = {
  ConsistentInstructionCasing: "FROM x:1\nrun true\n",
  FromAsCasing: "FROM x:1 as a\n",
  StageNameCasing: "FROM x:1 AS Build\n",
  DuplicateStageName: "FROM x:1 AS a\nFROM x:1 AS a\n",
  ReservedStageName: "FROM x:1 AS scratch\n",
  UntaggedBase: "FROM x\n",
  FromPlatformFlagConst: "FROM --platform=linux/amd64 x:1\n",
  RedundantTargetPlatform: "FROM --platform=$TARGETPLATFORM x:1\n",
  UndefinedArgInFrom: "FROM x:$V\n",
  InvalidDefaultArgInFrom: "ARG V\nFROM x:$V\n",
  UndefinedVar: "FROM x:1\nARG VERSION=1\nLABEL v=$VERSIO\n",
  SecretsUsedInArgOrEnv: "FROM x:1\nENV API_TOKEN=x\n",
  LegacyKeyValueFormat: "FROM x:1\nENV a b\n",
  MaintainerDeprecated: "FROM x:1\nMAINTAINER me\n",
  JSONArgsRecommended: "FROM x:1\nCMD run it\n",
  MultipleCmd: 'FROM x:1\nCMD ["a"]\nCMD ["b"]\n',
  MultipleEntrypoint: 'FROM x:1\nENTRYPOINT ["a"]\nENTRYPOINT ["b"]\n',
  MultipleHealthcheck: "FROM x:1\nHEALTHCHECK NONE\nHEALTHCHECK CMD true\n",
  WorkdirRelativePath: "FROM x:1\nWORKDIR here\n",
  ExposeInvalidFormat: "FROM x:1\nEXPOSE 8080:80\n",
  CopyIgnoredFile: "FROM x:1\nCOPY hidden.log /\n",
  MissingSource: "FROM x:1\nCOPY nowhere /\n",
  AddWhereCopyDoes: "FROM x:1\nADD here.txt /\n",
  UnverifiedDownload: "FROM x:1\nADD http://x.test/a /\n",
  UnusedStage: "FROM x:1 AS a\nFROM y:1\n",
  AptGetUpdateAlone: "FROM x:1\nRUN apt-get update\n",
  AptGetWithoutYes: "FROM x:1\nRUN apt-get update && apt-get install curl\n",
  SudoInRun: "FROM x:1\nRUN sudo true\n",
  CurlToShell: "FROM x:1\nRUN curl https://x.test | sh\n",
  CdAlone: "FROM x:1\nRUN cd /tmp\n",
  WorldWritable: "FROM x:1\nRUN chmod -R 777 /data\n",
};

test("there are at least twenty rules, and each has its bad example", () => {
  expect(ruleNames().length).toBeGreaterThanOrEqual(20);
  expect(Object.keys(bad).sort()).toEqual(ruleNames().sort());
});

for (const [rule, text] of Object.entries(bad)) {
  test(`${rule} is found, with its line and a way out`, () => {
    const found = findings(text).filter(finding => finding.rule === rule);
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]!.line).toBeGreaterThan(0);
    expect(found[0]!.fix).not.toBe("");
    expect(findings(`# check=skip=${rule}\n${text}`).filter(finding => finding.rule === rule)).toEqual([]);
  });
}

test("a good file is left alone", () => {
  expect(findings(`ARG TAG=1
FROM x:$TAG AS build
ARG VERSION=1
RUN apt-get update && apt-get install -y curl
FROM scratch
WORKDIR /srv
COPY --from=build /a /b
COPY here.txt .
ENV PORT=80 NAME="a b"
EXPOSE 80 53/udp
ENTRYPOINT ["run"]
CMD ["it"]
`)).toEqual([]);
});
