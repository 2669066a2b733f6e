// What stages do, on a terminal: each running step with its time and the last lines of its program; steps that are done stay above.

import type { Console, StageOutput } from "./shared.ts";

/** Where it is drawn. */
export interface Drawing {
  print(text: string): void;
  show(lines: readonly string[]): void;
  clear(): void;
}

const redrawMs = 100;
const linesShown = 4;
const partialMax = 4096;

interface Running {
  readonly line: string;
  readonly since: number;
  isCached: boolean;
  lines: string[];
  partial: string;
}

export class LiveOutput implements StageOutput {
  readonly #drawing: Drawing;
  readonly #running = new Map<number, Running>();
  readonly #timer: ReturnType<typeof setInterval>;
  #isOver = false;

  constructor(drawing: Drawing) {
    this.#drawing = drawing;
    this.#timer = setInterval(() => this.#draw(), redrawMs);
  }

  of(position: number): Console {
    const decoder = new TextDecoder();
    const said = (data: string | Uint8Array): void => this.#said(position, typeof data === "string" ? data : decoder.decode(data, { stream: true }));
    return {
      out: said,
      err: said,
      step: line => {
        this.#finish(position, "done");
        this.#running.set(position, { line, since: performance.now(), isCached: false, lines: [], partial: "" });
        this.#draw();
      },
      report: text => {
        this.#finish(position, "failed");
        this.#drawing.print(text);
      },
      yield: () => this.#stop(),
    };
  }

  end(position: number): void {
    this.#finish(position, "done");
  }

  fail(position: number): void {
    this.#finish(position, "failed");
  }

  flush(): void {
    for (const position of this.#running.keys()) this.#finish(position, "failed");
    this.#stop();
  }

  #stop(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#drawing.clear();
  }

  #said(position: number, text: string): void {
    const running = this.#running.get(position);
    if (running === undefined) return this.#drawing.print(text.endsWith("\n") ? text : `${text}\n`);
    if (text.startsWith("--> Using cache ")) running.isCached = true;
    // Of a line that its program writes over and over, the newest.
    const pieces = (running.partial + text).split("\n").map(piece => piece.slice(piece.replace(/\r$/, "").lastIndexOf("\r") + 1));
    running.partial = pieces.pop()!.slice(-partialMax);
    running.lines = [...running.lines, ...pieces.filter(piece => piece.trim() !== "")].slice(-linesShown);
  }

  #finish(position: number, how: "done" | "failed"): void {
    const running = this.#running.get(position);
    if (running === undefined) return;
    this.#running.delete(position);
    const mark = how === "failed" ? "✘" : "✔";
    const end = running.isCached && how === "done" ? "cached" : elapsed(running.since);
    this.#drawing.print(`${mark} ${running.line}  ${end}\n`);
    this.#draw();
  }

  #draw(): void {
    if (this.#isOver) return;
    const inOrder = [...this.#running].sort(([a], [b]) => a - b).map(([, running]) => running);
    this.#drawing.show(inOrder.flatMap(running => [
      `● ${running.line.split("\n")[0]!}  ${elapsed(running.since)}`,
      ...[...running.lines, running.partial].filter(line => line !== "").slice(-linesShown).map(line => `  │ ${line}`),
    ]));
  }
}

/** 0.4s, 12.0s, 2m05s. */
function elapsed(since: number): string {
  const seconds = (performance.now() - since) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  return `${Math.floor(seconds / 60)}m${String(Math.floor(seconds % 60)).padStart(2, "0")}s`;
}
