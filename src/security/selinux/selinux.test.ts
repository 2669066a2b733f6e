// SELinux in tables: labels of containers, which expressions reach a path, lookups, port records, and denials.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { freeLevel, labelsOf, optionsLike, parseContext, sharedLabel, type LabelWishes } from "../labels.ts";
import { readAvcs } from "../udica/avc.ts";
import { templateNames, templateText } from "../udica/templates.ts";
import { lookupType, readFileContexts, readSubstitutions, substitute } from "./file-contexts.ts";
import { reaches } from "./label-source.ts";
import { inPolicyOrder, readLocalPorts, readPortStatements } from "./policy-store.ts";
import { checkRelabel, relabelTree } from "./relabel.ts";

const place = mkdtempSync("/tmp/coracle-selinux-");
afterAll(() => rmSync(place, { recursive: true, force: true }));

const contexts = { process: "system_u:system_r:container_t:s0", file: "system_u:object_r:container_file_t:s0" };
const given = (options: string[], isTaken: LabelWishes["isTaken"] = () => false) => labelsOf({ options, contexts, isTaken });

test("a container gets two categories, the same for its process and its files", () => {
  const { process: own, mount } = given([]);
  expect(own).toMatch(/^system_u:system_r:container_t:s0:c\d+,c\d+$/);
  expect(parseContext(mount)).toEqual({ ...parseContext(contexts.file), level: parseContext(own).level });
});

for (const [options, own, mount] of [
  [["level:s0:c1,c2"], "system_u:system_r:container_t:s0:c1,c2", "system_u:object_r:container_file_t:s0:c1,c2"],
  [["type:my.process", "level:s0"], "system_u:system_r:my.process:s0", "system_u:object_r:container_file_t:s0"],
  [["user:me_u", "role:me_r", "filetype:my_file_t", "level:s0"], "me_u:me_r:container_t:s0", "me_u:object_r:my_file_t:s0"],
  [["disable"], "", "system_u:object_r:container_file_t:s0:c1022,c1023"], [["nested", "level:s0"], "system_u:system_r:container_t:s0", "system_u:object_r:container_file_t:s0"],
] as const) {
  test(`label=${options.join(", label=")}`, () => expect(given([...options])).toEqual({ process: own, mount }));
}

for (const option of ["colour:red", "type", "type:", "", "level:s0\nx", "type:a b", "__proto__:x", `type:${"a".repeat(300)}`]) {
  test(`a label option is refused: ${JSON.stringify(option.slice(0, 20))}`, () => expect(() => given([option])).toThrow("invalid label option"));
}

test("no two live containers share a pair, and running out of pairs is said", () => {
  const taken = new Set<string>();
  for (let count = 0; count < 5000; count++) {
    const level = freeLevel(known => taken.has(known));
    expect(taken.has(level)).toBe(false);
    taken.add(level);
  }
  let number = 0;
  const numbers = [1 / 1024, 2 / 1024, 3 / 1024, 3 / 1024, 5 / 1024, 4 / 1024];
  expect(freeLevel(level => level === "s0:c1,c2", () => numbers[number++]!)).toBe("s0:c4,c5");
  expect(() => freeLevel(() => true)).toThrow("cannot find two SELinux categories");
});

test("another container's label gives options that lead to it again", () => {
  const label = "a_u:b_r:c_t:s0:c3,c4";
  expect(given(optionsLike(label)).process).toBe(label);
  expect(given(optionsLike("")).process).toBe("");
  expect(sharedLabel("a:b:c:s0:c3,c4")).toBe("a:b:c:s0");
});

const reach: [expression: string, path: string, does: boolean][] = [
  ["/var/spool(/.*)?", "/var/spool", true], ["/var/spool/cron", "/var/spool", true], ["/var/spool", "/var/spool", true], ["/var/spool", "/var/spool/", true],
  ["/var/spoolx(/.*)?", "/var/spool", false], ["/var/spool\\.old", "/var/spool", false], ["/var/spool.*", "/var/spool", true], ["/var/spool[0-9]", "/var/spool", false],
  ["/var/log(ging)?/x", "/var/log", true], ["/var/log(ging|x)", "/var/log", false], ["/etc/my\\.d(/.*)?", "/etc/my.d", true], ["/etc/my.d", "/etc/my.d", false],
  ["/var", "/var/spool", false], ["/.*", "/", true], ["/home/[^/]+/.*", "/home", true], ["/var/spoo(l)?/x", "/var/spool", false], ["/var/spools?", "/var/spool", false],
];
for (const [expression, path, does] of reach) test(`${expression} ${does ? "reaches" : "does not reach"} ${path}`, () => expect(reaches(expression, path)).toBe(does));

test("the last match wins, a literal one before all, <<none>> is none, and lines that are none are left out", () => {
  const found = readFileContexts(["/.*  a:b:default_t:s0", "# /x a:b:c_t:s0", "/x(/.*)? -- a:b:x_t:s0", "/x/lit a:b:lit_t:s0", "/x/.*\t-d\ta:b:later_t:s0", "/x/none <<none>>", "rubbish", "/y a", "/z -q a:b:z_t:s0",
    "/bad(x a:b:bad_t:s0", "/opt?ional/x a:b:opt_t:s0"].join("\n"));
  const at = (path: string) => lookupType(found, path);
  expect([at("/q"), at("/x"), at("/x/y"), at("/x/lit"), at("/x/none"), at("/opional/x"), at("/bad(x")]).toEqual(["default_t", "x_t", "later_t", "lit_t", undefined, "opt_t", "default_t"]);
  expect(lookupType([], "/x")).toBeUndefined();
});

