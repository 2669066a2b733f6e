// Columns lined up as Go's tabwriter does.

import { expect, test } from "bun:test";
import { alignTabs } from "./table.ts";

test("columns are as wide as their widest cell and two blanks, at least 12", () => {
  expect(alignTabs("ID\tNAMES\tX\n0123456789abcdef\tweb\tY\n")).toBe(
    "ID                NAMES       X\n0123456789abcdef  web         Y\n",
  );
});

test("a line without tabs ends a column's run", () => {
  expect(alignTabs("aaaaaaaaaaaaaaaa\tb\nplain\nc\td\n")).toBe("aaaaaaaaaaaaaaaa  b\nplain\nc           d\n");
});

test("an empty cell keeps its width, text after the last tab has none", () => {
  expect(alignTabs("a\t\tz\nb\tc\tz\n")).toBe("a                       z\nb           c           z\n");
});

test("padding and least width may be others", () => {
  expect(alignTabs("Client:\tPodman\n", { widthMin: 0, padding: 1 })).toBe("Client: Podman\n");
});
