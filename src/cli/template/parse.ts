// Parses a template's tokens into its tree, with Go's complaints.
// Source: Go's text/template/parse, by its documented grammar and its messages.

import { Fault } from "../../base/fault.ts";
import { lex, type Token } from "./lex.ts";
import type { Command, Control, End, Node, Operand, Pipe, Template } from "./tree.ts";

const depthMax = 100;
const textCharactersMax = 1024 * 1024;
const operandKinds = new Set(["bool", "rune", "field", "identifier", "number", "raw", "string", "variable", "open"]);

/** @param hasFunction says which identifiers are functions. @throws Fault "usage.invalid" */
export function parseTemplate(name: string, text: string, hasFunction: (name: string) => boolean): Template {
  if (text.length > textCharactersMax) throw new Fault("input.too-large", `template: ${name}: longer than 1 MiB`);
  const parser = new Parser(name, text, hasFunction);
  const body = parser.whole();
  return { name, text, body, defined: parser.defined };
}

class Parser {
  readonly defined = new Map<string, readonly Node[]>();
  readonly #name: string;
  readonly #tokens: Token[];
  readonly #hasFunction: (name: string) => boolean;
  #next = 0;
  #depth = 0;
  #ranges = 0;
  #actionLine = 0;
  #variables: string[] = ["$"];

  constructor(name: string, text: string, hasFunction: (name: string) => boolean) {
    this.#name = name;
    this.#tokens = lex(text);
    this.#hasFunction = hasFunction;
  }

  whole(): Node[] {
    const nodes: Node[] = [];
    while (this.#peek().kind !== "eof") {
      const node = this.#textOrAction();
      if (node === undefined) continue;
      if (isEnd(node)) this.#fail(`unexpected ${node.text}`);
      nodes.push(node);
    }
    return nodes;
  }

  #list(): { nodes: Node[]; end: End } {
    const nodes: Node[] = [];
    if (++this.#depth > depthMax) this.#fail("exceeded maximum nesting depth");
    while (this.#peekPastSpace().kind !== "eof") {
      const node = this.#textOrAction();
      if (node === undefined) continue;
      if (isEnd(node)) {
        this.#depth--;
        return { nodes, end: node };
      }
      nodes.push(node);
    }
    this.#fail("unexpected EOF");
  }

