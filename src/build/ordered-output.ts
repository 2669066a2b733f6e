// What stages print while they run side by side, in the order of the stages: the first unfinished one is live, the others wait.

import type { Console } from "./shared.ts";

interface Piece {
  readonly to: "out" | "err";
  readonly data: string | Uint8Array;
}

export class OrderedOutput {
  readonly #target: Console;
  readonly #held: Piece[][];
  readonly #ended: boolean[];
  #live = 0;

  constructor(stages: number, target: Console) {
    this.#target = target;
    this.#held = Array.from({ length: stages }, () => []);
    this.#ended = Array.from({ length: stages }, () => false);
  }

  of(position: number): Console {
    const put = (to: Piece["to"]) => (data: string | Uint8Array): void => {
      if (position === this.#live) this.#target[to](data);
      // Buffers of whoever prints are used again.
      else this.#held[position]!.push({ to, data: typeof data === "string" ? data : data.slice() });
    };
    return { out: put("out"), err: put("err") };
  }

  end(position: number): void {
    this.#ended[position] = true;
    while (this.#live < this.#held.length && this.#ended[this.#live]) {
      this.#live++;
      this.#print(this.#live);
    }
  }

  /** Whatever is still held, after a failure. */
  flush(): void {
    for (let position = this.#live; position < this.#held.length; position++) this.#print(position);
  }

  #print(position: number): void {
    const held = this.#held[position];
    if (held === undefined) return;
    for (const { to, data } of held.splice(0)) this.#target[to](data);
  }
}
