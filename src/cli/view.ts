// Views: the columns of a list declared once, for its default table, --format templates, json and completion.
// Source: podman's --format conventions (containers-common's report package), by their results.

import type { Completer } from "./complete.ts";

/** A column: its heading, and what a template sees; a function is a method that a template may call with arguments. */
export type Column<R> = readonly [heading: string, show: (row: R) => unknown];

export interface View<R> {
  /** The verb's name, which template errors begin with. */
  readonly name: string;
  /** The row's type in template errors, such as "containers.psReporter". */
  readonly type: string;
  /** By Go name: ID, Names, CreatedAt. */
  readonly columns: Readonly<Record<string, Column<R>>>;
  /** "table {{.ID}}\t{{.Image}}"; used when no format is given. */
  readonly table: string;
  /** What --format json prints of a row; the row itself when absent. */
  readonly json?: (row: R) => unknown;
}

export interface Showing {
  readonly format?: string;
  readonly noHeading?: boolean;
  /** Indentation of --format json; default four spaces. */
  readonly jsonIndent?: string;
}

/** Declares a view; lets the row's type be inferred. */
export function view<R>(declaration: View<R>): View<R> {
  return declaration;
}

/** The whole text to print for `rows`, by the default table or --format. @throws Fault "usage.invalid" as Go words it */
export async function showRows<R>(shown: View<R>, rows: readonly R[], showing: Showing = {}): Promise<string> {
  const { renderRows } = await import("./report.ts");
  return renderRows(shown, rows, showing);
}

export interface OneShowing {
  /** Starts template errors, such as "inspect". */
  readonly name: string;
  /** The value's type in template errors. */
  readonly type?: string;
  readonly jsonIndent?: string;
  /** Template names of fields whose JSON name differs: { ID: "Id" }. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Names of the fields that hold Go maps; the usual ones are known. */
  readonly maps?: readonly string[];
  /** Fields that JSON leaves out when they say nothing, with what a template then sees. */
  readonly zeros?: Readonly<Record<string, unknown>>;
}

/** One value by --format: "json" or a template. Ends with a newline unless empty. */
export async function showOne(value: unknown, format: string, showing: OneShowing): Promise<string> {
  const { renderOne } = await import("./report.ts");
  return renderOne(value, format, showing);
}

/** Completes `--format {{.` from a view's columns, or from dotted names such as "Client.Version". */
export function completesFormat<R>(columns: Readonly<Record<string, Column<R>>> | readonly string[]): Completer {
  return (word) => {
    const typed = /\{\{[^}]*\.?$/.test(word) ? /\.([A-Za-z0-9.]*)$/.exec(word.slice(word.lastIndexOf("{{"))) : null;
    if (typed === null) return ["json"];
    const [, path = ""] = typed;
    const before = word.slice(0, word.length - path.length);
    const names = Array.isArray(columns) ? (columns as readonly string[]) : Object.keys(columns);
    const words = names.filter((name) => name.startsWith(path)).map((name) => before + upToDot(name, path.length));
    return { words: [...new Set(words)], open: true, asIs: true };
  };
}

/** "Client." when the name goes on behind a dot after `from`, else the whole name with the closing braces. */
function upToDot(name: string, from: number): string {
  const dot = name.indexOf(".", from);
  return dot < 0 ? `${name}}}` : name.slice(0, dot + 1);
}
