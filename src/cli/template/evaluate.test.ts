// Go templates: what they print, and how they complain. The cases and their answers come from podman's own output.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { GoDuration } from "../../base/duration.ts";
import { renderTemplate } from "./evaluate.ts";
import { Shapes } from "./value.ts";

const data = {
  Client: { Version: "5.8.6", Built: 1791764364, Os: "linux" },
  Labels: { b: "2", a: "1" },
  Names: ["web", "db"],
  Cmd: null,
  Gone: undefined,
  Size: 1.5,
  Took: new GoDuration(90e9),
  Label: (name: string) => `label ${name}`,
  On: true,
};

function render(text: string): string {
  const shapes = new Shapes();
  shapes.mark(data, "struct", "*define.Thing");
  return renderTemplate(text, data, { name: "ps", shapes });
}

for (const [text, shown] of [
  ["{{.Client.Version}} {{(.Client).Os}}", "5.8.6 linux"],
  ["{{.Labels}} {{.Names}} {{.Cmd}} {{.Gone}} {{.On}} {{.Size}}", "map[a:1 b:2] [web db] [] <nil> true 1.5"],
  ["{{.Labels.a}} {{.Labels.x}} {{index .Labels \"b\"}}|{{index .Labels \"x\"}}|", "1 <no value> 2||"],
  ["{{.Client}} {{printf \"%+v\" .Client}}", "{5.8.6 1791764364 linux} {Version:5.8.6 Built:1791764364 Os:linux}"],
  ["{{.Label \"x\"}}", "label x"],
  ['{{printf "%d-%s-%v-%q-%5d|%-5s|%05d|%x|%.2f|%t|%T" 1 "a" 3 "q" 42 "ab" 7 255 1.5 true "x"}}', '1-a-3-"q"-   42|ab   |00007|ff|1.50|true|string'],
  ['{{len "abc"}} {{index "abc" 1}} {{slice "abcdef" 1 3}}', "3 98 bc"],
  ["{{if and true false}}a{{else if or false 1}}b{{else}}c{{end}}", "b"],
  ['{{with $x := "y"}}{{$x}}{{end}}{{range $i, $c := split "a,b" ","}}{{$i}}{{$c}};{{end}}', "y0a;1b;"],
  ["{{range 3}}{{.}}{{end}}{{range .Cmd}}x{{else}}none{{end}}", "012none"],
  ["{{range $k, $v := .Labels}}{{$k}}={{$v}} {{end}}", "a=1 b=2 "],
  ["{{$n := 0}}{{range .Names}}{{$n = len .}}{{end}}{{$n}}", "2"],
  ["{{range .Names}}{{$.Client.Os}} {{end}}", "linux linux "],
  ["{{json .Labels}} {{json \"a<b\"}} {{json .Cmd}}", '{"b":"2","a":"1"} "a<b" null'],
  ['{{"a<b" | html}} {{js "a\'b"}} {{urlquery "a b&"}}', "a&lt;b a\\'b a+b%26"],
  ['{{eq 1 1 2}} {{ne "a" "b"}} {{lt 1 2}} {{ge "b" "a"}}', "true true true true"],
  ['{{define "t"}}T{{.}}{{end}}{{template "t" .Client.Os}}{{block "b" 3}}B{{.}}{{end}}', "TlinuxB3"],
  ['{{printf "%d" "a"}} {{printf "%s" 1}} {{printf "%d"}} {{printf "a" 1}} {{printf "%!"}}', "%!d(string=a) %!s(int=1) %!d(MISSING) a%!(EXTRA int=1) %!!(MISSING)"],
  ['{{print 1 2 "a" "b" 3}}', "1 2ab3"],
  ['{{truncate "abc" 2}} {{pad "a" 1 2}} {{title "ab cd"}} {{join (split "a,b" ",") "-"}} {{upper "x"}}', "ab  a   Ab Cd a-b X"],
  ["{{/* c */}}x{{- /* d */ -}} y a {{- 1 -}} b", "xy a1b"],
  ["{{1.5}} {{1e3}} {{0x10}} {{'a'}} {{`raw`}} {{true}}", "1.5 1000 16 97 raw true"],
  ['{{not 0}} {{not ""}} {{and 1 0 "x"}} {{or 0 "" "z"}}', "true true 0 z"],
  ['{{range split "a,b,c" ","}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}', "ac"],
  ['{{range split "a,b,c" ","}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', "a"],
  ['{{with ""}}x{{else with "k"}}{{.}}{{end}}', "k"],
  ['{{printf "%6.2f|%+d|%8s|%-8s|%c|%U|%o|%b|%e|%g|%%" 3.14159 5 "ab" "cd" 65 65 8 5 1.5 1.5}}', "  3.14|+5|      ab|cd      |A|U+0041|10|101|1.500000e+00|1.5|%"],
  ['{{.Took}} {{printf "%d|%s|%q|%v|%x" .Took .Took .Took .Took .Took}}', '1m30s 90000000000|1m30s|"1m30s"|1m30s|316d333073'],
  ['{{printf "%*d" 5 3}}{{printf "%[2]d %[1]d" 1 2}}', "    32 1"],
  ['{{"\\n"}}', "\n"],
] as const) {
  test(text, () => expect(render(text)).toBe(shown));
}