test("paths are substituted by whole components", () => {
  const lists = [readSubstitutions("/srv/www /var/www\n# c\n/only\n"), readSubstitutions("/usr/local/bin /usr/bin\n/mnt /\n")];
  const at = (path: string) => substitute(path, lists);
  expect([at("/srv/www/x"), at("/srv/wwwx"), at("/usr/local/bin"), at("/mnt/etc"), at("/mnt"), at("/a/")]).toEqual(["/var/www/x", "/srv/wwwx", "/usr/bin", "/etc", "/", "/a"]);
});

test("port records are read from both forms, narrow ones first", () => {
  expect(readLocalPorts("portcon tcp 8080 a:b:x_t:s0\nportcon udp 1 - 5 a:b:y_t:s0\nportcon tcp 1-2 a:b:z_t:s0\nrubbish\nportcon tcp x a:b:c:s0").map(({ type, low, high }) => [type, low, high]))
    .toEqual([["x_t", 8080, 8080], ["y_t", 1, 5], ["z_t", 1, 2]]);
  const ports = readPortStatements("(portcon tcp (1 511) (system_u object_r wide_t ((s0) (s0))))(portcon tcp 21 (system_u object_r one_t ((s0) (s0))))");
  expect(inPolicyOrder(ports).map(({ type }) => type)).toEqual(["one_t", "wide_t"]);
});

const denial = (words: string, source = "a.process"): string => `type=AVC msg=audit(1:1): avc:  denied  ${words} for  pid=1 comm="x" scontext=u:r:${source}:s0:c1,c2 tcontext=u:r:tmp_t:s0 tclass=file permissive=1`;

test("denials become rules in the order of their last one; what was granted is left out", () => {
  const text = [denial("{ read open }"), denial("{ write }", "b.process"), denial("{ open getattr }"), denial("{ map }").replace("denied", "granted"), "type=SYSCALL x",
    denial("{ exec }").replace("type=AVC msg=", "kernel: audit: type=1400 ")].join("\n");
  expect(readAvcs(text)).toEqual([
    { source: "b.process", target: "tmp_t", class: "file", permissions: ["write"] },
    { source: "a.process", target: "tmp_t", class: "file", permissions: ["read", "open", "getattr", "exec"] },
  ]);
});

for (const line of [denial("{ read"), denial(""), denial("{  }"), denial("{ re)ad }"), denial("{ read }").replace("tclass", "t"), denial("{ read }", "a)(b")]) {
  test(`a denial that is cut short or holds no words is refused: ${line.slice(35, 60)}`, () => expect(() => readAvcs(line)).toThrow());
}

test("directories of the system are not relabelled, those below them are", () => {
  for (const path of ["/", "/usr", "/usr/", "//home", "/etc", "/root", "/tmp", "/var/lib"]) expect(() => checkRelabel(path, "/home/me")).toThrow("is not allowed");
  expect(() => checkRelabel("/home/me", "/home/me/")).toThrow("SELinux relabeling of /home/me is not allowed");
  for (const path of ["/usr/x", "/srv/data", "/home/me/x"]) checkRelabel(path, "/home/me");
});

test.skipIf(process.getuid?.() !== 0)("a tree gets one label, links are not followed", async () => {
  const { getXattr } = await import("../../kernel/xattr.ts");
  mkdirSync(`${place}/tree/deep`, { recursive: true });
  writeFileSync(`${place}/tree/deep/f`, "");
  writeFileSync(`${place}/outside`, "");
  const { symlinkSync } = await import("node:fs");
  symlinkSync("../outside", `${place}/tree/link`);
  relabelTree(`${place}/tree`, "u:r:t_t:s0");
  const label = (path: string) => Buffer.from(getXattr(path, "security.selinux") ?? []).toString();
  expect([label(`${place}/tree`), label(`${place}/tree/deep/f`), label(`${place}/outside`)]).toEqual(["u:r:t_t:s0\0", "u:r:t_t:s0\0", ""]);
  // Killed half-way, the top has it already: the rest is looked at, and what has it stays untouched.
  writeFileSync(`${place}/tree/new`, "");
  const changed = statSync(`${place}/tree/deep/f`).ctimeMs;
  relabelTree(`${place}/tree`, "u:r:t_t:s0");
  expect(label(`${place}/tree/new`)).toBe("u:r:t_t:s0\0");
  expect(statSync(`${place}/tree/deep/f`).ctimeMs).toBe(changed);
  relabelTree(`${place}/nowhere`, "u:r:t_t:s0");
  expect(() => relabelTree("/proc/self/status", "u:r:t_t:s0")).not.toThrow();
});

test("there are nine templates in each flavour, with balanced brackets and the blocks that policies name", () => {
  expect(templateNames.length).toBe(9);
  for (const flavour of ["refpolicy", "fedora"] as const) {
    const all = templateNames.map(name => templateText(name, flavour).replace(/;.*/g, ""));
    for (const text of all) expect(text.split("(").length).toBe(text.split(")").length);
    const blocks = all.join("").match(/(?<=\(block )\w+/g)!;
    expect([...blocks].sort()).toEqual(["container", "net_container", "restricted_net_container", "tty_container", "virt_container", "x_container",
      ...["log", "home", "tmp", "config"].flatMap(part => ["", "_rw", "_manage"].map(level => `${part}${level}_container`))].sort());
  }
  expect(() => templateText("../../etc/passwd", "refpolicy")).toThrow("there is no template");
});
