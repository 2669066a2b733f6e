// Go's fmt: %v of any value, and printf.
// Source: Go's fmt package, by its documented verbs and its results.

import { formatG } from "../../base/bytes.ts";
import { goQuote } from "../flag.ts";
import type { Shapes } from "./value.ts";

const widthMax = 100_000;

/** %v. `field` is the name under which the value was found, for a nil's kind. */
export function formatValue(value: unknown, shapes: Shapes, more: { plus?: boolean; field?: string; depth?: number } = {}): string {
  const depth = more.depth ?? 0;
  if (value === undefined) return "<nil>";
  if (value === null) return more.field !== undefined && shapes.isMapName(more.field) ? "map[]" : "[]";
  if (depth > 64) return "...";
  switch (shapes.kindOf(value)) {
    case "string": return value as string;
    case "bool":
    case "int": return String(value);
    case "float64": return formatFloat(value as number);
    case "func": return formatValue((value as () => unknown)(), shapes, { depth: depth + 1 });
    case "slice": return `[${[...(value as unknown[])].map((item) => formatValue(item ?? undefined, shapes, { ...more, depth: depth + 1 })).join(" ")}]`;
    case "map": return `map[${fields(value as object, shapes, true, { ...more, depth }).join(" ")}]`;
    default: return `{${fields(value as object, shapes, more.plus === true, { ...more, depth }).join(" ")}}`;
  }
}

function fields(owner: object, shapes: Shapes, named: boolean, more: { plus?: boolean; depth: number }): string[] {
  return shapes.keys(owner).map((key) => {
    const text = formatValue(shapes.field(owner, key).value, shapes, { plus: more.plus, field: key, depth: more.depth + 1 });
    return named ? `${key}:${text}` : text;
  });
}

/** %v of a float: shortest digits, an exponent below -4 and from 21 on. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const exponent = Number(value.toExponential().split("e")[1]);
  if (value !== 0 && (exponent < -4 || exponent >= 21)) return goExponent(value.toExponential());
  return String(value);
}

function goExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

/** fmt.Sprint: a space between operands when neither is a string. */
export function sprint(values: readonly unknown[], shapes: Shapes): string {
  let text = "";
  for (const [index, value] of values.entries()) {
    if (index > 0 && typeof value !== "string" && typeof values[index - 1] !== "string") text += " ";
    text += formatValue(value, shapes);
  }
  return text;
}

interface Directive {
  readonly flags: string;
  readonly width: number | undefined;
  readonly precision: number | undefined;
  readonly verb: string;
}

