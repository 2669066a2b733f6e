// Runs a template over a value, with bounds on steps, depth and output, and Go's complaints.
// Source: Go's text/template, exec, by its documented behaviour and its messages.

import { Fault } from "../../base/fault.ts";
import { formatValue } from "./format.ts";
import { defaultFunctions, type Functions } from "./functions.ts";
import { parseTemplate } from "./parse.ts";
import { textOf, type Command, type Control, type Invoke, type Node, type Operand, type Pipe, type Template } from "./tree.ts";
import { isTrue, Shapes } from "./value.ts";

const stepsMax = 2_000_000;
const depthMax = 100;
const outputCharactersMax = 256 * 1024 * 1024;

/** Printed for a missing map entry, unlike a known nil. */
const missing = Symbol("no value");

export interface Rendering {
  /** The template's name in messages. */
  readonly name: string;
  readonly shapes?: Shapes;
  readonly functions?: Functions;
}

/** @throws Fault "usage.invalid" as Go words it: `template: ps:1:2: executing "ps" at <.Foo>: can't evaluate …` */
export function renderTemplate(text: string, data: unknown, rendering: Rendering): string {
  const functions = { ...defaultFunctions, ...rendering.functions };
  return runTemplate(readTemplate(text, rendering.name, functions), data, { shapes: rendering.shapes, functions });
}

export function readTemplate(text: string, name: string, functions: Functions = defaultFunctions): Template {
  return parseTemplate(name, text, (word) => Object.hasOwn(functions, word));
}

export function runTemplate(template: Template, data: unknown, more: { shapes?: Shapes; functions?: Functions } = {}): string {
  const run = new Run(template, more.shapes ?? new Shapes(), more.functions ?? defaultFunctions);
  run.list(template.body, data, [["$", data]]);
  return run.parts.join("");
}

type Variables = [name: string, value: unknown][];
type Leaving = "break" | "continue" | undefined;
interface At { readonly at: number }

class Run {
  readonly parts: string[] = [];
  readonly #template: Template;
  readonly #shapes: Shapes;
  readonly #functions: Functions;
  #steps = 0;
  #depth = 0;
  #length = 0;

  constructor(template: Template, shapes: Shapes, functions: Functions) {
    this.#template = template;
    this.#shapes = shapes;
    this.#functions = functions;
  }

  list(nodes: readonly Node[], dot: unknown, variables: Variables): Leaving {
    for (const node of nodes) {
      const leaving = this.#node(node, dot, variables);
      if (leaving !== undefined) return leaving;
    }
    return undefined;
  }

