// Manual pages and completion scripts, written from declarations.

import { expect, test } from "bun:test";
import { group, type Persona, type Verb } from "./command.ts";
import { text, toggle } from "./flag.ts";
import { manualPages } from "./manual.ts";
import { any } from "./operands.ts";
import { shells, shellScript } from "./shell-scripts.ts";

const remove: Verb<undefined> = {
  usage: "[options] CONTAINER",
  about: "Removes one.\n.dangerous",
  operands: any(),
  flags: { force: toggle({ short: "f", help: "Force it" }), by: text({ help: "Who does it", fallback: "me" }), secret: text({ help: "no", hidden: true }) },
  exits: { "container.not-found": 1 },
  examples: ["podman rm --force web"],
  run() {},
};
const load = async () => ({ default: remove });
const persona: Persona<undefined> = {
  name: "podman", about: "Manage pods", version: "1", globals: {}, inherited: new Set(),
  contents: { rm: ["Remove one", load], container: group("Manage containers", { rm: ["Remove one", load, { aliases: ["remove"] }] }) },
};

test("a page for the program, each group and each verb, with every part of the declaration", async () => {
  const pages = await manualPages(persona, { date: "2026-11-23", source: "Coracle" });
  expect(pages.map((page) => page.file)).toEqual(["podman.1", "podman-container.1", "podman-container-rm.1", "podman-rm.1"]);
  const { roff } = pages[2]!;
  for (const part of [
    '.TH "PODMAN-CONTAINER-RM" "1" "2026-11-23"', "podman-container-rm \\- Remove one", "\\fBpodman container remove\\fR [options] CONTAINER",
    "\\fB\\-f\\fR, \\fB\\-\\-force\\fR\nForce it.", "\\fB\\-\\-by\\fR=\\fIstring\\fR\nWho does it. The default is \"me\".",
    "\\fB1\\fR\ncontainer not found.", "$ podman rm \\-\\-force web",
  ]) expect(roff).toContain(part);
  expect(roff).not.toContain("secret");
  expect(roff).not.toMatch(/^\.dangerous/m);
});

for (const shell of shells) {
  test(`the ${shell} script asks the program itself`, () => {
    const script = shellScript(shell, "podman");
    expect(script).toMatch(/__complete/);
    expect(script).not.toMatch(/NAME|PROGRAM/);
  });
}

test("the bash script is sound bash and completes what the program answers", () => {
  const fake = "podman() { printf '%s\\n' \"${@: -1}ages\" other :4; }; ";
  const ask = "COMP_WORDS=(podman im); COMP_CWORD=1; __podman_complete; echo \"${COMPREPLY[@]}\"";
  const ran = Bun.spawnSync(["bash", "-c", `${fake}${shellScript("bash", "podman")}${ask}`]);
  expect(ran.stderr.toString()).toBe("");
  expect(ran.stdout.toString()).toBe("images\n");
});
