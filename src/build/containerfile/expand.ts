// Variables in a word: quotes and escapes taken away, $x, ${x}, ${x:-y} and their kin put in.
// Source: Dockerfile reference, "Environment replacement".

import { globPattern } from "../../base/go-glob.ts";
import type { TextPattern } from "../../base/text-pattern.ts";
import { malformed } from "./lines.ts";

export type Variables = ReadonlyMap<string, string>;

export interface ExpandOptions {
  /** Default "\". */
  readonly escape?: string;
  /** Quotes and escapes stay as they are: in here-documents. */
  readonly raw?: boolean;
}

/** One word. @throws Fault "containerfile.malformed" */
export function expandWord(word: string, variables: Variables, options: ExpandOptions = {}): string {
  return new Expander(word, variables, options).until("").text;
}

/** As `expandWord`, then split at white space that was not quoted. */
export function expandWords(word: string, variables: Variables, options: ExpandOptions = {}): string[] {
  return new Expander(word, variables, options).until("").words;
}

interface Expanded {
  readonly text: string;
  readonly words: string[];
  /** The character it ended at; "" at the end. */
  readonly stop: string;
}

const depthMax = 32;

class Expander {
  readonly #word: readonly string[];
  readonly #whole: string;
  readonly #variables: Variables;
  readonly #options: ExpandOptions;
  readonly #escape: string;
  #at = 0;
  #depth = 0;

  constructor(word: string, variables: Variables, options: ExpandOptions) {
    this.#word = [...word];
    this.#whole = word;
    this.#variables = variables;
    this.#options = options;
    this.#escape = options.escape ?? "\\";
  }

  /** @param stops where to end, that character being taken; "" means the end of the word */
  until(stops: string): Expanded {
    let text = "";
    const split = new Splitter();
    while (this.#at < this.#word.length) {
      const one = this.#word[this.#at]!;
      if (stops.includes(one)) {
        this.#at++;
        return { text, words: split.end(), stop: one };
      }
      const piece = this.#piece(one);
      if (piece.isQuoted) split.add(piece.text);
      else split.addLoose(piece.text);
      text += piece.text;
    }
    if (stops !== "") throw malformed(`unexpected end of statement while looking for matching ${stops}`);
    return { text, words: split.end(), stop: "" };
  }

  #piece(one: string): { text: string; isQuoted: boolean } {
    const { raw } = this.#options;
    if (one === "'" && !raw) return { text: this.#single(), isQuoted: true };
    if (one === '"' && !raw) return { text: this.#double(), isQuoted: true };
    if (one === "$") return { text: this.#dollar(), isQuoted: false };
    this.#at++;
    if (one !== this.#escape) return { text: one, isQuoted: false };
    const next = this.#word[this.#at];
    if (next === undefined) return { text: raw ? one : "", isQuoted: false };
    if (raw && next !== "$") return { text: one, isQuoted: false };
    this.#at++;
    return { text: next, isQuoted: true };
  }

  #single(): string {
    const end = this.#word.indexOf("'", this.#at + 1);
    if (end < 0) throw malformed("unexpected end of statement while looking for matching single-quote");
    const text = this.#word.slice(this.#at + 1, end).join("");
    this.#at = end + 1;
    return text;
  }

  #double(): string {
    let text = "";
    this.#at++;
    for (;;) {
      const one = this.#word[this.#at];
      if (one === undefined) throw malformed("unexpected end of statement while looking for matching double-quote");
      if (one === "$") {
        text += this.#dollar();
        continue;
      }
      this.#at++;
      if (one === '"') return text;
      const next = this.#word[this.#at];
      if (one === this.#escape && next === undefined) continue;
      const isEscape = one === this.#escape && (next === '"' || next === "$" || next === this.#escape);
      if (isEscape) this.#at++;
      text += isEscape ? next! : one;
    }
  }

  #dollar(): string {
    this.#at++;
    if (this.#word[this.#at] !== "{") {
      const name = this.#name();
      return name === "" ? "$" : this.#value(name) ?? "";
    }
    if (++this.#depth > depthMax) throw malformed(`too many nested substitutions: ${this.#whole.slice(0, 80)}`);
    this.#at++;
    const text = this.#braced(this.#name());
    this.#depth--;
    return text;
  }

  #value(name: string): string | undefined {
    return this.#variables.get(name);
  }

  #name(): string {
    const first = this.#word[this.#at];
    if (first === undefined) return "";
    if (/[0-9]/.test(first) || /[@*#?!-]/.test(first) && this.#word[this.#at + 1] === "}") {
      this.#at++;
      return first;
    }
    let name = "";
    while (this.#at < this.#word.length && /[\p{L}\p{N}_]/u.test(this.#word[this.#at]!)) name += this.#word[this.#at++];
    return name;
  }

  #braced(name: string): string {
    const one = this.#word[this.#at++];
    switch (one) {
      case "}":
        if (name === "") throw malformed(`bad substitution: ${this.#whole}`);
        return this.#value(name) ?? "";
      case ":":
        return this.#alternative(name, this.#word[this.#at++] ?? "", true);
      case "-": case "+": case "?":
        return this.#alternative(name, one, false);
      case "#": case "%":
        return this.#stripped(name, one);
      case "/":
        return this.#replaced(name);
      default:
        throw malformed(`Missing ':' or '#' or '%' or '/' in substitution: ${this.#whole}`);
    }
  }

  /** @param emptyCounts an empty value is as good as none */
  #alternative(name: string, modifier: string, emptyCounts: boolean): string {
    const { text } = this.until("}");
    const value = this.#value(name);
    const isSet = value !== undefined && !(emptyCounts && value === "");
    if (modifier === "+") return isSet ? text : "";
    if (modifier === "-") return isSet ? value : text;
    if (modifier !== "?") throw malformed(`Unsupported modifier (${modifier}) in substitution: ${this.#whole}`);
    if (isSet) return value;
    if (text !== "") throw malformed(`${name}: ${text}`);
    throw malformed(`Failed to process \`${this.#whole}\`: ${name} is not allowed to be unset`);
  }

