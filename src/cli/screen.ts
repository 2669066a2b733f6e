// The lower end of a terminal, drawn again and again, and lines above it that stay.

import { harmless, writeErr } from "./output.ts";

export interface Screen {
  /** Whole lines that stay, above what is shown. */
  print(text: string): void;
  /** What is shown from now on, in the place of what was before. Lines are cut to the width, and only so many are shown as fit. */
  show(lines: readonly string[]): void;
  /** Takes away what is shown, so that the terminal is another's. */
  clear(): void;
}

const usualSize = { rows: 24, columns: 80 };
const sequences = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\0-\x08\x0b-\x1f\x7f-\x9f]/g;

/** The terminal's, asked for anew each time. Where there is none, what most once were. */
function sizeNow(): { rows: number; columns: number } {
  const [columns = 0, rows = 0] = process.stderr.isTTY ? process.stderr.getWindowSize() : [];
  return columns > 0 && rows > 0 ? { rows, columns } : usualSize;
}

/** On standard error. */
export function newScreen({ write = writeErr, size = sizeNow } = {}): Screen {
  let drawn = 0;
  let shown: readonly string[] = [];
  const erased = (): string => (drawn > 0 ? `\x1b[${drawn}A\x1b[J` : "");
  const draw = (above: string): void => {
    const { rows, columns } = size();
    const lines = shown.slice(0, Math.max(0, rows - 1));
    write(erased() + above + lines.map(line => `${fitted(line, columns)}\n`).join(""));
    drawn = lines.length;
  };
  return {
    print: text => draw(text.split("\n").map(line => harmless(line, 2)).join("\n")),
    show(lines) {
      shown = lines;
      draw("");
    },
    clear() {
      shown = [];
      if (drawn > 0) draw("");
    },
  };
}

/** One line of the terminal: nothing that steers it, and not wider than it. */
function fitted(line: string, columns: number): string {
  const plain = line.replaceAll("\t", "    ").replace(sequences, "");
  if (plain.length < columns && /^[\x20-\x7e]*$/.test(plain)) return plain;
  let width = 0;
  let text = "";
  for (const letter of plain) {
    width += Bun.stringWidth(letter);
    if (width >= columns) return text;
    text += letter;
  }
  return text;
}