  #node(node: Node, dot: unknown, variables: Variables): Leaving {
    this.#step();
    switch (node.kind) {
      case "text": return this.#print(node.text);
      case "action": {
        const value = this.#pipe(node.pipe, dot, variables);
        return node.pipe.variables.length > 0 ? undefined : this.#print(this.#shown(value));
      }
      case "template": return this.#invoke(node, dot, variables);
      case "break":
      case "continue": return node.kind;
      case "if":
      case "with":
      case "range": return this.#control(node, dot, variables);
    }
    return undefined;
  }

  #step(): void {
    if (++this.#steps > stepsMax) throw this.#plain("exceeded maximum number of steps");
  }

  #print(text: string): undefined {
    this.#length += text.length;
    if (this.#length > outputCharactersMax) throw this.#plain("output is too long");
    this.parts.push(text);
  }

  #shown(value: unknown): string {
    return value === missing ? "<no value>" : formatValue(value, this.#shapes);
  }

  #control(node: Control, dot: unknown, outer: Variables): Leaving {
    const variables = [...outer];
    if (node.kind === "range") return this.#range(node, dot, variables);
    const value = this.#pipe(node.pipe, dot, variables);
    if (value !== missing && isTrue(value)) return this.list(node.body, node.kind === "with" ? value : dot, variables);
    return node.otherwise === undefined ? undefined : this.list(node.otherwise, dot, variables);
  }

  #range(node: Control, dot: unknown, variables: Variables): Leaving {
    const value = this.#pipe({ ...node.pipe, variables: [] }, dot, variables);
    let isEmpty = true;
    for (const [key, item] of this.#items(node, value)) {
      isEmpty = false;
      this.#step();
      const inner: Variables = [...variables];
      this.#setRange(node.pipe, inner, key, item);
      if (this.list(node.body, item, inner) === "break") break;
    }
    return isEmpty && node.otherwise !== undefined ? this.list(node.otherwise, dot, variables) : undefined;
  }

  #setRange({ variables, isAssign }: Pipe, inner: Variables, key: unknown, item: unknown): void {
    const values = variables.length === 1 ? [item] : [key, item];
    for (const [index, name] of variables.entries()) {
      if (isAssign) this.#assign(inner, name, values[index]);
      else inner.push([name, values[index]]);
    }
  }

  *#items(node: Control, value: unknown): Iterable<[unknown, unknown]> {
    if (value === undefined || value === null || value === missing) return;
    const kind = this.#shapes.kindOf(value);
    if (kind === "slice") yield* (value as unknown[]).entries();
    else if (kind === "map") for (const key of this.#shapes.keys(value as object)) yield [key, this.#shapes.field(value as object, key).value];
    else if (kind === "int") for (let at = 0; at < Number(value); at++) yield [at, at];
    else throw this.#fault(node.pipe, `range can't iterate over ${this.#shown(value)}`);
  }

  #invoke(node: Invoke, dot: unknown, variables: Variables): undefined {
    const body = this.#template.defined.get(node.name);
    const context = `{{template ${JSON.stringify(node.name)}${node.pipe ? ` ${textOf(node.pipe)}` : ""}}}`;
    if (body === undefined) throw this.#faultAt(node, context, `template ${JSON.stringify(node.name)} not defined`);
    if (++this.#depth > depthMax) throw this.#faultAt(node, context, "exceeded maximum template depth");
    const value = node.pipe === undefined ? undefined : this.#pipe(node.pipe, dot, variables);
    this.list(body, value, [["$", value]]);
    this.#depth--;
  }

  #pipe(pipe: Pipe, dot: unknown, variables: Variables): unknown {
    let value: unknown;
    for (const [index, command] of pipe.commands.entries()) {
      value = this.#command(command, { dot, variables, last: index === 0 ? undefined : { value } });
    }
    for (const name of pipe.variables) {
      if (pipe.isAssign) this.#assign(variables, name, value);
      else variables.push([name, value]);
    }
    return value;
  }

  /** Replaces the innermost variable of that name; entries are shared by the scopes inside. */
  #assign(variables: Variables, name: string, value: unknown): void {
    const entry = variables.findLast(([known]) => known === name);
    if (entry !== undefined) entry[1] = value;
  }

  #command(command: Command, scope: Scope): unknown {
    const [first, ...rest] = command.operands as [Operand, ...Operand[]];
    this.#step();
    switch (first.kind) {
      case "field": return this.#fields(first, scope.dot, { names: first.names, rest, scope });
      case "chain": return this.#fields(first, this.#operand(first.base, scope), { names: first.names, rest, scope });
      case "identifier": return this.#call(first, command, rest, scope);
      case "variable": return this.#fields(first, this.#variable(first.name, scope), { names: first.names, rest, scope });
      case "pipe":
        this.#noArguments(first, rest, scope);
        return this.#pipe(first, scope.dot, scope.variables);
    }
    this.#noArguments(first, rest, scope);
    if (first.kind === "nil") throw this.#fault(first, "nil is not a command");
    return this.#operand(first, scope);
  }

  #noArguments(first: Operand, rest: readonly Operand[], scope: Scope): void {
    if (rest.length > 0 || scope.last !== undefined) throw this.#fault(first, `can't give argument to non-function ${textOf(first)}`);
  }

  #operand(node: Operand, scope: Scope): unknown {
    const alone = { ...scope, last: undefined };
    switch (node.kind) {
      case "dot": return scope.dot;
      case "nil": return undefined;
      case "constant": return node.value;
      case "field": return this.#fields(node, scope.dot, { names: node.names, rest: [], scope: alone });
      case "variable": return this.#fields(node, this.#variable(node.name, scope), { names: node.names, rest: [], scope: alone });
      case "chain": return this.#fields(node, this.#operand(node.base, alone), { names: node.names, rest: [], scope: alone });
      case "pipe": return this.#pipe(node, scope.dot, scope.variables);
      case "identifier": return this.#call(node, node, [], alone);
    }
  }

  #variable(name: string, scope: Scope): unknown {
    return scope.variables.findLast(([known]) => known === name)?.[1];
  }

  #fields(node: Operand, start: unknown, use: { names: readonly string[]; rest: readonly Operand[]; scope: Scope }): unknown {
    const { names, rest, scope } = use;
    let value = start;
    if (names.length === 0) {
      this.#noArguments(node, rest, scope);
      return value;
    }
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      const values = isLast ? this.#values(rest, scope) : [];
      value = this.#field(node, value, { name, values });
    }
    return value;
  }

  #field(node: Operand, owner: unknown, use: { name: string; values: readonly unknown[] }): unknown {
    const { name, values } = use;
    const { typeOf, kindOf } = { typeOf: (v: unknown) => this.#shapes.typeOf(v), kindOf: (v: unknown) => this.#shapes.kindOf(v) };
    if (owner === missing || owner === undefined) {
      if (owner === missing) throw this.#fault(node, `nil data; no entry for key ${JSON.stringify(name)}`);
      throw this.#fault(node, `nil pointer evaluating interface {}.${name}`);
    }
    const kind = kindOf(owner);
    if (kind !== "struct" && kind !== "map") {
      throw this.#fault(node, `can't evaluate field ${name} in type ${owner === null ? "[]string" : typeOf(owner)}`);
    }
    const { value, isKnown } = this.#shapes.field(owner as object, name);
    if (!isKnown && kind === "map") return missing;
    if (!isKnown) throw this.#fault(node, `can't evaluate field ${name} in type ${typeOf(owner)}`);
    if (typeof value === "function") return this.#method(node, value as Method, use);
    if (values.length > 0) throw this.#fault(node, `${name} has arguments but cannot be invoked as function`);
    return value;
  }

  #method(node: Operand, method: Method, { name, values }: { name: string; values: readonly unknown[] }): unknown {
    if (values.length !== method.length) {
      throw this.#fault(node, `wrong number of args for ${name}: want ${method.length} got ${values.length}`);
    }
    try {
      return method(...values);
    } catch (error) {
      throw this.#fault(node, `error calling ${name}: ${(error as Error).message}`);
    }
  }

  #values(operands: readonly Operand[], scope: Scope): unknown[] {
    const values = operands.map((operand) => this.#operand(operand, scope));
    if (scope.last !== undefined) values.push(scope.last.value);
    return values.map((value) => (value === missing ? undefined : value));
  }

  #call(node: Operand & { name: string }, whole: Operand | Command, rest: readonly Operand[], scope: Scope): unknown {
    const { name } = node;
    const called = this.#functions[name];
    if (called === undefined) throw this.#fault(node, `${JSON.stringify(name)} is not a defined function`);
    this.#checkCount(node, called.takes, rest.length + (scope.last === undefined ? 0 : 1));
    if ((name === "and" || name === "or") && called === defaultFunctions[name]) return this.#shortCircuit(name, rest, scope);
    const values = this.#values(rest, scope);
    for (const [index, value] of values.entries()) {
      const type = called.takes[Math.min(index, called.takes.length - 1)] ?? "any";
      this.#checkType(rest[index] ?? whole, type, value);
    }
    try {
      return called.call(values, this.#shapes);
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw this.#faultAt(node, textOf(whole), `error calling ${name}: ${(error as Error).message}`);
    }
  }

  #shortCircuit(name: "and" | "or", rest: readonly Operand[], scope: Scope): unknown {
    let value: unknown;
    for (const operand of rest) {
      value = this.#operand(operand, scope);
      if ((value !== missing && isTrue(value)) === (name === "or")) return value;
    }
    return scope.last === undefined ? value : scope.last.value;
  }

  #checkCount(node: Operand & { name: string }, takes: readonly string[], got: number): void {
    const fixed = takes.filter((type) => !type.startsWith("...")).length;
    const isVariadic = fixed < takes.length;
    if (isVariadic ? got >= fixed : got === fixed) return;
    const want = isVariadic ? `at least ${fixed}` : String(fixed);
    throw this.#fault(node, `wrong number of args for ${node.name}: want ${want} got ${got}`);
  }

  #checkType(node: Operand | Command, type: string, value: unknown): void {
    if (type === "any" || type === "...any") return;
    const kind = this.#shapes.kindOf(value);
    if (kind === type || (type === "[]string" && (kind === "slice" || value === null))) return;
    if (node.kind === "constant") throw this.#fault(node, `expected ${type === "int" ? "integer" : type}; found ${node.text}`);
    if (kind === "nil") throw this.#fault(node, `invalid value; expected ${type}`);
    throw this.#fault(node, `wrong type for value; expected ${type}; got ${this.#shapes.typeOf(value)}`);
  }

  #fault(node: Operand | Command, message: string): Fault {
    return this.#faultAt(node, textOf(node), message);
  }

  #faultAt({ at }: At, context: string, message: string): Fault {
    const { name, text } = this.#template;
    const before = text.slice(0, at);
    const line = before.split("\n").length;
    const column = at - (before.lastIndexOf("\n") + 1);
    return new Fault("usage.invalid", `template: ${name}:${line}:${column}: executing ${JSON.stringify(name)} at <${context}>: ${message}`);
  }

  #plain(message: string): Fault {
    return new Fault("usage.invalid", `template: ${this.#template.name}: ${message}`);
  }
}

type Method = (...values: readonly unknown[]) => unknown;

interface Scope {
  readonly dot: unknown;
  readonly variables: Variables;
  /** What the pipeline's stage before gave. */
  readonly last: { readonly value: unknown } | undefined;
}
