// Cuts a template's text into tokens.
// Source: Go's text/template/parse, lexer, by its documented grammar and its messages.

export type TokenKind =
  | "text" | "left" | "right" | "space" | "assign" | "declare" | "pipe" | "char" | "string" | "raw" | "rune" | "number"
  | "bool" | "field" | "variable" | "identifier" | "keyword" | "open" | "close" | "error" | "eof";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset in the template. */
  readonly at: number;
  readonly line: number;
}

const keywords = new Set([".", "block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"]);
const spaces = /[ \t\r\n]/;

/** Ends with one "eof" or one "error" token, whose text is the message. */
export function lex(text: string): Token[] {
  const lexer = new Lexer(text);
  lexer.run();
  return lexer.tokens;
}

class Lexer {
  readonly tokens: Token[] = [];
  #at = 0;
  #line = 1;
  #parens = 0;

  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  run(): void {
    while (this.#at < this.#text.length) {
      const open = this.#text.indexOf("{{", this.#at);
      const end = open < 0 ? this.#text.length : open;
      if (open >= 0 && this.#trimsLeft(open)) this.#emitTrimmed(end);
      else if (end > this.#at) this.#emit("text", end);
      if (open < 0) break;
      if (!this.#action()) return;
    }
    this.#push("eof", "");
  }

  #trimsLeft(open: number): boolean {
    return this.#text[open + 2] === "-" && spaces.test(this.#text[open + 3] ?? "");
  }

  #emitTrimmed(end: number): void {
    const kept = this.#text.slice(this.#at, end).replace(/[ \t\r\n]+$/, "").length;
    if (kept > 0) this.#emit("text", this.#at + kept);
    this.#skip(end);
  }

  #action(): boolean {
    const marker = this.#trimsLeft(this.#at) ? 4 : 2;
    if (this.#text.startsWith("/*", this.#at + marker)) return this.#comment(marker);
    this.#push("left", "{{");
    this.#skip(this.#at + marker);
    this.#parens = 0;
    for (;;) {
      const right = this.#rightDelimiter(this.#at);
      if (right !== undefined) return this.#closeAction(right);
      if (!this.#inside()) return false;
    }
  }

  #closeAction(right: { length: number; trims: boolean }): boolean {
    if (this.#parens > 0) return this.#fail("unclosed left paren");
    const end = this.#at + right.length;
    if (right.trims) this.#skip(end - 2);
    this.#emit("right", end);
    if (right.trims) this.#skipSpaces();
    return true;
  }

  #rightDelimiter(at: number): { length: number; trims: boolean } | undefined {
    if (this.#text.startsWith("}}", at)) return { length: 2, trims: false };
    const trims = spaces.test(this.#text[at] ?? "") && this.#text.startsWith("-}}", at + 1);
    return trims ? { length: 4, trims } : undefined;
  }

  #comment(marker: number): boolean {
    const end = this.#text.indexOf("*/", this.#at + marker + 2);
    if (end < 0) return this.#fail("unclosed comment");
    const right = this.#rightDelimiter(end + 2);
    if (right === undefined) return this.#fail("comment ends before closing delimiter");
    this.#skip(end + 2 + right.length);
    if (right.trims) this.#skipSpaces();
    return true;
  }

  #inside(): boolean {
    const rest = this.#text[this.#at];
    if (rest === undefined) return this.#fail("unclosed action");
    if (spaces.test(rest)) return this.#spaces();
    if (rest === "=") return this.#emit("assign", this.#at + 1);
    if (rest === ":") {
      if (this.#text[this.#at + 1] !== "=") return this.#fail("expected :=");
      return this.#emit("declare", this.#at + 2);
    }
    if (rest === "|") return this.#emit("pipe", this.#at + 1);
    if (rest === '"') return this.#quoted('"', "string", "unterminated quoted string");
    if (rest === "'") return this.#quoted("'", "rune", "unterminated character constant");
    if (rest === "`") return this.#rawQuoted();
    if (rest === "(") return this.#paren(1);
    if (rest === ")") return this.#paren(-1);
    return this.#word(rest);
  }

  #paren(step: 1 | -1): boolean {
    this.#parens += step;
    if (this.#parens < 0) return this.#fail("unexpected right paren");
    return this.#emit(step > 0 ? "open" : "close", this.#at + 1);
  }

  #word(first: string): boolean {
    const pattern = /\$?[\p{L}\p{Nd}_]*/uy;
    if (first === "." && !/[0-9]/.test(this.#text[this.#at + 1] ?? "")) return this.#field();
    if (first === "$") return this.#emitWord("variable", pattern);
    if (/[+\-.0-9]/.test(first)) return this.#number();
    if (/[\p{L}_]/u.test(first)) return this.#identifier();
    const code = first.codePointAt(0) ?? 0;
    if (code > 32 && code < 127) return this.#emit("char", this.#at + 1);
    return this.#fail(`unrecognized character in action: ${unicode(code, first)}`);
  }

  #field(): boolean {
    const pattern = /\.[\p{L}\p{Nd}_]*/uy;
    pattern.lastIndex = this.#at;
    const word = pattern.exec(this.#text)?.[0] ?? ".";
    return this.#terminated(word.length === 1 ? "keyword" : "field", word);
  }

  #emitWord(kind: TokenKind, pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return this.#terminated(kind, pattern.exec(this.#text)?.[0] ?? "");
  }

  #identifier(): boolean {
    const pattern = /[\p{L}\p{Nd}_]+/uy;
    pattern.lastIndex = this.#at;
    const word = pattern.exec(this.#text)?.[0] ?? "";
    if (keywords.has(word)) return this.#terminated("keyword", word);
    return this.#terminated(word === "true" || word === "false" ? "bool" : "identifier", word);
  }

  /** A word must end at a mark that may follow one. */
  #terminated(kind: TokenKind, word: string): boolean {
    const next = this.#text[this.#at + word.length];
    const ends = next === undefined || spaces.test(next) || ".,|:)(=".includes(next) || this.#text.startsWith("}}", this.#at + word.length);
    if (!ends && word !== ".") {
      this.#skip(this.#at + word.length);
      return this.#fail(`bad character ${unicode(next.codePointAt(0) ?? 0, next)}`);
    }
    return this.#emit(kind, this.#at + word.length);
  }

  #number(): boolean {
    const pattern = /[+-]?(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|([0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)([eE][+-]?[0-9_]+)?)/y;
    pattern.lastIndex = this.#at;
    const word = pattern.exec(this.#text)?.[0];
    const next = word === undefined ? "" : (this.#text[this.#at + word.length] ?? "");
    if (word === undefined || /[\p{L}\p{Nd}_]/u.test(next)) {
      const bad = this.#text.slice(this.#at, this.#at + (word?.length ?? 0) + 1);
      return this.#fail(`bad number syntax: ${JSON.stringify(bad)}`);
    }
    return this.#emit("number", this.#at + word.length);
  }

  #quoted(quote: string, kind: TokenKind, complaint: string): boolean {
    let at = this.#at + 1;
    while (this.#text[at] !== quote) {
      if (at >= this.#text.length || this.#text[at] === "\n") return this.#fail(complaint);
      at += this.#text[at] === "\\" && this.#text[at + 1] !== "\n" ? 2 : 1;
    }
    return this.#emit(kind, at + 1);
  }

  #rawQuoted(): boolean {
    const end = this.#text.indexOf("`", this.#at + 1);
    return end < 0 ? this.#fail("unterminated raw quoted string") : this.#emit("raw", end + 1);
  }

  #spaces(): boolean {
    let end = this.#at;
    while (spaces.test(this.#text[end] ?? "")) {
      if (end > this.#at && this.#rightDelimiter(end) !== undefined) break;
      end++;
    }
    return this.#emit("space", end);
  }

  #skipSpaces(): void {
    let end = this.#at;
    while (spaces.test(this.#text[end] ?? "")) end++;
    this.#skip(end);
  }

  #emit(kind: TokenKind, end: number): true {
    this.#push(kind, this.#text.slice(this.#at, end));
    this.#skip(end);
    return true;
  }

  #push(kind: TokenKind, text: string): void {
    this.tokens.push({ kind, text, at: this.#at, line: this.#line });
  }

  #skip(end: number): void {
    for (let at = this.#at; at < end; at++) if (this.#text[at] === "\n") this.#line++;
    this.#at = end;
  }

  #fail(message: string): false {
    this.#push("error", message);
    return false;
  }
}

function unicode(code: number, shown: string): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")} '${shown}'`;
}
