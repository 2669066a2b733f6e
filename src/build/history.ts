// What the history of an image says of a step: by it a later build knows the step again.
// Source: OCI image-spec config.md, "history"; the entries that buildah writes, by their content.

import type { Instruction } from "./containerfile/instruction.ts";
import type { BuildRequest } from "./request.ts";
import { proxyArguments, type StageConfig } from "./stage-config.ts";

export interface StepFacts {
  readonly stage: StageConfig;
  readonly request: BuildRequest;
  /** Of the whole build: annotations are set there. */
  readonly isLast: boolean;
  /** Of a COPY or ADD: "file:HEX" and the like. */
  readonly summary?: string;
  /** Of a COPY or ADD. */
  readonly destination?: string;
  readonly isLinked?: boolean;
  /** Of what a RUN mounts: digests. */
  readonly mounted?: readonly string[];
  /** Names that ARG lines of this Containerfile declare. */
  readonly declared?: ReadonlySet<string>;
}

export function createdBy(instruction: Instruction, facts: StepFacts): string {
  const { name, original } = instruction;
  const changes = lateChanges(facts, name === "add" || name === "copy");
  switch (name) {
    case "arg":
      return `/bin/sh -c #(nop) ARG ${facts.stage.argumentNames().join(" ")}${changes}`;
    case "run":
      return `${argumentPrefix(facts)}/bin/sh -c ${original.slice(4)}${heredocText(instruction)}${(facts.mounted ?? []).map(digest => `:${digest}`).join("")}${changes}`;
    case "add": case "copy":
      return `/bin/sh -c #(nop) ${name.toUpperCase()}${facts.isLinked ? " --link" : ""} ${facts.summary ?? ""} in ${facts.destination ?? ""} ${changes}`;
    default:
      return `/bin/sh -c #(nop) ${original}${changes}`;
  }
}

/** What every COPY or ADD entry of this instruction begins with, whatever its content. */
export const copyPrefix = ({ name }: Instruction, isLinked: boolean): string => `/bin/sh -c #(nop) ${name.toUpperCase()}${isLinked ? " --link" : ""} `;

function argumentPrefix({ stage }: StepFacts): string {
  const used = stage.usedArguments().filter(entry => {
    const key = entry.slice(0, entry.indexOf("="));
    return !proxyArguments.includes(key) || stage.declared.has(key);
  });
  return used.length === 0 ? "" : `|${used.length} ${used.join(" ")} `;
}

const heredocText = ({ heredocs }: Instruction): string => heredocs.map(({ content }) => `\n${content.trim()}`).join("");

/** What was changed beside the Containerfile: another build that does not is no match. */
function lateChanges({ request, isLast }: StepFacts, spaced: boolean): string {
  const parts = [
    request.unsetLabels.map(label => `|unsetLabel=${label}`).join(""),
    request.inheritLabels ? "" : "|inheritLabels=false",
    request.unsetEnv.map(name => `|unsetEnv=${name}`).join(""),
    request.osVersion ? `|osVersion=${request.osVersion}` : "",
    request.osFeatures.map(feature => `|osFeature=${feature}`).join(""),
    request.identityLabel === false ? "|identityLabel=false" : "",
    isLast ? [...request.unsetAnnotations].sort().map(one => `|unsetAnnotation=${one}`).join("") : "",
    isLast && !request.inheritAnnotations ? "|inheritAnnotations=false" : "",
    timeChange(request),
    isLast ? request.annotations.join(",") : "",
  ];
  return parts.join(spaced ? " " : "");
}

function timeChange({ timestamp, sourceDateEpoch, rewriteTimestamp }: BuildRequest): string {
  if (timestamp !== undefined) return `|force-mtime=${timestamp}`;
  return sourceDateEpoch !== undefined && rewriteTimestamp ? `|clamp-mtime=${sourceDateEpoch}` : "";
}

/** The time of files in layers, where it is not their own. */
export function layerTime(request: BuildRequest): ((own: { sec: number; nsec: number }) => { sec: number; nsec: number }) | undefined {
  const { timestamp, sourceDateEpoch, rewriteTimestamp } = request;
  if (timestamp !== undefined) return () => ({ sec: timestamp, nsec: 0 });
  if (sourceDateEpoch === undefined || !rewriteTimestamp) return undefined;
  return own => (own.sec >= sourceDateEpoch ? { sec: sourceDateEpoch, nsec: 0 } : own);
}

