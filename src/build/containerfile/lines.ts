// A Containerfile's text as logical lines: directives read, comments dropped, continued lines joined, heredocs gathered.
// Source: Containerfile(5), "FORMAT"; Dockerfile reference, "Parser directives", "Here-documents".

import { Fault } from "../../base/fault.ts";
import type { Heredoc } from "./instruction.ts";
import { heredocsOf } from "./heredoc.ts";

export interface LogicalLine {
  readonly text: string;
  /** 1-based, of the first and last physical line. */
  readonly line: number;
  readonly endLine: number;
  readonly heredocs: readonly Heredoc[];
}

export interface SourceLines {
  readonly lines: readonly LogicalLine[];
  /** "\" or "`". */
  readonly escape: string;
  /** Directives by lower-case name: "syntax", "escape", "check". */
  readonly directives: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

export const malformed = (message: string, hint?: string): Fault => new Fault("containerfile.malformed", message, hint ? { hint } : {});

export const containerfileBytesMax = 8 * 1024 * 1024;
const directiveNames = ["syntax", "escape", "check", "platform"];

/** @throws Fault "containerfile.malformed", "input.too-large" */
export function readLines(source: string): SourceLines {
  if (source.length > containerfileBytesMax) {
    throw new Fault("input.too-large", `cannot read the Containerfile: it is larger than ${containerfileBytesMax / 1024 / 1024} MiB`, {
      hint: "put large data into the context and use COPY",
    });
  }
  return new LineReader(source).read();
}

const isComment = (text: string): boolean => text.startsWith("#");

class LineReader {
  readonly #physical: readonly string[];
  #at = 0;
  #continuation = /\\[ \t]*$/;
  readonly #directives = new Map<string, string>();
  readonly #warnings: string[] = [];

  constructor(source: string) {
    this.#physical = source.replace(/^\uFEFF/, "").split("\n").map(line => line.replace(/\r$/, ""));
    if (this.#physical.at(-1) === "") (this.#physical as string[]).pop();
  }

  read(): SourceLines {
    this.#readDirectives();
    const lines: LogicalLine[] = [];
    while (this.#at < this.#physical.length) {
      const line = this.#next();
      if (line !== undefined) lines.push(line);
    }
    if (this.#warnings.length > 0) this.#warnings.push("[WARNING]: Empty continuation lines will become errors in a future release.");
    return { lines, escape: this.#directives.get("escape") ?? "\\", directives: this.#directives, warnings: this.#warnings };
  }

  /** Only at the very top; the first other line ends them. */
  #readDirectives(): void {
    for (let at = 0; at < this.#physical.length; at++) {
      const found = /^#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.*?)[ \t]*$/.exec(this.#physical[at]!.trimStart());
      const name = found?.[1]?.toLowerCase();
      if (name === undefined || !directiveNames.includes(name)) return;
      if (this.#directives.has(name)) throw malformed(`only one ${name} parser directive can be used`, `remove line ${at + 1}`);
      const value = name === "escape" ? found![2]!.slice(0, 1) : found![2]!;
      if (name === "escape") this.#setEscape(value);
      this.#directives.set(name, value);
    }
  }

  #setEscape(value: string): void {
    if (value !== "`" && value !== "\\") throw malformed(`invalid ESCAPE '${value}'. Must be \` or \\`);
    this.#continuation = value === "`" ? /`[ \t]*$/ : /\\[ \t]*$/;
  }

  #next(): LogicalLine | undefined {
    const start = this.#at + 1;
    let { text, ends } = this.#trimmed(this.#physical[this.#at++]!.trimStart());
    if (ends && text === "") return undefined;
    let hasEmpty = false;
    while (!ends && this.#at < this.#physical.length) {
      const raw = this.#physical[this.#at++]!;
      if (isComment(raw.trimStart())) continue;
      if (raw.trim() === "") {
        hasEmpty = true;
        continue;
      }
      const next = this.#trimmed(raw);
      text += next.text;
      ends = next.ends;
    }
    if (text.trim() === "") return undefined;
    if (hasEmpty) this.#warnings.push(`[WARNING]: Empty continuation line found in:\n    ${text}`);
    const heredocs = this.#heredocs(text, start);
    return { text, line: start, endLine: this.#at, heredocs };
  }

  #trimmed(raw: string): { text: string; ends: boolean } {
    const line = isComment(raw) ? "" : raw;
    const found = this.#continuation.exec(line);
    return found === null ? { text: line, ends: true } : { text: line.slice(0, found.index), ends: false };
  }

  #heredocs(text: string, line: number): Heredoc[] {
    return heredocsOf(text).map(marker => {
      const content: string[] = [];
      for (;;) {
        const raw = this.#physical[this.#at++];
        if (raw === undefined) throw malformed(`${marker.name}: unterminated heredoc`, `end the document that begins in line ${line} with a line "${marker.name}"`);
        if ((marker.chomp ? raw.replace(/^\t+/, "") : raw) === marker.name) break;
        content.push(raw);
      }
      const lines = marker.chomp ? content.map(one => one.replace(/^\t+/, "")) : content;
      return { ...marker, content: lines.map(one => `${one}\n`).join("") };
    });
  }
}
