// podman build on a terminal: one screen that is drawn again as stages run, and what stays of it; plain lines everywhere else.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTerminal, podman } from "../fixtures/coracle.ts";
import { newFolder } from "../fixtures/place.ts";
import { IMAGE, withRegistry } from "../fixtures/store.ts";

withRegistry();

function context(...lines: string[]): string {
  const folder = newFolder("screen");
  writeFileSync(join(folder, "Containerfile"), `${lines.join("\n")}\n`);
  return folder;
}

/** What a terminal of that many rows would hold, with all that has scrolled away above it. */
function rendered(text: string): string[] {
  const lines: string[] = [""];
  for (const piece of text.replaceAll("\r", "").split(/(\x1b\[\d+A\x1b\[J|\n)/)) {
    const up = /^\x1b\[(\d+)A/.exec(piece);
    if (up) lines.splice(lines.length - 1 - Number(up[1]), Infinity, "");
    else if (piece === "\n") lines.push("");
    else lines[lines.length - 1] += piece;
  }
  return lines;
}

test("two stages run side by side are shown with their time and their programs' last lines, and stay as one line a step", async () => {
  const folder = context(
    `FROM ${IMAGE} AS one`, "RUN echo first-said; sleep 1.5; touch /1",
    `FROM ${IMAGE} AS two`, "RUN echo second-said; sleep 1.5; touch /2",
    "FROM scratch", "COPY --from=one /1 /1", "COPY --from=two /2 /2");
  const build = onTerminal(["podman", "build", "--network", "none", "-t", "screened", folder], { columns: 100 });
  await build.see(/● \[1\/3\] STEP 2\/2: RUN echo first-said[^\n]* {2}0\.\ds/);
  await build.see(/ {2}│ first-said\r\n● \[2\/3\] STEP 2\/2: RUN echo second-said[^\n]*\r\n {2}│ second-said\r\n/);
  await build.see(/RUN echo first-said[^\n]* {2}1\.\ds/);
  expect(await build.end()).toBe(0);
  const lines = rendered(build.text());
  expect(lines.filter(line => line.startsWith("●") || line.includes("│"))).toEqual([]);
  expect(lines.filter(line => /^✔ \[1\/3\] STEP 2\/2: RUN .* {2}[12]\.\ds$/.test(line)).length).toBe(1);
  expect(lines.filter(line => line.startsWith("✔")).length).toBe(7);
  expect(lines.at(-2)).toMatch(/^[0-9a-f]{64}$/);
  const again = onTerminal(["podman", "build", "--network", "none", folder], { columns: 100 });
  expect(await again.end()).toBe(0);
  expect(rendered(again.text()).filter(line => line.endsWith("  cached")).length).toBe(4);
}, 30_000);

test("a step that fails stays with its report, and long or steering lines do not break the screen", async () => {
  const folder = context(`FROM ${IMAGE}`, `RUN printf 'a\\033[2Jb\\n${"x".repeat(300)}\\n'; sleep 0.5; echo last words; exit 7`);
  const build = onTerminal(["podman", "build", "--network", "none", folder], { columns: 60 });
  expect(await build.end()).toBe(7);
  const text = build.text();
  expect(text).not.toContain("\x1b[2J");
  const lines = rendered(text);
  expect(lines.filter(line => line.startsWith("✘ STEP 2/2: RUN")).length).toBe(1);
  expect(lines).toContain("    | last words");
  expect(text).toContain("  │ ab\r\n");
  expect(text).toContain(`  │ ${"x".repeat(55)}\r\n`);
});

test("--progress=plain on a terminal, and any output that is none, have podman's plain lines", async () => {
  const folder = context(`FROM ${IMAGE}`, "RUN echo said");
  const plain = onTerminal(["podman", "build", "--progress", "plain", "--no-cache", "--network", "none", folder]);
  expect(await plain.end()).toBe(0);
  expect(plain.text()).toContain(`STEP 1/2: FROM ${IMAGE}\r\nSTEP 2/2: RUN echo said\r\nsaid\r\nCOMMIT\r\n`);
  expect(plain.text()).not.toMatch(/\x1b|●|✔/);
  const { out, err } = podman("build", "--no-cache", "--network", "none", folder);
  expect(out).toContain("STEP 2/2: RUN echo said\nsaid\nCOMMIT\n");
  expect(out + err).not.toMatch(/\x1b|●|✔/);
});
