// Help pages, laid out as podman's.

import { expect, test } from "bun:test";
import { group, type AnyVerb } from "./command.ts";
import { bytes, text, texts, toggle, whole } from "./flag.ts";
import { flagLines, groupHelp, verbHelp } from "./help.ts";
import { any } from "./operands.ts";

const kill: AnyVerb<undefined> = {
  usage: "[options] CONTAINER [CONTAINER...]",
  about: "Sends a signal.",
  operands: any(),
  examples: ["podman kill web", "podman kill --signal TERM web"],
  flags: {
    all: toggle({ short: "a", help: "Signal all running containers" }),
    cidfile: texts({ help: "Read the container ID from the file" }),
    latest: toggle({ short: "l", help: 'Act on the latest container\nNot supported with the "--remote" flag' }),
    signal: text({ short: "s", help: "Signal to send to the container", fallback: "KILL" }),
    secret: toggle({ help: "Not shown", hidden: true }),
  },
  run() {},
};

test("a verb's page", () => {
  expect(verbHelp(kill, { path: "podman kill", summary: "Kill containers" })).toBe(`Kill containers

Description:
  Sends a signal.

Usage:
  podman kill [options] CONTAINER [CONTAINER...]

Examples:
  podman kill web
  podman kill --signal TERM web

Options:
  -a, --all                   Signal all running containers
      --cidfile stringArray   Read the container ID from the file
  -l, --latest                Act on the latest container
                              Not supported with the "--remote" flag
  -s, --signal string         Signal to send to the container (default "KILL")

`);
});

test("aliases are listed, and a verb without flags has no Options", () => {
  const page = verbHelp({ ...kill, flags: {}, usage: "" }, { path: "podman image list", summary: "List", aliases: ["ls"] });
  expect(page).toContain("Usage:\n  podman image list\n\nAliases:\n  list, ls\n");
  expect(page).not.toContain("Options:");
});

test("values without an argument, defaults and other types", () => {
  const lines = flagLines({
    pull: text({ help: "Pull", value: "string", bare: "always" }),
    memory: bytes({ help: "Memory" }),
    last: whole({ short: "n", help: "Last", fallback: -1 }),
  });
  expect(lines.split("\n")).toEqual([
    "  -n, --last int               Last (default -1)",
    "      --memory number[unit]    Memory",
    '      --pull string[="always"]   Pull',
    "",
  ].map((line) => line.replace(/(int|unit\]) +/, (_, word: string) => `${word}${" ".repeat(word === "int" ? 17 : 6)}`)));
});

test("a group's page lists its verbs by name, hidden ones not", () => {
  const load = async () => ({ default: kill });
  const page = groupHelp(group("Manage things", { stop: ["Stop", load], attach: ["Attach", load], gone: ["Gone", load, { hidden: true }] }), "podman thing");
  expect(page).toBe(`Manage things

Description:
  Manage things

Usage:
  podman thing [command]

Available Commands:
  attach      Attach
  stop        Stop

`);
});