for (const [text, message] of [
  ["{{.Foo}}", `1:2: executing "ps" at <.Foo>: can't evaluate field Foo in type *define.Thing`],
  ["{{.client}}", `1:2: executing "ps" at <.client>: can't evaluate field client in type *define.Thing`],
  ["{{.Client.Version.Foo}}", `1:9: executing "ps" at <.Client.Version.Foo>: can't evaluate field Foo in type string`],
  ["\n{{.Foo}}", `2:2: executing "ps" at <.Foo>: can't evaluate field Foo in type *define.Thing`],
  ["{{.Gone.X}}", `1:7: executing "ps" at <.Gone.X>: nil pointer evaluating interface {}.X`],
  ["{{.constructor}}", `1:2: executing "ps" at <.constructor>: can't evaluate field constructor in type *define.Thing`],
  ["{{.Client.__proto__}}", `1:9: executing "ps" at <.Client.__proto__>: can't evaluate field __proto__ in type define.Client`],
  ['{{eq 1 "a"}}', '1:2: executing "ps" at <eq 1 "a">: error calling eq: incompatible types for comparison: int and string'],
  ['{{index (split "a,b" ",") 5}}', '1:2: executing "ps" at <index (split "a,b" ",") 5>: error calling index: index out of range: 5'],
  ["{{nil}}", '1:2: executing "ps" at <nil>: nil is not a command'],
  ['{{"abc" | truncate 2}}', '1:19: executing "ps" at <2>: expected string; found 2'],
  ['{{template "nope"}}', '1:11: executing "ps" at <{{template "nope"}}>: template "nope" not defined'],
  ["{{len 3}}", '1:2: executing "ps" at <len 3>: error calling len: len of type int'],
  ["{{upper}}", '1:2: executing "ps" at <upper>: wrong number of args for upper: want 1 got 0'],
  ["{{1 2}}", `1:2: executing "ps" at <1>: can't give argument to non-function 1`],
  ["{{range .On}}{{end}}", `1:8: executing "ps" at <.On>: range can't iterate over true`],
  ["{{call .Client.Os}}", `1:2: executing "ps" at <call .Client.Os>: error calling call: non-function of type string`],
  ["{{if}}x{{end}}", "1: missing value for if"],
  ["{{foo}}", '1: function "foo" not defined'],
  ["{{constructor}}", '1: function "constructor" not defined'],
  ["{{end}}", "1: unexpected {{end}}"],
  ["{{if true}}", "1: unexpected EOF"],
  ["{{$y}}", '1: undefined variable "$y"'],
  ['{{"unclosed}}', "1: unterminated quoted string"],
  ["{{.Client.}}", "1: unexpected <.> in operand"],
  ["{{.Client", "1: unclosed action"],
  ["{{(1}}", "1: unclosed left paren"],
  ["{{break}}", "1: {{break}} outside {{range}}"],
  ["{{/* x", "1: unclosed comment"],
  ["{{1 | 2}}", "1: non executable command in pipeline stage 2"],
  ['{{"a".B}}', '1: unexpected . after term "\\"a\\""'],
] as const) {
  test(`${text} is refused`, () => {
    expect(() => render(text)).toThrow(expect.objectContaining({ code: "usage.invalid", message: `template: ps:${message}` }));
  });
}

test("a template that calls itself ends", () => {
  expect(() => render('{{define "t"}}{{template "t"}}{{end}}{{template "t"}}')).toThrow("exceeded maximum template depth");
});

test("a loop without end ends", () => {
  expect(() => render("{{range 10000}}{{range 10000}}{{end}}{{end}}")).toThrow("exceeded maximum number of steps");
});

test("deep nesting is refused before it is run", () => {
  expect(() => render("{{if 1}}".repeat(500) + "{{end}}".repeat(500))).toThrow("exceeded maximum nesting depth");
  expect(() => render(`{{${"(".repeat(5000)}1${")".repeat(5000)}}}`)).toThrow("exceeded maximum nesting depth");
});

test("text without actions prints as it stands; no text whatever throws anything but a usage fault", () => {
  const part = fc.constantFrom("{{", "}}", ".", "Client", "|", "(", ")", '"', "`", "'", " ", "-", "range", "end", "if", "$x", ":=", "=", ",", "1", "printf", "%d", "\n");
  fc.assert(fc.property(fc.string().filter((text) => !text.includes("{{")), (text) => expect(render(text)).toBe(text)));
  fc.assert(
    fc.property(fc.array(fc.oneof(part, fc.string())), (parts) => {
      try {
        render(`{{${parts.join("")}`);
      } catch (error) {
        expect(error).toMatchObject({ code: "usage.invalid" });
      }
    }),
    { numRuns: 500 },
  );
});
