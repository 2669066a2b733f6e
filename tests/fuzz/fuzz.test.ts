// A short run of every fuzz target, from a seed that changes, and the inputs that once broke something; `make fuzz` goes on for FUZZ_SECONDS.

import fc from "fast-check";
import { expect, test } from "bun:test";
import { propertyOf, holds } from "./target.ts";
import { targets } from "./targets.ts";
import found from "./found.json";

const runs = 400;
/** A slow machine does fewer. */
const msMax = 4000;

for (const target of targets) {
  test(`${target.name} takes or refuses whatever comes`, async () => {
    await fc.assert(propertyOf(target), { numRuns: runs, interruptAfterTimeLimit: msMax });
  });
  test(`${target.name} takes its samples`, async () => {
    // Else everything is refused at the door, and nothing behind it is tried.
    for (const sample of target.samples) await (target.mayRefuseSamples ? holds(target, sample) : target.take(sample));
  });
}

for (const { target: name, input, what } of found) {
  test(`found once: ${name}: ${what}`, async () => {
    const target = targets.find(one => one.name === name);
    expect(target).toBeDefined();
    await holds(target!, Uint8Array.from(Buffer.from(input, "base64")));
  });
}