  /** Undefined for what leaves no node, a {{define}}. */
  #textOrAction(): Node | undefined {
    const token = this.#takePastSpace();
    if (token.kind === "text") return { kind: "text", text: token.text };
    if (token.kind !== "left") this.#unexpected(token, "input");
    this.#actionLine = token.line;
    const node = this.#action();
    this.#actionLine = 0;
    return node;
  }

  #action(): Node | undefined {
    const token = this.#takePastSpace();
    if (token.kind === "keyword") {
      switch (token.text) {
        case "define": return this.#define();
        case "block": return this.#block(token);
        case "break":
        case "continue": return this.#leave(token.text);
        case "else": return this.#else();
        case "end": return this.#end();
        case "if":
        case "range":
        case "with": return this.#control(token.text);
        case "template": return this.#invoke(token);
      }
    }
    this.#next--;
    return { kind: "action", pipe: this.#pipe("command", "right") };
  }

  #control(kind: Control["kind"]): Control {
    const outer = this.#variables.length;
    if (++this.#depth > depthMax) this.#fail("exceeded maximum nesting depth");
    const pipe = this.#pipe(kind, "right");
    if (kind === "range") this.#ranges++;
    const { nodes, end } = this.#list();
    if (kind === "range") this.#ranges--;
    const otherwise = end.kind === "else" ? this.#otherwise(kind) : undefined;
    this.#variables.length = outer;
    this.#depth--;
    return { kind, pipe, body: nodes, otherwise };
  }

  #otherwise(kind: Control["kind"]): readonly Node[] {
    const next = this.#peekPastSpace();
    if (kind !== "range" && next.kind === "keyword" && next.text === kind) {
      this.#takePastSpace();
      return [this.#control(kind)];
    }
    const { nodes, end } = this.#list();
    if (end.kind !== "end") this.#fail(`expected end; found ${end.text}`);
    return nodes;
  }

  #else(): End {
    const next = this.#peekPastSpace();
    if (next.kind === "keyword" && (next.text === "if" || next.text === "with")) return { kind: "else", text: "{{else}}" };
    this.#expect("right", "else");
    return { kind: "else", text: "{{else}}" };
  }

  #end(): End {
    this.#expect("right", "end");
    return { kind: "end", text: "{{end}}" };
  }

  #leave(kind: "break" | "continue"): Node {
    const token = this.#takePastSpace();
    if (token.kind !== "right") this.#unexpected(token, `{{${kind}}}`);
    if (this.#ranges === 0) this.#fail(`{{${kind}}} outside {{range}}`);
    return { kind };
  }

  #invoke(token: Token): Node {
    const name = this.#templateName("template clause");
    const has = this.#takePastSpace();
    if (has.kind === "right") return { kind: "template", name, at: token.at + 9, pipe: undefined };
    this.#next--;
    return { kind: "template", name, at: token.at + 9, pipe: this.#pipe("template clause", "right") };
  }

  #define(): undefined {
    const name = this.#templateName("define clause");
    this.#expect("right", "define clause");
    this.defined.set(name, this.#apart("define clause"));
  }

  #block(token: Token): Node {
    const name = this.#templateName("block clause");
    const pipe = this.#pipe("block clause", "right");
    this.defined.set(name, this.#apart("block clause"));
    return { kind: "template", name, at: token.at, pipe };
  }

  /** The body of a definition: sees no variables but $. */
  #apart(context: string): readonly Node[] {
    const [outer, ranges] = [this.#variables, this.#ranges];
    [this.#variables, this.#ranges] = [["$"], 0];
    const { nodes, end } = this.#list();
    if (end.kind !== "end") this.#fail(`unexpected ${end.text} in ${context}`);
    [this.#variables, this.#ranges] = [outer, ranges];
    return nodes;
  }

  #templateName(context: string): string {
    const token = this.#takePastSpace();
    if (token.kind !== "string" && token.kind !== "raw") this.#unexpected(token, context);
    return this.#unquote(token);
  }

  #pipe(context: string, closing: "right" | "close"): Pipe {
    const at = this.#peekPastSpace().at;
    const { variables, isAssign } = this.#declarations(context);
    const commands: Command[] = [];
    for (;;) {
      const token = this.#takePastSpace();
      if (token.kind === closing) {
        this.#checkPipe(commands, context);
        return { kind: "pipe", at, isAssign, variables, commands };
      }
      if (!operandKinds.has(token.kind) && !isDotOrNil(token)) this.#unexpected(token, context);
      this.#next--;
      commands.push(this.#command());
    }
  }

  #declarations(context: string): { variables: string[]; isAssign: boolean } {
    const variables: string[] = [];
    for (;;) {
      if (this.#peekPastSpace().kind !== "variable") return { variables, isAssign: false };
      const start = this.#next;
      const token = this.#takePastSpace();
      const mark = this.#peekPastSpace();
      if (mark.kind === "assign" || mark.kind === "declare") {
        this.#takePastSpace();
        variables.push(token.text);
        if (mark.kind === "declare") this.#variables.push(...variables);
        else for (const name of variables) this.#known(name);
        return { variables, isAssign: mark.kind === "assign" };
      }
      if (mark.kind !== "char" || mark.text !== ",") {
        this.#next = start;
        return { variables, isAssign: false };
      }
      this.#takePastSpace();
      variables.push(token.text);
      if (context !== "range" || variables.length > 1) this.#fail(`too many declarations in ${context}`);
      if (this.#peekPastSpace().kind !== "variable") this.#fail("range can only initialize variables");
    }
  }

  #checkPipe(commands: readonly Command[], context: string): void {
    if (commands.length === 0) this.#fail(`missing value for ${context}`);
    for (const [index, command] of commands.entries()) {
      const kind = command.operands[0]?.kind;
      if (index > 0 && (kind === "constant" || kind === "dot" || kind === "nil")) {
        this.#fail(`non executable command in pipeline stage ${index + 1}`);
      }
    }
  }

  #command(): Command {
    const at = this.#peekPastSpace().at;
    const operands: Operand[] = [];
    for (;;) {
      this.#peekPastSpace();
      const operand = this.#operand();
      if (operand !== undefined) operands.push(operand);
      const token = this.#take();
      if (token.kind === "space") continue;
      if (token.kind === "right" || token.kind === "close") this.#next--;
      else if (token.kind !== "pipe") this.#unexpected(token, "operand");
      break;
    }
    if (operands.length === 0) this.#fail("empty command");
    return { kind: "command", at, operands };
  }

  #operand(): Operand | undefined {
    const base = this.#term();
    const first = this.#peek();
    if (base === undefined || first.kind !== "field") return base;
    const names: string[] = [];
    while (this.#peek().kind === "field") names.push(this.#take().text.slice(1));
    if (base.kind === "field") return { ...base, at: first.at, names: [...base.names, ...names] };
    if (base.kind === "variable") return { ...base, at: first.at, names };
    if (base.kind === "constant" || base.kind === "dot" || base.kind === "nil") {
      this.#fail(`unexpected . after term ${JSON.stringify(base.kind === "constant" ? base.text : base.kind === "dot" ? "." : "nil")}`);
    }
    return { kind: "chain", at: first.at, base, names };
  }

  #term(): Operand | undefined {
    const token = this.#takePastSpace();
    const { at, text } = token;
    switch (token.kind) {
      case "identifier":
        if (!this.#hasFunction(text)) this.#fail(`function ${JSON.stringify(text)} not defined`);
        return { kind: "identifier", at, name: text };
      case "variable":
        this.#known(text);
        return { kind: "variable", at, name: text, names: [] };
      case "field": return { kind: "field", at, names: [text.slice(1)] };
      case "bool": return { kind: "constant", at, text, value: text === "true" };
      case "number": return { kind: "constant", at, text, value: this.#number(text) };
      case "rune": return { kind: "constant", at, text, value: this.#unquote(token).codePointAt(0) ?? 0 };
      case "string":
      case "raw": return { kind: "constant", at, text, value: this.#unquote(token) };
      case "open": return this.#parenthesized();
    }
    if (isDotOrNil(token)) return { kind: text === "." ? "dot" : "nil", at };
    this.#next--;
    return undefined;
  }

  #parenthesized(): Operand {
    if (++this.#depth > depthMax) this.#fail("exceeded maximum nesting depth");
    const pipe = this.#pipe("parenthesized pipeline", "close");
    this.#depth--;
    return pipe;
  }

  #number(text: string): number {
    const plain = text.replaceAll("_", "");
    const value = Number(plain.replace(/^([+-]?)0(?=[0-7]+$)/, "$10o").replace(/^[+-](?=0[xXoObB])/, ""));
    if (Number.isNaN(value)) this.#fail(`illegal number syntax: ${JSON.stringify(text)}`);
    return plain.startsWith("-") && /^-0[xXoObB]/.test(plain) ? -value : value;
  }

  #unquote(token: Token): string {
    const inner = token.text.slice(1, -1);
    if (token.kind === "raw") return inner;
    let bad = false;
    const value = inner.replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/gs, (_, code: string) => {
      const simple = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", "\\": "\\", '"': '"', "'": "'" }[code];
      if (simple !== undefined) return simple;
      const number = code.length > 1 ? parseInt(code.replace(/^[xuU]/, ""), /^[xuU]/.test(code) ? 16 : 8) : NaN;
      if (Number.isNaN(number) || number > 0x10ffff) bad = true;
      return bad ? "" : String.fromCodePoint(number);
    });
    if (bad) this.#fail(token.kind === "rune" ? `malformed character constant: ${token.text}` : "invalid syntax");
    return value;
  }

  #known(name: string): void {
    if (!this.#variables.includes(name)) this.#fail(`undefined variable ${JSON.stringify(name)}`);
  }

  #expect(kind: Token["kind"], context: string): void {
    const token = this.#takePastSpace();
    if (token.kind !== kind) this.#unexpected(token, context);
  }

  #peek(): Token {
    return this.#tokens[Math.min(this.#next, this.#tokens.length - 1)] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #peekPastSpace(): Token {
    while (this.#peek().kind === "space") this.#next++;
    return this.#peek();
  }

  #takePastSpace(): Token {
    this.#peekPastSpace();
    return this.#take();
  }

  #unexpected(token: Token, context: string): never {
    if (token.kind !== "error") this.#fail(`unexpected ${shown(token)} in ${context}`, token);
    const isElsewhere = this.#actionLine !== 0 && this.#actionLine !== token.line;
    const started = isElsewhere ? ` started at ${this.#name}:${this.#actionLine}` : "";
    const between = isElsewhere && !token.text.endsWith(" action") ? " in action" : "";
    this.#fail(token.text + between + started, token);
  }

  #fail(message: string, at?: Token): never {
    const token = at ?? this.#tokens[Math.max(0, Math.min(this.#next, this.#tokens.length) - 1)];
    throw new Fault("usage.invalid", `template: ${this.#name}:${token?.line ?? 1}: ${message}`);
  }
}

const isEnd = (node: Node): node is End => node.kind === "end" || node.kind === "else";
const isDotOrNil = (token: Token): boolean => token.kind === "keyword" && (token.text === "." || token.text === "nil");

function shown(token: Token): string {
  if (token.kind === "eof") return "EOF";
  if (token.kind === "keyword") return `<${token.text}>`;
  return token.text.length > 10 ? `${JSON.stringify(token.text.slice(0, 10))}...` : JSON.stringify(token.text);
}
