// Views: tables, templates, json and completion of one declaration.

import { expect, test } from "bun:test";
import { completesFormat, showOne, showRows, view } from "./view.ts";

interface Row { readonly id: string; readonly names: readonly string[] }

const shown = view<Row>({
  name: "ps",
  type: "containers.psReporter",
  table: "table {{.ID}}\t{{.Names}}",
  columns: {
    ID: ["CONTAINER ID", (row) => row.id],
    Names: ["NAMES", (row) => row.names.join(",")],
    Label: ["LABEL", () => (name: string) => `<${name}>`],
  },
  json: (row) => ({ Id: row.id }),
});
const rows = [{ id: "0123456789ab", names: ["web"] }, { id: "ab", names: ["db", "sql"] }];

for (const [format, text] of [
  [undefined, "CONTAINER ID  NAMES\n0123456789ab  web\nab            db,sql\n"],
  ["table {{.Names}} {{.ID}}", "NAMES       CONTAINER ID\nweb         0123456789ab\ndb,sql      ab\n"],
  ["{{.ID}}", "0123456789ab\nab\n"],
  ["{{.ID}} {{.Names}}", "0123456789ab web\nab db,sql\n"],
  ["{{.ID}}\\t{{.Names}}", "0123456789ab\tweb\nab\tdb,sql\n"],
  ['{{"\\n"}}', "\n\n"],
  ["{{range .}}{{.ID}};{{end}}", "0123456789ab;ab;\n"],
  ['{{.Label "a"}}', "<a>\n<a>\n"],
  ["json", '[\n    {\n        "Id": "0123456789ab"\n    },\n    {\n        "Id": "ab"\n    }\n]\n'],
] as const) {
  test(`rows by ${format}`, async () => expect(await showRows(shown, rows, { format })).toBe(text));
}

test("without rows only the heading, without a heading nothing", async () => {
  expect(await showRows(shown, [])).toBe("CONTAINER ID  NAMES\n");
  expect(await showRows(shown, [], { noHeading: true })).toBe("");
  expect(await showRows(shown, [], { format: "{{.Foo}}" })).toBe("");
});

test("an unknown column is told with the row's type", async () => {
  const fault = `template: ps:1:13: executing "ps" at <.Foo>: can't evaluate field Foo in type containers.psReporter`;
  await expect(showRows(shown, rows, { format: "{{.Foo}}" })).rejects.toThrow(fault);
});

test("one value by template and as json", async () => {
  const showing = { name: "inspect", type: "*define.X", aliases: { ID: "Id" } };
  expect(await showOne({ Id: "x", Config: { Labels: {} } }, "{{.ID}} {{.Id}} {{.Config.Labels}}", showing)).toBe("x x map[]\n");
  expect(await showOne({ a: 1 }, "json", { name: "inspect", jsonIndent: " " })).toBe('{\n "a": 1\n}\n');
});

test("completion of format: a word, a column, a dotted column in two steps", async () => {
  const at = { context: undefined, operands: [], flags: {} };
  const complete = completesFormat(["ID", "Client.Version", "Client.Os"]);
  const words = async (word: string) => {
    const found = await complete(word, at);
    return "words" in found ? found.words : found;
  };
  expect(await words("")).toEqual(["json"]);
  expect(await words("{{.")).toEqual(["{{.ID}}", "{{.Client."]);
  expect(await words("{{.Client.V")).toEqual(["{{.Client.Version}}"]);
  expect(await words("x {{ range .}}{{.I")).toEqual(["x {{ range .}}{{.ID}}"]);
  expect(await words("{{.ID}}")).toEqual(["json"]);
});

test("formats that only name columns print as they do through the template's run", async () => {
  const mixed = view<number>({
    name: "mixed",
    type: "mixedRow",
    columns: { Text: ["TEXT", (row) => `row ${row}`], Count: ["COUNT", (row) => row], Truth: ["TRUTH", (row) => row > 1], Labels: ["LABELS", (row) => ({ a: String(row) })], Call: ["CALL", () => (word: string) => word] },
    table: "table {{.Text}}\t{{.Count}}",
  });
  const rows = [1, 2, 30];
  for (const columns of ["{{.Text}}", "{{.Count}} of {{.Truth}}", "{{.Labels}} {{.Text}}", "x"]) {
    // A pipe of its own keeps the second from the short way.
    const [short, long] = [columns, columns.replaceAll(/\{\{(\.\w+)\}\}/g, "{{$1}}{{if false}}{{end}}")];
    expect([columns, await showRows(mixed, rows, { format: short })]).toEqual([columns, await showRows(mixed, rows, { format: long })]);
    expect(await showRows(mixed, rows, { format: `table ${short}` })).toBe(await showRows(mixed, rows, { format: `table ${long}` }));
  }
  expect(await showRows(mixed, rows, { format: '{{.Call "said"}}' })).toBe("said\nsaid\nsaid\n");
  expect(showRows(mixed, rows, { format: "{{.Nosuch}}" })).rejects.toThrow("can't evaluate field Nosuch");
});
