// Progress of copies on standard error: bars where a person watches, one plain line a thing otherwise.

import { humanBinarySize } from "../base/bytes.ts";
import { writeErr } from "./output.ts";
import { isTerminal } from "./prompt.ts";

const redrawMs = 100;
const barCells = 40;

interface Item {
  readonly label: string;
  /** Bytes; 0 when unknown. */
  total: number;
  done: number;
  note: string | undefined;
}

export interface Progress {
  /** A line of its own, above the bars. */
  line(text: string): void;
  /** Begins a thing, such as "Copying blob 3c2cba919283"; a second call with the same key changes its total. */
  start(key: string, label: string, totalBytes?: number): void;
  advance(key: string, doneBytes: number): void;
  /** @param note "done" unless it was spared: "skipped: already exists" */
  finish(key: string, note?: string): void;
  /** Draws the last state; must be called before anything else is printed. */
  end(): void;
}

/** @param quiet nothing is printed at all */
export function newProgress(options: { quiet?: boolean; terminal?: boolean; write?: (text: string) => void } = {}): Progress {
  if (options.quiet) return { line() {}, start() {}, advance() {}, finish() {}, end() {} };
  const write = options.write ?? writeErr;
  return (options.terminal ?? isTerminal(2)) ? bars(write) : plainLines(write);
}

function plainLines(write: (text: string) => void): Progress {
  const started = new Set<string>();
  return {
    line: (text) => write(`${text}\n`),
    start(key, label) {
      if (!started.has(key)) write(`${label}\n`);
      started.add(key);
    },
    advance() {},
    finish() {},
    end() {},
  };
}

function bars(write: (text: string) => void): Progress {
  const items = new Map<string, Item>();
  let drawn = 0;
  let drawnAt = 0;
  const erase = (): string => (drawn > 0 ? `\x1b[${drawn}A\x1b[J` : "");
  const draw = (above = ""): void => {
    write(erase() + above + [...items.values()].map((item) => `${bar(item)}\n`).join(""));
    drawn = items.size;
    drawnAt = Date.now();
  };
  const drawSoon = (): void => {
    if (Date.now() - drawnAt >= redrawMs) draw();
  };
  return {
    line: (text) => draw(`${text}\n`),
    start(key, label, totalBytes = 0) {
      const item = items.get(key);
      if (item === undefined) items.set(key, { label, total: totalBytes, done: 0, note: undefined });
      else item.total = totalBytes;
      draw();
    },
    advance(key, doneBytes) {
      const item = items.get(key);
      if (item !== undefined) item.done = doneBytes;
      drawSoon();
    },
    finish(key, note = "done") {
      const item = items.get(key);
      if (item !== undefined) item.note = note;
      draw();
    },
    end() {
      draw();
      items.clear();
      drawn = 0;
    },
  };
}

function bar(item: Item): string {
  if (item.note !== undefined) return `${item.label} ${item.note}`;
  if (item.total <= 0) return `${item.label} ${humanBinarySize(item.done)}`;
  const cells = Math.min(barCells, Math.floor((item.done / item.total) * barCells));
  const picture = "=".repeat(cells).padEnd(barCells, "-");
  return `${item.label} [${picture}] ${humanBinarySize(item.done)} / ${humanBinarySize(item.total)}`;
}
