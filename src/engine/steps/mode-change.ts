// --chmod: an octal mode, or changes as chmod(1) writes them.
// Source: chmod(1); Dockerfile reference, "COPY --chmod".

import { Fault } from "../../base/fault.ts";

/** The new mode from the old one; X sees whether it is a directory. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

const clause = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/;
const shifts: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

/** @throws Fault "usage.invalid" worded `parsing chmod "x"` */
export function readModeChange(written: string): ModeChange {
  if (/^0*[0-7]{1,4}$/.test(written)) {
    const mode = Number.parseInt(written, 8);
    return () => mode;
  }
  const clauses = written.split(",").map(one => clause.exec(one));
  if (clauses.some(one => one === null)) {
    throw new Fault("usage.invalid", `parsing chmod ${JSON.stringify(written)}: invalid syntax`, { hint: "write octal digits, such as 755, or changes, such as u=rwX,go=rX" });
  }
  const steps = clauses.flatMap(found => stepsOf(found![1]!, found![2]!));
  return (mode, isDirectory) => steps.reduce((now, step) => step(now, isDirectory), mode);
}

function stepsOf(who: string, operations: string): ModeChange[] {
  const classes = who === "" || who.includes("a") ? ["u", "g", "o"] : [...new Set(who)];
  return [...operations.matchAll(/([-+=])([rwxXstugo]*)/g)].map(([, operator, permissions]) => (mode, isDirectory) => {
    let mask = 0;
    let bits = 0;
    for (const one of classes) {
      const shift = shifts[one]!;
      mask |= 7 << shift;
      bits |= bitsOf(permissions!, mode, isDirectory) << shift;
    }
    if (permissions!.includes("s")) bits |= (classes.includes("u") ? 0o4000 : 0) | (classes.includes("g") ? 0o2000 : 0);
    if (permissions!.includes("t")) bits |= 0o1000;
    if (operator === "+") return mode | bits;
    if (operator === "-") return mode & ~bits;
    return (mode & ~mask) | bits;
  });
}

function bitsOf(permissions: string, mode: number, isDirectory: boolean): number {
  let bits = 0;
  for (const one of permissions) {
    if (one === "r") bits |= 4;
    else if (one === "w") bits |= 2;
    else if (one === "x" || (one === "X" && (isDirectory || (mode & 0o111) !== 0))) bits |= 1;
    else if (one in shifts) bits |= (mode >> shifts[one]!) & 7;
  }
  return bits;
}
