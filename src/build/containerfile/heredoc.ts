// Here-documents: the "<<NAME" marks of RUN, COPY and ADD lines.
// Source: Dockerfile reference, "Here-documents".

export interface HeredocMark {
  readonly name: string;
  readonly expand: boolean;
  readonly chomp: boolean;
}

const canHave = /^\s*(?:onbuild\s+)?(?:run|copy|add)\s/i;
const markPattern = /^(\d*)<<(-?)([^<]*)$/;

/** The mark that a word is, if it is one. */
export function heredocMark(word: string): HeredocMark | undefined {
  const found = markPattern.exec(word);
  if (found === null) return undefined;
  const written = found[3]!;
  const name = written.replace(/(["'])(.*?)\1/g, "$2").replace(/\\(.)/g, "$1");
  if (name === "" || /["']/.test(name) || /\s/.test(written.replace(/(["']).*?\1/g, ""))) return undefined;
  return { name, expand: name === written, chomp: found[2] === "-" };
}

/** In the order of the line; none in JSON form or inside quotes. */
export function heredocsOf(line: string): HeredocMark[] {
  if (!canHave.test(line) || !line.includes("<<")) return [];
  if (/^\s*(?:onbuild\s+)?\w+(?:\s+--\S+)*\s+\[.*\]\s*$/i.test(line)) return [];
  return rawWords(line).flatMap(word => heredocMark(word) ?? []);
}

/** Words with their quotes kept. */
function rawWords(line: string): string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const one = line[at]!;
    if (quote !== "") {
      if (one === "\\" && quote === '"') word += line[at++] ?? "";
      if (line[at] === quote) quote = "";
      word += line[at] ?? "";
    } else if (/\s/.test(one)) {
      if (word !== "") words.push(word);
      word = "";
    } else {
      if (one === "'" || one === '"') quote = one;
      word += one;
      if (one === "\\" && at + 1 < line.length) word += line[++at];
    }
  }
  if (word !== "") words.push(word);
  return words;
}
