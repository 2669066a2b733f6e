// Plain values as YAML, the way podman info prints: sorted as given, two spaces, quotes only where needed.
// Source: YAML 1.2, block style.

/** Ends with a newline. */
export function toYaml(value: unknown): string {
  return `${block(value, 0).replace(/^\n/, "")}\n`;
}

function block(value: unknown, depth: number): string {
  if (Array.isArray(value)) return value.length === 0 ? " []" : value.map((item) => `\n${"  ".repeat(depth)}-${indented(item, depth)}`).join("");
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, one]) => one !== undefined);
    if (entries.length === 0) return " {}";
    return entries.map(([key, one]) => `\n${"  ".repeat(depth)}${scalar(key)}:${block(one, depth + 1)}`).join("");
  }
  return ` ${scalar(value)}`;
}

/** An item of a list: a mapping begins on the line of its dash. */
function indented(item: unknown, depth: number): string {
  const text = block(item, depth + 1);
  return text.startsWith("\n") ? ` ${text.trimStart()}` : text;
}

function scalar(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "string") return String(value);
  if (value.includes("\n")) return JSON.stringify(value);
  const isPlain = /^[A-Za-z/_.<(][^#\n]*$/.test(value) && !/: |:$|\s$/.test(value) && !/^(true|false|null|yes|no|on|off|~)$/i.test(value);
  if (isPlain) return value;
  return value === "" ? '""' : /^[\d.]+[A-Za-z][^#:]*$|^\d+\.\d+\.\d+/.test(value) ? value : JSON.stringify(value);
}