  #stripped(name: string, side: "#" | "%"): string {
    const greedy = this.#word[this.#at] === side;
    if (greedy) this.#at++;
    const { text } = this.until("}");
    if (text === "") throw malformed(side === "#" ? `${name}#: no prefix to remove` : `${name}%: no suffix to remove`);
    const value = this.#value(name) ?? "";
    const pattern = globPattern(text);
    const backwards = (written: string): string => [...written].reverse().join("");
    const lengths = side === "#" ? pattern.ends(value) : pattern.reversed().ends(backwards(value));
    const cut = greedy ? lengths.at(-1) : lengths[0];
    if (cut === undefined) return value;
    return side === "#" ? value.slice(cut) : value.slice(0, value.length - cut);
  }

  #replaced(name: string): string {
    const mode = this.#word[this.#at] ?? "";
    if (mode === "/" || mode === "#" || mode === "%") this.#at++;
    const { text, stop } = this.until("/}");
    if (text === "") throw malformed(`${name}/: no pattern to replace`);
    const replacement = stop === "/" ? this.until("}").text : "";
    return replaceGlob(this.#value(name) ?? "", globPattern(text), { replacement, mode });
  }
}

/** Each place may have to be looked at up to the end. */
const replaceWorkMax = 1_000_000_000;

function replaceGlob(value: string, pattern: TextPattern, { replacement, mode }: { replacement: string; mode: string }): string {
  if (value.length * value.length * pattern.length > replaceWorkMax) throw malformed(`cannot replace in a value of ${value.length} characters: it is too long for this pattern`);
  let done = "";
  for (let at = 0; at < value.length; ) {
    const ends = pattern.ends(value, at).filter(end => end > at && (mode !== "%" || end === value.length));
    const end = ends.at(-1);
    if (mode === "#" && (at > 0 || end === undefined)) return value;
    if (end === undefined) {
      done += value[at++]!;
      continue;
    }
    done += replacement;
    at = end;
    if (mode !== "/") return done + value.slice(at);
  }
  return done;
}

/** Loose white space separates; what was quoted or escaped does not. */
class Splitter {
  readonly #words: string[] = [];
  #word = "";

  add(text: string): void {
    this.#word += text;
  }

  addLoose(text: string): void {
    for (const one of text) {
      if (!/\s/.test(one)) this.#word += one;
      else this.end();
    }
  }

  end(): string[] {
    if (this.#word !== "") this.#words.push(this.#word);
    this.#word = "";
    return this.#words;
  }
}