/** fmt.Sprintf. */
export function sprintf(format: string, values: readonly unknown[], shapes: Shapes): string {
  const pattern = /%([-+# 0]*)(\[\d+\])?(\*|\d+)?(?:\.(\*|\d+)?)?(\[\d+\])?(.)?/gsu;
  let next = 0;
  let isReordered = false;
  const take = (): { value: unknown; missing: boolean } => ({ missing: next >= values.length, value: values[next++] });
  const size = (text: string | undefined): number | undefined => {
    const size = text === "*" ? Number(take().value) : text === undefined ? undefined : Number(text);
    return size === undefined ? undefined : Math.min(size, widthMax);
  };
  const jump = (index: string | undefined): void => {
    if (index === undefined) return;
    next = Number(index.slice(1, -1)) - 1;
    isReordered = true;
  };
  const text = format.replace(pattern, (whole: string, flags: string, before, width, precision, after, verb) => {
    if (verb === undefined) return "%!(NOVERB)";
    if (verb === "%" && whole === "%%") return "%";
    jump(before);
    const wide = size(width);
    const dot = whole.includes(".") ? (size(precision) ?? 0) : undefined;
    jump(after);
    if (next < 0 || (isReordered && next >= values.length)) return `%!${verb}(BADINDEX)`;
    const { value, missing } = take();
    if (missing) return `%!${verb}(MISSING)`;
    return directive({ flags, width: wide, precision: dot, verb }, value, shapes);
  });
  if (isReordered || next >= values.length) return text;
  const extra = values.slice(next).map((value) => `${shapes.typeOf(value)}=${formatValue(value, shapes)}`);
  return `${text}%!(EXTRA ${extra.join(", ")})`;
}

function directive(how: Directive, value: unknown, shapes: Shapes): string {
  const body = verbText(how, value, shapes);
  if (body === undefined) return `%!${how.verb}(${shapes.typeOf(value)}=${formatValue(value, shapes)})`;
  return pad(body, how, typeof value === "number" || typeof value === "bigint");
}

function pad(body: string, how: Directive, isNumber: boolean): string {
  const gap = (how.width ?? 0) - [...body].length;
  if (gap <= 0) return body;
  if (how.flags.includes("-")) return body + " ".repeat(gap);
  if (!how.flags.includes("0") || !isNumber) return " ".repeat(gap) + body;
  const sign = /^[+-]/.exec(body)?.[0] ?? "";
  return sign + "0".repeat(gap) + body.slice(sign.length);
}

function verbText(how: Directive, value: unknown, shapes: Shapes): string | undefined {
  const { verb, flags, precision } = how;
  if (verb === "T") return shapes.typeOf(value);
  if (verb === "v") {
    if (flags.includes("#")) return typeof value === "string" ? goQuote(value) : formatValue(value, shapes, { plus: true });
    return formatValue(value, shapes, { plus: flags.includes("+") });
  }
  if (Array.isArray(value)) return `[${value.map((item) => directive({ ...how, width: undefined }, item, shapes)).join(" ")}]`;
  if (typeof value === "string") return stringText(how, value);
  // A number with a text of its own, as a time.Duration is.
  if (value instanceof Number) return "sqxX".includes(verb) ? stringText(how, String(value)) : verbText(how, Number(value), shapes);
  if (typeof value === "object" && value !== null) return objectText(how, value, shapes);
  if (typeof value === "boolean") return verb === "t" ? String(value) : undefined;
  if (typeof value === "bigint" || Number.isInteger(value)) {
    const text = integerText(how, value as number | bigint);
    if (text !== undefined || typeof value === "bigint") return text;
  }
  return typeof value === "number" && !(Number.isInteger(value) && precision === undefined && verb === "s") ? floatText(how, value) : undefined;
}

/** Keys of a map and all values, each by the same verb. */
function objectText(how: Directive, value: object, shapes: Shapes): string | undefined {
  const isMap = shapes.kindOf(value) === "map";
  const each = { ...how, width: undefined };
  const parts = shapes.keys(value).map((key) => {
    const text = directive(each, shapes.field(value, key).value, shapes);
    return isMap ? `${directive(each, key, shapes)}:${text}` : text;
  });
  return isMap ? `map[${parts.join(" ")}]` : `{${parts.join(" ")}}`;
}

function stringText({ verb, precision, flags }: Directive, value: string): string | undefined {
  const cut = precision === undefined ? value : [...value].slice(0, precision).join("");
  if (verb === "s") return cut;
  if (verb === "q") return flags.includes("#") && !cut.includes("`") ? `\`${cut}\`` : goQuote(cut);
  if (verb !== "x" && verb !== "X") return undefined;
  const hex = Buffer.from(value).toString("hex");
  return verb === "X" ? hex.toUpperCase() : hex;
}

function integerText({ verb, flags }: Directive, value: number | bigint): string | undefined {
  const sign = value < 0 ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const size = value < 0 ? -value : value;
  const alternate = flags.includes("#");
  switch (verb) {
    case "d": return sign + size.toString();
    case "x": return `${sign}${alternate ? "0x" : ""}${size.toString(16)}`;
    case "X": return `${sign}${alternate ? "0X" : ""}${size.toString(16).toUpperCase()}`;
    case "o": return `${sign}${alternate ? "0" : ""}${size.toString(8)}`;
    case "b": return sign + size.toString(2);
    case "c": return Number(size) <= 0x10ffff ? String.fromCodePoint(Number(size)) : "\ufffd";
    case "q": return Number(size) <= 0x10ffff ? `'${String.fromCodePoint(Number(size))}'` : undefined;
    case "U": return `U+${size.toString(16).toUpperCase().padStart(4, "0")}`;
    default: return undefined;
  }
}

function floatText({ verb, precision, flags }: Directive, value: number): string | undefined {
  const sign = value >= 0 && flags.includes("+") ? "+" : "";
  const digits = Math.min(precision ?? 6, 100);
  switch (verb) {
    case "f":
    case "F": return sign + value.toFixed(digits);
    case "e": return sign + goExponent(value.toExponential(digits));
    case "E": return sign + goExponent(value.toExponential(digits)).toUpperCase();
    case "g":
    case "G": return sign + (precision === undefined ? formatFloat(value) : formatG(value, digits));
    default: return undefined;
  }
}
