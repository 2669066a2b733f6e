// Renders views and single values: table, json, or a Go template.
// Source: containers-common's report package, by its results.

import { goJson } from "../base/go-json.ts";
import { alignTabs } from "./table.ts";
import { readTemplate, runTemplate } from "./template/evaluate.ts";
import type { Operand, Pipe, Template } from "./template/tree.ts";
import { Shapes } from "./template/value.ts";
import type { Column, OneShowing, Showing, View } from "./view.ts";

const rangesItself = /\{\{-?\s*range\s*\.\s*-?\}\}[^]*\{\{-?\s*end\s*-?\}\}/;

/** A row as a template sees it: the view's columns by their Go names, each computed when asked for. */
function structOf<R>(shown: View<R>, row: R, shapes: Shapes): object {
  const struct = {};
  for (const name in shown.columns) {
    const show = shown.columns[name]![1];
    Object.defineProperty(struct, name, { enumerable: true, get: () => show(row) });
  }
  shapes.mark(struct, "struct", shown.type);
  return struct;
}

function headings<R>(shown: View<R>, shapes: Shapes): object {
  const heads: Record<string, string> = {};
  for (const name in shown.columns) heads[name] = shown.columns[name]![0].toUpperCase();
  shapes.mark(heads, "map", "map[string]string");
  return heads;
}

export function renderRows<R>(shown: View<R>, rows: readonly R[], showing: Showing): string {
  const format = showing.format ?? shown.table;
  if (showing.format !== undefined && isJson(format)) {
    const values = rows.map((row) => (shown.json ? shown.json(row) : row));
    return `${goJson(values, { indent: showing.jsonIndent ?? "    " })}\n`;
  }
  const shapes = new Shapes();
  const isTable = format.startsWith("table ") || format === "table";
  const template = readFormat(format === "table" ? shown.table : format, shown.name);
  const body = plainRows(template, shown, rows) ?? runTemplate(template, rows.map((row) => structOf(shown, row, shapes)), { shapes });
  if (!isTable && showing.format !== undefined) return body;
  const head = showing.noHeading ? "" : runTemplate(template, [headings(shown, shapes)], { shapes });
  return alignTabs(head + body);
}

/** Text, or what shows a column. */
type PlainPart<R> = string | Column<R>[1];

/** The parts of a format that only names columns, as most do: its rows need no run of the template. */
function plainParts<R>({ body }: Template, shown: View<R>): PlainPart<R>[] | undefined {
  const [range, ...rest] = body;
  if (range?.kind !== "range" || rest.length > 0 || range.otherwise !== undefined || soleOperand(range.pipe)?.kind !== "dot") return undefined;
  const parts: PlainPart<R>[] = [];
  for (const node of range.body) {
    if (node.kind === "text") {
      parts.push(node.text);
      continue;
    }
    const operand = node.kind === "action" ? soleOperand(node.pipe) : undefined;
    if (operand?.kind !== "field" || operand.names.length !== 1 || !Object.hasOwn(shown.columns, operand.names[0]!)) return undefined;
    parts.push(shown.columns[operand.names[0]!]![1]);
  }
  return parts;
}

/** Of a pipe without variables, functions or arguments. */
function soleOperand({ variables, commands }: Pipe): Operand | undefined {
  const [command, ...more] = commands;
  return variables.length === 0 && more.length === 0 && command?.operands.length === 1 ? command.operands[0] : undefined;
}

/** Undefined where there is more to do than to print texts and whole numbers. */
function plainRows<R>(template: Template, shown: View<R>, rows: readonly R[]): string | undefined {
  const parts = plainParts(template, shown);
  if (parts === undefined) return undefined;
  let text = "";
  for (const row of rows) {
    for (const part of parts) {
      const value = typeof part === "string" ? part : part(row);
      if (typeof value !== "string" && typeof value !== "boolean" && !Number.isSafeInteger(value)) return undefined;
      text += String(value);
    }
  }
  return text;
}

/** "json", also as podman's `{{json .}}` forms are left to the template. */
function isJson(format: string): boolean {
  return format === "json" || /^\{\{\s*json\s*\}\}$/.test(format);
}

/** With escapes such as \t read first; where that breaks the template, as it stands. */
function readFormat(format: string, name: string): Template {
  const isTable = format.startsWith("table ");
  const plain = isTable ? format.slice(6) : format;
  const wrapped = (text: string): string => (!isTable && rangesItself.test(text) ? text : `{{range .}}${text}{{end -}}`);
  try {
    return readTemplate(wrapped(unescaped(plain, isTable)), name);
  } catch {
    return readTemplate(wrapped(plain), name);
  }
}

/** In a table, spaces between the columns are tabs too. */
function unescaped(text: string, isTable: boolean): string {
  const plain = text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  const spaced = isTable ? plain.replaceAll(" ", "\t") : plain;
  return spaced.endsWith("\n") ? spaced : `${spaced}\n`;
}

export function renderOne(value: unknown, format: string, showing: OneShowing): string {
  if (isJson(format)) return `${goJson(value, { indent: showing.jsonIndent ?? "    " })}\n`;
  const shapes = new Shapes({ maps: showing.maps, aliases: showing.aliases, zeros: showing.zeros });
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    shapes.mark(value, "struct", showing.type ?? "struct");
  }
  const text = runTemplate(readOne(format, showing.name), value, { shapes });
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

function readOne(format: string, name: string): Template {
  try {
    return readTemplate(unescaped(format, false), name);
  } catch {
    return readTemplate(format, name);
  }
}
