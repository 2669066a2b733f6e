// Columns of text lined up: cells are ended by tabs, a column lasts as long as consecutive lines have it.
// Source: Go's text/tabwriter, by its documented rules; podman uses it with width 12 and two spaces between.

export interface TableShape {
  /** The least width of a column, padding included. */
  readonly widthMin?: number;
  readonly padding?: number;
}

/** Replaces the tabs of `text` by spaces. Text after the last tab of a line belongs to no column. */
export function alignTabs(text: string, shape: TableShape = {}): string {
  if (!text.includes("\t")) return text;
  const { widthMin = 12, padding = 2 } = shape;
  const lines = text.split("\n").map((line) => line.split("\t"));
  const out = lines.map(() => "");
  let block: { from: number; to: number; column: number }[] = [{ from: 0, to: lines.length, column: 0 }];
  while (block.length > 0) {
    const deeper: typeof block = [];
    for (const { from, to, column } of block) alignColumn(from, to, column, deeper);
    block = deeper;
  }
  return out.join("\n");

  function alignColumn(from: number, to: number, column: number, deeper: typeof block): void {
    for (let row = from; row < to; row++) {
      if (!hasCell(row, column)) {
        out[row] += lines[row]?.[column] ?? "";
        continue;
      }
      let end = row;
      while (end < to && hasCell(end, column)) end++;
      fillColumn(row, end, column);
      deeper.push({ from: row, to: end, column: column + 1 });
      row = end - 1;
    }
  }

  function hasCell(row: number, column: number): boolean {
    return (lines[row]?.length ?? 0) - 1 > column;
  }

  function fillColumn(from: number, to: number, column: number): void {
    const cells = lines.slice(from, to).map((line) => line[column] ?? "");
    const widest = Math.max(...cells.map((cell) => [...cell].length));
    const width = Math.max(widthMin, widest + padding);
    for (const [index, cell] of cells.entries()) out[from + index] += cell + " ".repeat(width - [...cell].length);
  }
}
