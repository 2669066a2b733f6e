// Asks on a terminal which registry a short name means.

import { askLine } from "../cli/prompt.ts";
import { writeErr } from "../cli/output.ts";
import { isTerminal } from "../cli/prompt.ts";

/** The chosen one; undefined without a terminal or an answer. */
export async function askWhich(question: string, choices: readonly string[]): Promise<string | undefined> {
  if (!isTerminal(0) || !isTerminal(2)) return undefined;
  writeErr(`${question}\n${choices.map((choice, index) => `  ${index + 1}) ${choice}\n`).join("")}`);
  for (let tries = 0; tries < 3; tries++) {
    writeErr(`number (1-${choices.length}): `);
    const answer = await askLine();
    if (answer === undefined) return undefined;
    const chosen = choices[Number(answer.trim()) - 1];
    if (chosen !== undefined) return chosen;
  }
  return undefined;
}
