// Starting up: what `podman --version` loads, and that the executable reads nothing of the folder it is called in.
// The graph comes from the bundler's own account of the chunks, the hostile folder is tried on real executables.

import { beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const top = join(import.meta.dir, "..");
const folder = mkdtempSync(join(tmpdir(), "startup-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

interface Chunk {
  readonly imports: readonly { readonly path: string; readonly kind: string }[];
  readonly inputs: Readonly<Record<string, unknown>>;
}

let chunks: Readonly<Record<string, Chunk>> = {};

beforeAll(async () => {
  const built = await Bun.build({
    entrypoints: [join(top, "src/main.ts")], outdir: join(folder, "split"), target: "bun", splitting: true, minify: true, metafile: true, root: top,
  });
  chunks = (built as unknown as { metafile: { outputs: Record<string, Chunk> } }).metafile.outputs;
});

const named = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Source files of a chunk and of all that it imports before it runs. */
function loadedWith(entry: string): string[] {
  const wanted = [Object.keys(chunks).find((path) => Object.keys(chunks[path]!.inputs).some((input) => input.endsWith(entry)))!];
  const seen = new Set<string>();
  while (wanted.length > 0) {
    const path = named(wanted.pop()!);
    const chunk = Object.entries(chunks).find(([known]) => named(known) === path)?.[1];
    if (chunk === undefined || seen.has(path)) continue;
    seen.add(path);
    for (const { path: next, kind } of chunk.imports) if (kind === "import-statement") wanted.push(next);
  }
  const files = [...seen].flatMap((path) => Object.keys(Object.entries(chunks).find(([known]) => named(known) === path)![1].inputs));
  return files.map((file) => file.slice(file.indexOf("src/"))).sort();
}

test("--version loads main, the parser and one table of contents: no verb, no engine, no store", () => {
  const files = [...new Set([...loadedWith("src/main.ts"), ...loadedWith("src/commands/podman.ts")])];
  expect(files).toContain("src/commands/podman.ts");
  expect(files.filter((file) => !/^src\/(main\.ts|base\/|cli\/|commands\/[a-z-]+\.ts$)/.test(file))).toEqual([]);
  expect(files.filter((file) => /^src\/cli\/(template|report|help|completion)/.test(file))).toEqual([]);
  expect(files.length).toBeLessThanOrEqual(24);
});

test("a verb is a chunk of its own", () => {
  expect(loadedWith("src/commands/system/version.ts")).toContain("src/commands/system/version.ts");
  expect(loadedWith("src/main.ts")).not.toContain("src/commands/system/version.ts");
});

function hostile(name: string): string {
  const place = mkdtempSync(join(folder, name));
  writeFileSync(join(place, "evil.ts"), `require("node:fs").writeFileSync(${JSON.stringify(join(place, "trace"))}, "ran");`);
  writeFileSync(join(place, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
  writeFileSync(join(place, ".env"), "CONTAINER_HOST=tcp://evil.test\n");
  return place;
}

/** The options of `--help` without --remote tell that CONTAINER_HOST was seen. */
function helpIn(executable: string, place: string): string {
  const env = { PATH: process.env["PATH"], HOME: place };
  return Bun.spawnSync([executable, "podman", "--help"], { cwd: place, env, stderr: "inherit" }).stdout.toString();
}

test("the executable runs no bunfig.toml and reads no .env of the current folder", () => {
  const built = Bun.spawnSync([process.execPath, join(top, "tools/build.ts"), "--out", join(folder, "out")]);
  expect(built.exitCode).toBe(0);
  const place = hostile("ours");
  expect(helpIn(join(folder, "out/coracle"), place)).toContain("--remote ");
  expect(existsSync(join(place, "trace"))).toBe(false);
}, 60_000);

test("the folder is hostile: an executable built without care is caught by it", () => {
  const careless = join(folder, "careless");
  const words = ["build", "--compile", "--compile-autoload-dotenv", "--compile-autoload-bunfig", "--outfile", careless, join(top, "src/main.ts")];
  expect(Bun.spawnSync([process.execPath, ...words]).exitCode).toBe(0);
  const place = hostile("control");
  const help = helpIn(careless, place);
  expect([help.includes("--remote "), existsSync(join(place, "trace"))]).toEqual([false, true]);
}, 60_000);
