// What stages print while they run side by side, in the order of the stages: the first unfinished one is live, the others wait.

import type { Console, StageOutput } from "./shared.ts";

interface Piece {
  readonly to: "out" | "err";
  readonly data: string | Uint8Array;
}

const heldBytesMax = 64 * 1024 * 1024;

export class OrderedOutput implements StageOutput {
  readonly #target: Pick<Console, "out" | "err">;
  readonly #held: Piece[][];
  readonly #ended: boolean[];
  readonly #heldBytes: number[];
  #live = 0;

  constructor(stages: number, target: Pick<Console, "out" | "err">) {
    this.#target = target;
    this.#held = Array.from({ length: stages }, () => []);
    this.#heldBytes = Array.from({ length: stages }, () => 0);
    this.#ended = Array.from({ length: stages }, () => false);
  }

  of(position: number): Console {
    const put = (to: Piece["to"]) => (data: string | Uint8Array): void => {
      if (position === this.#live) return this.#target[to](data);
      const before = this.#heldBytes[position]!;
      this.#heldBytes[position] = before + data.length;
      if (before > heldBytesMax) return;
      // Buffers of whoever prints are used again.
      this.#held[position]!.push({ to, data: typeof data === "string" ? data : data.slice() });
      if (before + data.length > heldBytesMax) this.#held[position]!.push({ to: "err", data: "\n(more than 64 MiB were printed while this stage had to wait: the rest is left out)\n" });
    };
    return { out: put("out"), err: put("err"), step: line => put("out")(`${line}\n`), report: put("err"), yield() {} };
  }

  end(position: number): void {
    this.#ended[position] = true;
    while (this.#live < this.#held.length && this.#ended[this.#live]) {
      this.#live++;
      this.#print(this.#live);
    }
  }

  fail(position: number): void {
    this.end(position);
  }

  flush(): void {
    for (let position = this.#live; position < this.#held.length; position++) this.#print(position);
  }

  #print(position: number): void {
    const held = this.#held[position];
    if (held === undefined) return;
    for (const { to, data } of held.splice(0)) this.#target[to](data);
  }
}
