// The tree of a template, and its text again for messages.
// Source: Go's text/template/parse, nodes.

export type Node = Text | Action | Control | Invoke | Break | End;
export interface Text { readonly kind: "text"; readonly text: string }
export interface Action { readonly kind: "action"; readonly pipe: Pipe }
export interface Control {
  readonly kind: "if" | "range" | "with";
  readonly pipe: Pipe;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[] | undefined;
}
export interface Invoke { readonly kind: "template"; readonly name: string; readonly at: number; readonly pipe: Pipe | undefined }
export interface Break { readonly kind: "break" | "continue" }
/** Only while parsing: what ended a list. */
export interface End { readonly kind: "end" | "else"; readonly text: string }

export interface Pipe {
  readonly kind: "pipe";
  readonly at: number;
  readonly isAssign: boolean;
  readonly variables: readonly string[];
  readonly commands: readonly Command[];
}
export interface Command { readonly kind: "command"; readonly at: number; readonly operands: readonly Operand[] }

export type Operand =
  | Pipe
  | { readonly kind: "identifier"; readonly at: number; readonly name: string }
  | { readonly kind: "field"; readonly at: number; readonly names: readonly string[] }
  | { readonly kind: "variable"; readonly at: number; readonly name: string; readonly names: readonly string[] }
  | { readonly kind: "chain"; readonly at: number; readonly base: Operand; readonly names: readonly string[] }
  | { readonly kind: "constant"; readonly at: number; readonly text: string; readonly value: string | number | boolean }
  | { readonly kind: "dot" | "nil"; readonly at: number };

export interface Template {
  readonly name: string;
  readonly text: string;
  readonly body: readonly Node[];
  /** By {{define}} and {{block}}. */
  readonly defined: ReadonlyMap<string, readonly Node[]>;
}

/** An operand, command or pipe as a template would write it. */
export function textOf(node: Operand | Command): string {
  switch (node.kind) {
    case "identifier": return node.name;
    case "field": return fieldPath(node.names);
    case "variable": return node.name + fieldPath(node.names);
    case "chain": return (node.base.kind === "pipe" ? `(${textOf(node.base)})` : textOf(node.base)) + fieldPath(node.names);
    case "constant": return node.text;
    case "dot": return ".";
    case "nil": return "nil";
    case "command": return node.operands.map((part) => (part.kind === "pipe" ? `(${textOf(part)})` : textOf(part))).join(" ");
    case "pipe": {
      const declared = node.variables.length > 0 ? `${node.variables.join(", ")} ${node.isAssign ? "=" : ":="} ` : "";
      return declared + node.commands.map(textOf).join(" | ");
    }
  }
}

const fieldPath = (names: readonly string[]): string => names.map((name) => `.${name}`).join("");
