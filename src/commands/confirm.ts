// A question that must be answered with yes before something is lost.

import { askLine } from "../cli/prompt.ts";
import type { Invocation } from "./verb.ts";

/** Whether the answer was yes; end of input is no. */
export async function confirm(context: Invocation, question: string): Promise<boolean> {
  context.write(question);
  const answer = await askLine();
  return answer !== undefined && /^y(es)?$/i.test(answer.trim());
}
