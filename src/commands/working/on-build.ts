// ONBUILD: what a base image wants done to whatever is made over it, done once at `from`.
// Source: buildah-from(1); Docker image-spec v1.2, "OnBuild".

import { log } from "../../base/log.ts";
import type { ImageDefaults } from "../../base/oci-image.ts";
import { changeWorking, type WorkingContainer } from "../../engine/working/records.ts";
import { runWorking } from "../../engine/working/run.ts";
import type { Invocation } from "../verb.ts";
import { Fault } from "../../base/fault.ts";
import { addInto } from "./adding.ts";

type Change = (inner: ImageDefaults, words: readonly string[]) => ImageDefaults;

const joined = (words: readonly string[]): string => words.join(" ");
const pair = (word = ""): [string, string] => {
  const equals = word.indexOf("=");
  return equals < 0 ? [word, ""] : [word.slice(0, equals), word.slice(equals + 1)];
};

const changes: Readonly<Record<string, Change>> = {
  CMD: (inner, words) => ({ ...inner, Cmd: [...words] }),
  ENTRYPOINT: (inner, words) => ({ ...inner, Entrypoint: [...words] }),
  ENV: (inner, [word]) => ({ ...inner, Env: [...(inner.Env ?? []).filter(line => !line.startsWith(`${pair(word)[0]}=`)), pair(word).join("=")] }),
  EXPOSE: (inner, words) => ({ ...inner, ExposedPorts: { ...inner.ExposedPorts, [joined(words)]: {} } }),
  HOSTNAME: (inner, words) => ({ ...inner, Hostname: joined(words) }),
  LABEL: (inner, [word]) => ({ ...inner, Labels: { ...inner.Labels, [pair(word)[0]]: pair(word)[1] } }),
  SHELL: (inner, words) => ({ ...inner, Shell: [...words] }),
  STOPSIGNAL: (inner, words) => ({ ...inner, StopSignal: joined(words) }),
  USER: (inner, words) => ({ ...inner, User: joined(words) }),
  VOLUME: (inner, words) => ({ ...inner, Volumes: { ...inner.Volumes, [joined(words)]: {} } }),
  WORKINGDIR: (inner, words) => ({ ...inner, WorkingDir: joined(words) }),
};

/** @throws Fault where a step fails; those before it stay done */
export async function runOnBuild(context: Invocation, record: WorkingContainer, quiet: boolean): Promise<void> {
  for (const [at, line] of (record.config.config?.OnBuild ?? []).entries()) {
    if (!quiet) context.err(`STEP ${at + 1}: ${line}`);
    await runOne(context, record.id, { line, quiet });
  }
  changeInner(context, record.id, ({ OnBuild: _done, ...inner }) => inner);
}

const changeInner = ({ host }: Invocation, id: string, change: (inner: ImageDefaults) => ImageDefaults): WorkingContainer =>
  changeWorking(host, id, before => ({ ...before, config: { ...before.config, config: change(before.config.config ?? {}) } }));

async function runOne(context: Invocation, id: string, { line, quiet }: { line: string; quiet: boolean }): Promise<void> {
  const [first = "", ...words] = line.split(" ");
  const name = first.toUpperCase();
  const record = changeWorking(context.host, id, before => before);
  if (name === "RUN") {
    const status = await runWorking(context.host, record, { argv: words, streams: { stdin: "ignore", stdout: quiet ? () => {} : "inherit" } });
    if (status !== 0) throw new Fault("runtime.failed", `while running runtime: exit status ${status}`, { exit: status });
  } else if (name === "ADD" || name === "COPY") {
    const isAlone = words.length === 1;
    const [sources, destination] = isAlone ? [words, ""] : [words.slice(0, -1), words.at(-1)!];
    await addInto(context.host, record, { sources, destination, unpack: name === "ADD", web: { insecure: false } });
  } else if (name === "MAINTAINER") {
    changeWorking(context.host, id, before => ({ ...before, config: { ...before.config, author: joined(words) } }));
  } else if (Object.hasOwn(changes, name)) {
    changeInner(context, id, inner => changes[name]!(inner, words));
  } else log.error(`unknown OnBuild command ${JSON.stringify(line)}; ignored`);
}
