// Builds the one executable: out/coracle, with the names it answers to in out/bin.
// Usage: bun tools/build.ts [--out DIR]

import * as fs from "node:fs";
import * as path from "node:path";

const root = path.resolve(import.meta.dir, "..");
const names = ["coracle", "podman", "buildah", "skopeo", "udica"];

function main(): void {
  const at = process.argv.indexOf("--out");
  const out = at < 0 ? path.join(root, "out") : path.resolve(process.argv[at + 1] ?? "out");
  fs.mkdirSync(path.join(out, "bin"), { recursive: true });
  const file = path.join(out, "coracle");
  compile(file);
  for (const name of names) link(path.join(out, "bin", name));
  console.log(`${file}: ${(fs.statSync(file).size / 1e6).toFixed(1)} MB`);
}

/** Without the two autoload flags the executable would run code from a bunfig.toml or .env in the current directory. */
function compile(file: string): void {
  const staged = `${file}.new`;
  const built = Bun.spawnSync(
    [
      process.execPath, "build", "--compile", "--minify", "--splitting", "--bytecode", "--format=esm",
      "--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig",
      // Commands are over before compiled code pays: the compiler's pages and threads would be their greatest cost in memory.
      "--compile-jit-policy=100",
      "--no-compile-autoload-tsconfig", "--no-compile-autoload-package-json",
      "--define", `CORACLE_BUILT=${builtAt()}`,
      "--define", `CORACLE_COMMIT=${JSON.stringify(git("rev-parse", "HEAD"))}`,
      "--outfile", staged,
      path.join(root, "src/main.ts"),
      // The thread that unpacks layers; without it that work is done on the main thread, slower.
      path.join(root, "src/storage/inflate-worker.ts"),
    ],
    { cwd: root, stdout: "inherit", stderr: "inherit" },
  );
  if (built.exitCode !== 0) process.exit(built.exitCode);
  fs.renameSync(staged, file);
}

function builtAt(): number {
  const fixed = Number(process.env["SOURCE_DATE_EPOCH"]);
  return fixed > 0 ? fixed : Number(git("log", "-1", "--format=%ct")) || Math.floor(Date.now() / 1000);
}

function git(...words: string[]): string {
  const ran = Bun.spawnSync(["git", ...words], { cwd: root, stderr: "ignore" });
  return ran.exitCode === 0 ? ran.stdout.toString().trim() : "";
}

function link(place: string): void {
  fs.rmSync(place, { force: true });
  fs.symlinkSync("../coracle", place);
}

main();
