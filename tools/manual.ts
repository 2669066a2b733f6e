// Writes manual pages and shell completions from the declarations of the verbs.
// Usage: bun tools/manual.ts [--out DIR]     to DIR/man/man1 and DIR/completions/{bash,zsh,fish}; default out

import * as fs from "node:fs";
import * as path from "node:path";
import { manualPages } from "../src/cli/manual.ts";
import { shells, shellScript } from "../src/cli/shell-scripts.ts";
import { podman } from "../src/commands/podman.ts";
import { ownVersion } from "../src/commands/version.ts";

const fileNames = { bash: (name: string) => name, zsh: (name: string) => `_${name}`, fish: (name: string) => `${name}.fish` };

async function main(): Promise<void> {
  const at = process.argv.indexOf("--out");
  const out = path.resolve(at < 0 ? path.join(import.meta.dir, "../out") : (process.argv[at + 1] ?? "out"));
  const date = new Date((Number(process.env["SOURCE_DATE_EPOCH"]) || Date.now() / 1000) * 1000).toISOString().slice(0, 10);
  const personas = [podman(), { ...podman(), name: "coracle" }];
  let count = 0;
  for (const persona of personas) {
    for (const page of await manualPages(persona, { date, source: `Coracle ${ownVersion}` })) {
      write(path.join(out, "man/man1", page.file), page.roff);
      count++;
    }
    for (const shell of shells) write(path.join(out, "completions", shell, fileNames[shell](persona.name)), shellScript(shell, persona.name));
  }
  console.log(`${count} manual pages and ${shells.length * personas.length} completions in ${out}`);
}

function write(file: string, text: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

await main();
