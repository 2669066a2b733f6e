// The program as a person meets it: names, help, usage errors, logging and completion, each in a process of its own.

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = join(import.meta.dir, "main.ts");

function podman(...words: string[]) {
  const ran = Bun.spawnSync([process.execPath, main, "podman", ...words], { stdin: "ignore" });
  return { status: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
}

test("--version, -v and --help end well", () => {
  expect(podman("--version")).toEqual({ status: 0, out: expect.stringMatching(/^podman version \d+\.\d+\.\d+\n$/), err: "" });
  expect(podman("-v").out).toBe(podman("--version").out);
  for (const words of [["help"], ["--help"], ["-h"]]) {
    const { status, out, err } = podman(...words);
    expect([status, out.split("\n")[0], err]).toEqual([0, "Manage pods, containers and images", ""]);
    expect(out).toMatch(/\nUsage:\n {2}podman \[options\] \[command\]\n\nAvailable Commands:\n/);
    expect(out).toMatch(/\n {2}-c, --connection string {6,}Connection to use/);
  }
});

test("help of a verb, asked in three ways", () => {
  const page = podman("version", "--help").out;
  expect(page).toContain("Usage:\n  podman version [options]\n\nOptions:\n  -f, --format string   Change the output format");
  expect(podman("help", "version").out).toBe(page);
  expect(podman("version", "-h").out).toBe(page);
});

for (const [words, message] of [
  [["version", "x"], "Error: `podman version` takes no arguments\n"],
  [["version", "--remote"], "Error: unknown flag: --remote\nSee 'podman version --help'\n"],
  [["bad", "--invalid"], "Error: unknown flag: --invalid\nSee 'podman --help'\n"],
  [["--log-level"], "Error: flag needs an argument: --log-level\nSee 'podman --help'\n"],
  [["version", "--root", "/x", "--bogus"], "Error: unknown flag: --bogus\nSee 'podman version --help'\n"],
  [["versoin"], "Error: unrecognized command `podman versoin`\n\nDid you mean this?\n\tversion\n\nTry 'podman --help' for more information\n"],
  [["nothing-like-it"], "Error: unrecognized command `podman nothing-like-it`\nTry 'podman --help' for more information\n"],
  [["version", "--format", "{{.Client.Foo}}"], 'Error: template: version:1:9: executing "version" at <.Client.Foo>: can\'t evaluate field Client in type *define.Version\n'],
] as const) {
  test(`podman ${words.join(" ")} fails with 125`, () => expect(podman(...words)).toEqual({ status: 125, out: "", err: message }));
}

test("without a command the help goes out and the error tells what misses", () => {
  const { status, out, err } = podman();
  expect([status, err]).toEqual([125, "Error: missing command 'podman COMMAND'\n"]);
  expect(out).toContain("Usage:");
});

test("log levels: unknown ones are refused, each shows its own and graver messages", () => {
  const refused = podman("--log-level=telepathic", "version");
  expect([refused.status, refused.err]).toEqual([1, expect.stringContaining('Log Level "telepathic" is not supported, choose from: trace, debug, ')]);
  const levels = (...words: string[]) => [...new Set([...podman(...words, "version").err.matchAll(/ level=(\w+) /g)].map((match) => match[1]!))].sort();
  expect(levels("--log-level=trace")).toEqual(["debug", "info", "trace"]);
  expect(levels("--log-level=debug")).toEqual(["debug", "info"]);
  expect(levels("-D")).toEqual(["debug", "info"]);
  expect(levels("--log-level=info")).toEqual(["info"]);
  expect(levels("--log-level=warn")).toEqual([]);
  expect(podman("--debug", "--log-level=panic", "version")).toMatchObject({ status: 1, err: "Setting --log-level and --debug is not allowed\n" });
});

test("--out sends output to a file, --noout nowhere", () => {
  const folder = mkdtempSync(join(tmpdir(), "out-"));
  expect(podman("--out", join(folder, "v"), "version", "-f", "json")).toEqual({ status: 0, out: "", err: "" });
  expect(JSON.parse(readFileSync(join(folder, "v"), "utf8")).Client.Version).toMatch(/^\d/);
  expect(podman("--noout", "version").out).toBe("");
  expect(podman("--out", "/nonexistent/v", "version").status).toBe(1);
  rmSync(folder, { recursive: true });
});

test("--remote is not offered where a remote service is already chosen", () => {
  expect(podman("--help").out).toContain(" --remote ");
  expect(podman("--url", "foo", "--help").out).not.toContain(" --remote ");
});

for (const [words, lines] of [
  [["ver"], ["version\tDisplay the Podman version information", ":4"]],
  [["version", "-"], ["--format\tChange the output format to JSON or a Go template", "-f\tChange the output format to JSON or a Go template", ":4"]],
  [["version", "--format", "{{.Client.V"], ["{{.Client.Version}}", ":6"]],
  [["--log-level=w"], ["warn", "warning", ":4"]],
  [["--log-level", "inf"], ["info", ":4"]],
  [["--root", ""], [":0"]],
  [["version", "--foo", ""], [":0"]],
  [["help", "versio"], ["version\tDisplay the Podman version information", ":4"]],
] as const) {
  test(`__complete ${words.join(" ")}`, () => {
    const { status, out } = podman("__complete", ...words);
    expect([status, out]).toEqual([0, `${lines.join("\n")}\n`]);
  });
}

test("__completeNoDesc leaves the descriptions out", () => {
  expect(podman("__completeNoDesc", "ver").out).toBe("version\n:4\n");
});

test("the name udica is udica, with its grammar and its statuses", () => {
  const ran = Bun.spawnSync([process.execPath, main, "udica", "one", "two"]);
  expect([ran.exitCode, ran.stderr.toString().trim().split("\n").at(-1)]).toEqual([2, "udica [confined_user]: error: unrecognized arguments: two"]);
});
