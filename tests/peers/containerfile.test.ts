// Words, variables and ignore rules of builds by us and by the original buildah: random ones, which both must read alike or both refuse.
// Runs where PEER_ROOT names a root with the original; elsewhere there is nothing to compare with.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { run } from "../fixtures/coracle.ts";
import { newFolder, top } from "../fixtures/place.ts";

const theirs = "/usr/bin/buildah";
const ours = join(top, "out", "bin", "buildah");
const seed = 20261128;

/** Builds from scratch; the labels and the files of the image, or undefined where it was refused. */
function built(program: string, containerfile: string, files: readonly string[], ignore?: string): { labels: unknown; files: string } | undefined {
  const directory = newFolder("context");
  for (const file of files) {
    mkdirSync(dirname(join(directory, "tree", file)), { recursive: true });
    writeFileSync(join(directory, "tree", file), "");
  }
  writeFileSync(join(directory, "Containerfile"), containerfile);
  if (ignore !== undefined) writeFileSync(join(directory, "tree/.containerignore"), ignore);
  const store = newFolder("store");
  const globals = ["--root", join(store, "root"), "--runroot", join(store, "run"), ...(program === theirs ? ["--storage-driver", "vfs"] : [])];
  mkdirSync(join(directory, "tree"), { recursive: true });
  const image = join(store, "image.tar");
  const made = run([program, ...globals, "build", "--isolation", "chroot", "-f", join(directory, "Containerfile"), "-t", `docker-archive:${image}`, join(directory, "tree")]);
  if (made.status !== 0) return undefined;
  const config = run(["bash", "-c", `d=$(mktemp -d); tar -xf ${image} -C $d; cat $d/$(tar -xOf ${image} manifest.json | grep -o '"Config":"[^"]*' | cut -d'"' -f4); echo; for l in $(grep -o '[0-9a-f]*\\.tar\\|[0-9a-f]*/layer.tar' $d/manifest.json); do tar -tf $d/$l; done | grep -v '/$' | sort; rm -r $d`]).out;
  const [json = "{}", ...listing] = config.split("\n");
  const labels = Object.fromEntries(Object.entries((JSON.parse(json) as { config?: { Labels?: Record<string, string> } }).config?.Labels ?? {}).filter(([name]) => name.startsWith("l")));
  return { labels, files: listing.join("\n").trim() };
}

describe.skipIf(!existsSync(theirs))("beside the original", () => {
  test("expressions with variables come out the same, or are refused by both", () => {
    const name = fc.constantFrom("A", "B", "EMPTY", "NONE");
    const plain = fc.constantFrom("x", "a b", ".", "/", "a.b.c", "aXbX", "*", "?", "\\\\", "-", "");
    const pattern = fc.constantFrom("a", "*", "?", "*.", ".*", "x*", "b");
    const variable = fc.oneof(
      name.map(one => `$${one}`), name.map(one => `\${${one}}`),
      // Those without a colon, which Docker knows, the original refuses.
      fc.tuple(name, fc.constantFrom(":-", ":+"), plain).map(([one, by, word]) => `\${${one}${by}${word.replaceAll("\\", "")}}`),
      fc.tuple(name, fc.constantFrom("#", "##", "%", "%%"), pattern).map(([one, by, word]) => `\${${one}${by}${word}}`),
      fc.tuple(name, fc.constantFrom("/", "//"), pattern, fc.constantFrom("y", "")).map(([one, by, from, to]) => `\${${one}${by}${from}/${to}}`),
    );
    const expression = fc.array(fc.oneof(variable, plain), { minLength: 1, maxLength: 3 }).map(parts => parts.join(""));
    const words = fc.sample(expression, { seed, numRuns: 120 });
    const head = 'FROM scratch\nARG A=a.b.c\nARG B="x y"\nARG EMPTY=\n';
    const file = (chosen: readonly string[]): string => head + chosen.map((word, at) => `LABEL l${at}="${word}"\n`).join("");
    /** The words with what they become; one that is refused would hide the others, so they are halved until it stands alone. */
    const read = (program: string, some: readonly string[]): [string, unknown][] => {
      const labels = built(program, file(some), ["f"])?.labels as Record<string, string> | undefined;
      if (labels !== undefined) return some.map((word, at) => [word, labels[`l${at}`]]);
      if (some.length === 1) return [[some[0]!, "refused"]];
      const half = some.length >> 1;
      return [...read(program, some.slice(0, half)), ...read(program, some.slice(half))];
    };
    expect(read(ours, words)).toEqual(read(theirs, words));
  }, 300_000);

  test("ignore rules let the same files in", () => {
    const part = fc.constantFrom("a", "b", "*", "**", "?", "a*", "[ab]", ".x");
    const rule = fc.tuple(fc.constantFrom("", "!", "/"), fc.array(part, { minLength: 1, maxLength: 3 }), fc.constantFrom("", "/")).map(([before, parts, after]) => `${before}${parts.join("/")}${after}`);
    const files = ["a/a/a", "a/a/b", "a/b", "b/a", "b/b/ab", "c", "ab", "a/.x", ".x/a", "b/c/a/b"];
    for (const rules of fc.sample(fc.array(rule, { minLength: 1, maxLength: 4 }), { seed, numRuns: 25 })) {
      const file = "FROM scratch\nCOPY . /\nLABEL l=1\n";
      const text = `${rules.join("\n")}\n`;
      expect([text, built(ours, file, files, text)?.files]).toEqual([text, built(theirs, file, files, text)?.files]);
    }
  }, 300_000);
});
