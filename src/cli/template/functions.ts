// The functions a template may call: Go's builtins and podman's own.
// Source: Go's text/template "Functions"; containers-common's report.DefaultFuncs.

import { goJson } from "../../base/go-json.ts";
import { formatValue, sprint, sprintf } from "./format.ts";
import { isTrue, type Shapes } from "./value.ts";

/** "any", or the Go type an argument must have; "..." before it for any number of further ones. */
type Type = "any" | "string" | "int" | "[]string" | "...any";

export interface TemplateFunction {
  readonly takes: readonly Type[];
  call(values: readonly unknown[], shapes: Shapes): unknown;
}

export type Functions = Readonly<Record<string, TemplateFunction>>;

const string = (call: (text: string) => unknown): TemplateFunction => ({ takes: ["string"], call: ([text]) => call(text as string) });
const printed = (escape: (text: string) => string): TemplateFunction => ({
  takes: ["...any"],
  call: (values, shapes) => escape(values.length === 1 && typeof values[0] === "string" ? values[0] : sprint(values, shapes)),
});
const comparison = (call: (order: number) => boolean): TemplateFunction => ({
  takes: ["any", "any"],
  call: ([a, b], shapes) => call(compare(a, b, shapes)),
});

/** `and` and `or` are the evaluator's: they stop at the first operand that decides. */
export const defaultFunctions: Functions = {
  and: { takes: ["any", "...any"], call: (values) => values.find((value) => !isTrue(value)) ?? values.at(-1) },
  or: { takes: ["any", "...any"], call: (values) => values.find(isTrue) ?? values.at(-1) },
  not: { takes: ["any"], call: ([value]) => !isTrue(value) },
  len: { takes: ["any"], call: ([value], shapes) => length(value, shapes) },
  index: { takes: ["any", "...any"], call: ([value, ...keys], shapes) => keys.reduce((at, key) => index(at, key, shapes), value) },
  slice: { takes: ["any", "...any"], call: ([value, ...bounds], shapes) => slice(value, bounds, shapes) },
  print: { takes: ["...any"], call: sprint },
  println: { takes: ["...any"], call: (values, shapes) => `${values.map((value) => formatValue(value, shapes)).join(" ")}\n` },
  printf: { takes: ["string", "...any"], call: ([format, ...values], shapes) => sprintf(format as string, values, shapes) },
  html: printed((text) => text.replace(/[&<>"'\0]/g, (mark) => htmlEscapes[mark] ?? mark)),
  js: printed((text) => text.replace(/[\\'"<>&=\n\r\t\0-\x1f]/g, escapeJs)),
  urlquery: printed((text) => encodeURIComponent(text).replace(/%20/g, "+").replace(/[!'()*]/g, escapeUrl)),
  eq: { takes: ["any", "...any"], call: ([first, ...rest], shapes) => isAnyEqual(first, rest, shapes) },
  ne: { takes: ["any", "any"], call: ([a, b], shapes) => !isAnyEqual(a, [b], shapes) },
  lt: comparison((order) => order < 0),
  le: comparison((order) => order <= 0),
  gt: comparison((order) => order > 0),
  ge: comparison((order) => order >= 0),
  call: { takes: ["any", "...any"], call: ([value], shapes) => refuse(`non-function of type ${shapes.typeOf(value)}`) },
  join: { takes: ["[]string", "string"], call: ([items, between]) => ((items ?? []) as string[]).join(between as string) },
  json: { takes: ["any"], call: ([value]) => goJson(plain(value), { escapeHtml: false }) },
  lower: string((text) => text.toLowerCase()),
  upper: string((text) => text.toUpperCase()),
  title: string((text) => text.replace(/(^|[^\p{L}\p{Nd}_'])(\p{L})/gu, (_, before: string, letter: string) => before + letter.toUpperCase())),
  split: { takes: ["string", "string"], call: ([text, between]) => (text as string).split(between as string) },
  pad: { takes: ["string", "int", "int"], call: ([text, before, after]) => pad(text as string, Number(before), Number(after)) },
  truncate: { takes: ["string", "int"], call: ([text, size]) => truncate(text as string, Number(size)) },
};

function refuse(message: string): never {
  throw new Error(message);
}

function plain(value: unknown): unknown {
  return typeof value === "function" ? (value as () => unknown)() : value;
}

function length(value: unknown, shapes: Shapes): number {
  if (value === null) return 0;
  if (typeof value === "string") return Buffer.byteLength(value);
  const kind = shapes.kindOf(value);
  if (kind === "slice") return (value as unknown[]).length;
  if (kind === "map") return shapes.keys(value as object).length;
  if (kind === "nil") refuse("len of nil pointer");
  refuse(`len of type ${shapes.typeOf(value)}`);
}

function index(value: unknown, key: unknown, shapes: Shapes): unknown {
  if (value === undefined || value === null) return value === null && typeof key === "string" ? "" : refuse("index of untyped nil");
  const kind = shapes.kindOf(value);
  if (kind === "map") return mapEntry(value as object, key, shapes);
  if (kind !== "slice" && kind !== "string") refuse(`can't index item of type ${shapes.typeOf(value)}`);
  const items = kind === "string" ? Buffer.from(value as string) : (value as unknown[]);
  if (shapes.kindOf(key) !== "int") refuse(`cannot index slice/array with type ${shapes.typeOf(key)}`);
  const at = Number(key);
  if (at < 0 || at >= items.length) refuse(`index out of range: ${at}`);
  return items[at];
}

/** A missing key is the zero value of the map's elements. */
function mapEntry(owner: object, key: unknown, shapes: Shapes): unknown {
  if (typeof key !== "string") refuse(`value has type ${shapes.typeOf(key)}; should be string`);
  const { value, isKnown } = shapes.field(owner, key);
  if (isKnown) return value;
  const some = shapes.keys(owner)[0];
  const sample = some === undefined ? "" : shapes.field(owner, some).value;
  return { string: "", number: 0, boolean: false }[typeof sample as string];
}

function slice(value: unknown, bounds: readonly unknown[], shapes: Shapes): unknown {
  if (value === undefined) refuse("slice of untyped nil");
  const kind = shapes.kindOf(value ?? []);
  if (kind !== "slice" && kind !== "string") refuse(`can't slice item of type ${shapes.typeOf(value)}`);
  const items = kind === "string" ? Buffer.from(value as string) : ((value ?? []) as unknown[]);
  if (bounds.length > (kind === "string" ? 2 : 3)) refuse(kind === "string" ? "cannot 3-index slice a string" : `too many slice indexes: ${bounds.length}`);
  const [from = 0, to = items.length] = bounds.map((bound) => {
    if (shapes.kindOf(bound) !== "int") refuse(`cannot index slice/array with type ${shapes.typeOf(bound)}`);
    const at = Number(bound);
    return at < 0 || at > items.length ? refuse(`index out of range: ${at}`) : at;
  });
  if (from > to) refuse(`invalid slice index: ${from} > ${to}`);
  return kind === "string" ? (items as Buffer).subarray(from, to).toString() : items.slice(from, to);
}

function basicKind(value: unknown, shapes: Shapes): string {
  const kind = shapes.kindOf(value);
  return kind === "float64" || kind === "int" ? "number" : kind;
}

function isAnyEqual(first: unknown, rest: readonly unknown[], shapes: Shapes): boolean {
  if (rest.length === 0) refuse("missing argument for comparison");
  return rest.some((other) => {
    const [a, b] = [basicKind(first, shapes), basicKind(other, shapes)];
    if (a === "nil" || b === "nil") return a === b;
    if (a !== b) refuse(`incompatible types for comparison: ${shapes.typeOf(first)} and ${shapes.typeOf(other)}`);
    if (a === "slice" || a === "map" || a === "func") refuse(`non-comparable type ${formatValue(first, shapes)}: ${shapes.typeOf(first)}`);
    return a === "number" ? Number(first) === Number(other) : first === other;
  });
}

function compare(a: unknown, b: unknown, shapes: Shapes): number {
  const [kind, other] = [basicKind(a, shapes), basicKind(b, shapes)];
  if (kind !== other) refuse(`incompatible types for comparison: ${shapes.typeOf(a)} and ${shapes.typeOf(b)}`);
  if (kind === "number") return Number(a) - Number(b);
  if (kind !== "string") refuse("invalid type for comparison");
  return (a as string) < (b as string) ? -1 : a === b ? 0 : 1;
}

const paddingMax = 100_000;

function pad(text: string, before: number, after: number): string {
  if (text === "") return text;
  if (before < 0 || after < 0) refuse("strings: negative Repeat count");
  return " ".repeat(Math.min(before, paddingMax)) + text + " ".repeat(Math.min(after, paddingMax));
}

function truncate(text: string, size: number): string {
  const bytes = Buffer.from(text);
  if (size < 0) refuse(`slice bounds out of range [:${size}]`);
  return bytes.length < size ? text : bytes.subarray(0, size).toString();
}

const htmlEscapes: Readonly<Record<string, string>> = {
  "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\uFFFD",
};

function escapeJs(mark: string): string {
  if ("\\'\"".includes(mark)) return `\\${mark}`;
  return `\\u${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function escapeUrl(mark: string): string {
  return `%${mark.charCodeAt(0).toString(16).toUpperCase()}`;
}
