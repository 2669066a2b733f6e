// What is fuzzed: a function that takes input from outside, samples to begin with, and what must hold whatever comes in.

import fc from "fast-check";
import { Fault } from "../../src/base/fault.ts";

export interface Target {
  readonly name: string;
  /** Valid inputs, which are mutated. */
  readonly samples: readonly Uint8Array[];
  /** Words of the format, put in here and there. */
  readonly words: readonly string[];
  /** Takes the input in; a Fault refuses it, anything else that is thrown is a defect. */
  take(input: Uint8Array): unknown;
  /** Where the samples are not all good. */
  readonly mayRefuseSamples?: boolean;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const bytesOf = (texts: readonly string[]): Uint8Array[] => texts.map(encode);
export const textOf = (input: Uint8Array): string => new TextDecoder().decode(input);

/** One change: where, how many bytes go, and what comes. */
interface Edit {
  readonly at: number;
  readonly cut: number;
  readonly put: Uint8Array;
}

const edges = [0, 1, 0x7f, 0x80, 0xff].map(byte => Uint8Array.of(byte));
const numbers = ["-1", "0", "4294967296", "9223372036854775808", "18446744073709551616", "1e999", "99999999999999999999", "NaN"].map(encode);

function edit(words: readonly string[]): fc.Arbitrary<Edit> {
  const put = fc.oneof(
    fc.constant(new Uint8Array()), fc.constantFrom(...edges, ...numbers), fc.uint8Array({ maxLength: 8 }),
    fc.string({ unit: "binary", maxLength: 6 }).map(encode), ...(words.length > 0 ? [fc.constantFrom(...words.map(encode))] : []),
    fc.tuple(fc.constantFrom(...(words.length > 0 ? words : ["a"])), fc.integer({ min: 2, max: 4000 })).map(([word, times]) => encode(word.repeat(times).slice(0, 40_000))),
  );
  return fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 2000 })), put });
}

function edited(sample: Uint8Array, edits: readonly Edit[]): Uint8Array {
  let bytes = sample;
  for (const { at, cut, put } of edits) {
    const place = Math.floor(at * bytes.length);
    bytes = Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(Math.min(bytes.length, place + cut))]);
  }
  return bytes;
}

/** Samples with changes, two of them joined, and noise. */
export function inputs({ samples, words }: Target): fc.Arbitrary<Uint8Array> {
  const sample = fc.constantFrom(...samples);
  const changed = fc.tuple(sample, fc.array(edit(words), { minLength: 1, maxLength: 6 })).map(([one, edits]) => edited(one, edits));
  const joined = fc.tuple(sample, sample, fc.double({ min: 0, max: 1, noNaN: true })).map(([one, other, at]) =>
    Buffer.concat([one.subarray(0, Math.floor(at * one.length)), other.subarray(Math.floor(at * other.length))]) as Uint8Array);
  const composed = fc.array(words.length > 0 ? fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })) : fc.string(), { maxLength: 30 }).map(parts => encode(parts.join("")));
  return fc.oneof({ arbitrary: changed, weight: 6 }, { arbitrary: joined, weight: 1 }, { arbitrary: composed, weight: 3 }, { arbitrary: fc.uint8Array({ maxLength: 200 }), weight: 1 });
}

/** No input of these sizes may keep a command busy for longer, on a slow machine with others beside. */
const msMax = 3000;

/** The Faults that refuse are told from defects by their class; time is bounded too. */
export async function holds({ take }: Target, input: Uint8Array): Promise<void> {
  const begun = performance.now();
  try {
    await take(input);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
  }
  const tookMs = performance.now() - begun;
  if (tookMs > msMax) throw new Error(`it took ${tookMs.toFixed(0)} ms over ${input.length} bytes`);
}

export const propertyOf = (target: Target): fc.IAsyncProperty<[Uint8Array]> => fc.asyncProperty(inputs(target), input => holds(target, input));

export function same(one: unknown, other: unknown, what: string): void {
  if (!Bun.deepEquals(one, other)) throw new Error(`${what}: ${JSON.stringify(one)} became ${JSON.stringify(other)}`);
}
