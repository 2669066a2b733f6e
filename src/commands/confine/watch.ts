// udica --watch: runs copies of a container that learn, until a run brings nothing new.
// Source: none; podman-run(1) of ours, "label=learn:".

import type { LearnSpec } from "../../base/container-spec.ts";
import { Fault } from "../../base/fault.ts";
import { clone } from "../../engine/containers/clone.ts";
import { learnt, type Lesson } from "../../engine/containers/learn.ts";
import { get } from "../../engine/containers/lookup.ts";
import { remove } from "../../engine/containers/remove.ts";
import { start } from "../../engine/containers/start.ts";
import { wait } from "../../engine/containers/wait.ts";
import { openHost, type Host } from "../../engine/host.ts";
import { isSelinuxEnabled } from "../../security/labels.ts";
import { placesOf, readLearned, sizeOf } from "../../security/learn/learned.ts";
import { checkModuleName } from "../../security/udica/words.ts";
import { linesOf } from "./lesson.ts";

const roundsMax = 8;

/** @returns the exit status */
export async function watchContainer(name: string, container: string, out: (line: string) => void): Promise<number> {
  const lesson: LearnSpec = { name: checkModuleName(name), directory: process.cwd() };
  const host = openHost();
  const original = get(host, container).id;
  const learned = await untilNothingNew(host, { original, lesson, out });
  if (isSelinuxEnabled()) out(`\nPolicy ${name} created!\n`);
  for (const line of linesOf(lesson, learned)) out(line);
  if (isSelinuxEnabled()) out(`\nRestart the container with: "--security-opt label=type:${name}.process" parameter`);
  return 0;
}

interface Watched {
  readonly original: string;
  readonly lesson: LearnSpec;
  readonly out: (line: string) => void;
}

async function untilNothingNew(host: Host, watched: Watched): Promise<Lesson> {
  const { name, directory } = watched.lesson;
  let before = sizeOf(readLearned(placesOf(directory, name).notes));
  for (let round = 1; round <= roundsMax; round++) {
    const lesson = await watchOnce(host, watched);
    const now = sizeOf(lesson.learned);
    if (now === before) return lesson;
    before = now;
    watched.out(`Run ${round}: ${now} rights so far`);
  }
  throw new Fault("component.failed", `cannot finish the policy "${name}": after ${roundsMax} runs there is still something new`);
}

/** The copy goes, however its run ends. */
async function watchOnce(host: Host, { original, lesson, out }: Watched): Promise<Lesson> {
  const { id, name: copy } = await clone(host, original, { learn: lesson });
  try {
    out(`Watching ${copy}; a service is ended with: podman stop ${copy}`);
    await start(host, id);
    await wait(host, { names: [id] });
    return await learnt(host, id, lesson);
  } finally {
    await remove(host, { names: [id] }, { force: true, timeout: 0 });
  }
}
