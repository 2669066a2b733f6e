// Keys that stand twice in one JSON object, which JSON.parse lets pass: two readers could then see two documents.
// Source: RFC 8259, section 4.

/** The first doubled key of a valid JSON text; undefined where there is none. */
export function findDoubledKey(text: string): string | undefined {
  const token = /"((?:[^"\\]|\\.)*)"\s*(:)?|[{}[\]]/g;
  const open: Set<string>[] = [];
  for (const [found, quoted, colon] of text.matchAll(token)) {
    if (found === "{" || found === "[") open.push(new Set());
    else if (found === "}" || found === "]") open.pop();
    else if (colon !== undefined) {
      const key = JSON.parse(`"${quoted}"`) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
