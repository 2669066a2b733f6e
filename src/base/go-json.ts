// JSON as Go's encoding/json prints it, byte for byte.
// Source: Go's encoding/json Marshal and MarshalIndent, by their results.

export interface GoJsonOptions {
  /** One level of indentation, such as four spaces; absent prints on one line. */
  readonly indent?: string;
  /** Whether < > & become \u003c …; Go's default is true. */
  readonly escapeHtml?: boolean;
}

const escapes: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** Absent (undefined) fields are left out; order of keys is the object's own. */
export function goJson(value: unknown, options: GoJsonOptions = {}): string {
  const text = JSON.stringify(value ?? null, exact, options.indent);
  const html = options.escapeHtml ?? true;
  return text
    .replace(html ? /[<>&\u2028\u2029]/g : /[\u2028\u2029]/g, (mark) => escapes[mark] ?? mark)
    .replace(/\\ud[89a-f][0-9a-f]{2}/g, "\\ufffd");
}

function exact(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") {
    const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown };
    return rawJSON ? rawJSON(String(value)) : Number(value);
  }
  if (value instanceof Map) return Object.fromEntries(value);
  return value;
}
