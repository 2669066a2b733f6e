// Short names against real registries.conf files: order of candidates, and podman's words when there are none.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readRegistriesConf } from "../registry/registries-conf.ts";
import { parseReference, referenceText } from "./reference.ts";
import { localCandidates, resolveShortName } from "./short-names.ts";

const directory = mkdtempSync(join(tmpdir(), "coracle-names-"));
afterAll(() => rmSync(directory, { recursive: true }));

let made = 0;
function conf(text: string) {
  const file = join(directory, `registries-${++made}.conf`);
  writeFileSync(file, text);
  return readRegistriesConf({ file, dir: join(directory, "none"), aliasFile: join(directory, `aliases-${made}.conf`) });
}

const names = async (name: string, text: string, prompt?: Parameters<typeof resolveShortName>[2]) =>
  (await resolveShortName(name, conf(text), prompt)).candidates.map(referenceText);

test("a whole name stands for itself", async () => {
  expect(await names("quay.io/a", "")).toEqual(["quay.io/a:latest"]);
});

test("an alias comes before search registries and keeps the tag", async () => {
  const text = 'unqualified-search-registries = ["x.test"]\n[aliases]\n"ubi8" = "reg.test/ubi8"\n';
  const resolved = await resolveShortName("ubi8:1", conf(text));
  expect(resolved.candidates.map(referenceText)).toEqual(["reg.test/ubi8:1"]);
  expect(resolved.description).toMatch(/^Resolved "ubi8" as an alias \(.*registries-\d+\.conf\)$/);
});

const two = 'unqualified-search-registries = ["a.test", "b.test"]\n';

test("permissive and disabled try all registries in order", async () => {
  for (const mode of ["permissive", "disabled"]) {
    expect(await names("x", `${two}short-name-mode = "${mode}"`)).toEqual(["a.test/x:latest", "b.test/x:latest"]);
  }
});

test("enforcing without a terminal refuses what is ambiguous, and says what to type", async () => {
  await expect(names("x", `${two}short-name-mode = "enforcing"`)).rejects.toMatchObject({
    message: "short-name resolution enforced but cannot prompt without a TTY: name the registry: podman pull a.test/x:latest or podman pull b.test/x:latest",
  });
});

test("a choice on the terminal is kept as an alias", async () => {
  const settings = conf(`${two}short-name-mode = "enforcing"`);
  const resolved = await resolveShortName("x:2", settings, async (_, choices) => choices[1]);
  expect(resolved.candidates.map(referenceText)).toEqual(["b.test/x:2"]);
  resolved.record?.();
  expect(readFileSync(settings.aliasFile, "utf8")).toContain("b.test/x");
  expect((await resolveShortName("x", settings)).candidates.map(referenceText)).toEqual(["b.test/x:latest"]);
});

test("without any registry the message is podman's", async () => {
  await expect(names("x", "")).rejects.toThrow(
    /^short-name "x" did not resolve to an alias and no unqualified-search registries are defined in ".*registries-\d+\.conf"$/,
  );
});

test("locally a short name is looked for at localhost, the search registries and Docker Hub", () => {
  expect(localCandidates(parseReference("x"), conf(two)).map(referenceText))
    .toEqual(["localhost/x:latest", "a.test/x:latest", "b.test/x:latest", "docker.io/library/x:latest"]);
});
