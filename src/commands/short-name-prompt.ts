// Asks on a terminal which registry a short name means.

import { askLine } from "../cli/prompt.ts";
import { writeErr } from "../cli/output.ts";
import { isTerminal } from "../cli/prompt.ts";

/** The asking function, where there is a person to ask. */
export const prompter = (): typeof askWhich | undefined => (isTerminal(0) && isTerminal(2) ? askWhich : undefined);

/** The chosen one; undefined without an answer. */
async function askWhich(question: string, choices: readonly string[]): Promise<string | undefined> {
  writeErr(`${question}\n${choices.map((choice, index) => `  ${index + 1}) ${choice}\n`).join("")}`);
  for (let tries = 0; tries < 3; tries++) {
    writeErr(`number (1-${choices.length}, 1 when empty): `);
    const answer = await askLine();
    if (answer === undefined) return undefined;
    const chosen = choices[(answer.trim() === "" ? 1 : Number(answer.trim())) - 1];
    if (chosen !== undefined) return chosen;
  }
  return undefined;
}
