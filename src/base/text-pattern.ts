// Patterns over text whose matching takes time in proportion to text and pattern, whoever wrote them: all ways through are followed at once.
// A regular expression would try them one after the other, for ever where there are many stars.

/** One part of a pattern; "folders" is nothing, or anything up to and with a slash. */
export type Part = "name" | "all" | "folders" | ((character: string) => boolean);

export interface TextPattern {
  /** How many parts it has. */
  readonly length: number;
  /** Whether all of the text fits. */
  test(text: string): boolean;
  /** Where a fitting piece of the text that begins at `from` may end, ascending; in UTF-16 units as `slice` counts. */
  ends(text: string, from?: number): number[];
  /** For text that is read from its end. */
  reversed(): TextPattern;
}

/** "skip" may be passed over with the one after it; "through" takes anything, and lets on after a slash. */
type Step = "name" | "all" | "skip" | "through" | ((character: string) => boolean);

export function textPattern(parts: readonly Part[]): TextPattern {
  const steps = parts.flatMap((part): Step[] => part === "folders" ? ["skip", "through"] : [part]);
  return {
    length: steps.length,
    test: text => ends(steps, text, 0).at(-1) === text.length,
    ends: (text, from = 0) => ends(steps, text, from),
    reversed: () => textPattern([...parts].reverse()),
  };
}

function ends(steps: readonly Step[], text: string, from: number): number[] {
  let now = new Uint8Array(steps.length + 1);
  let next = new Uint8Array(steps.length + 1);
  now[0] = 1;
  passOver(steps, now);
  const found = now[steps.length] === 1 ? [from] : [];
  for (let at = from; at < text.length; ) {
    const character = String.fromCodePoint(text.codePointAt(at)!);
    at += character.length;
    next.fill(0);
    if (!advance(steps, { now, next, character })) break;
    passOver(steps, next);
    if (next[steps.length] === 1) found.push(at);
    [now, next] = [next, now];
  }
  return found;
}

interface Move {
  readonly now: Uint8Array;
  readonly next: Uint8Array;
  readonly character: string;
}

/** Whether any way goes on. */
function advance(steps: readonly Step[], { now, next, character }: Move): boolean {
  let isAlive = false;
  for (const [place, step] of steps.entries()) {
    if (now[place] !== 1 || step === "skip") continue;
    const stays = step === "all" || step === "through" || (step === "name" && character !== "/");
    const goesOn = (step === "through" && character === "/") || (typeof step === "function" && step(character));
    if (stays) next[place] = 1;
    if (goesOn) next[place + 1] = 1;
    isAlive ||= stays || goesOn;
  }
  return isAlive;
}

function passOver(steps: readonly Step[], places: Uint8Array): void {
  for (const [place, step] of steps.entries()) {
    if (places[place] !== 1) continue;
    if (step === "name" || step === "all") places[place + 1] = 1;
    else if (step === "skip") places[place + 1] = places[place + 2] = 1;
  }
}
