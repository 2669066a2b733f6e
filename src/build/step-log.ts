// What a stage says of its steps as it goes, in buildah's words.
// Source: buildah-build(1).

import { withoutUserinfo } from "../base/address.ts";
import type { StoredImage } from "../storage/store.ts";
import type { Instruction } from "./containerfile/instruction.ts";
import type { PlannedStage } from "./plan.ts";
import type { Console, Shared } from "./shared.ts";

export class StepLog {
  /** Of the step lines, the first line FROM among them. */
  total = 0;
  readonly #shared: Shared;
  readonly #console: Console;
  readonly #prefix: string;
  #steps = 0;

  constructor(shared: Shared, { position }: PlannedStage, console: Console) {
    const stages = shared.plan.stages.length;
    this.#shared = shared;
    this.#console = console;
    this.#prefix = `${shared.request.logPrefix}${stages > 1 ? `[${position + 1}/${stages}] ` : ""}`;
  }

  step(text: string): void {
    const line = `${this.#prefix}STEP ${++this.#steps}/${this.total}: ${withoutUserinfo(text)}`;
    if (!this.#shared.request.quiet) this.#console.step(line);
  }

  say(text: string): void {
    if (!this.#shared.request.quiet) this.#console.out(text);
  }

  id(image: StoredImage): void {
    if (this.#shared.request.showsStepId) this.say(`--> ${image.id.slice(0, 12)}\n`);
  }

  commit(): void {
    const name = this.#shared.request.shownTag ?? this.#shared.request.tags[0];
    this.say(`${this.#prefix}COMMIT${name === undefined ? "" : ` ${name}`}\n`);
  }
}

/** As it was written; of heredocs only the first line. */
export function shownInstruction({ original, heredocs }: Instruction): string {
  const documents = heredocs.map(({ content }) => {
    const [first = "", ...more] = content.trim().split("\n");
    return ` (${first}${more.length > 0 ? "..." : ""})`;
  });
  return original + documents.join("");
}
